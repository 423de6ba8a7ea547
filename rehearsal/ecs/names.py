"""Names as ECS gives them: ARNs, the short names in them, and random ids."""

import secrets
import string
import uuid

ACCOUNT = "000000000000"
_BASE62 = string.ascii_letters + string.digits


def arn(region: str, kind: str, *parts: str) -> str:
    """Return `arn:aws:ecs:REGION:ACCOUNT:KIND/PART/PART`."""
    return f"arn:aws:ecs:{region}:{ACCOUNT}:{kind}/{'/'.join(parts)}"


def short(reference: str) -> str:
    """Return the last part of an ARN; a plain name stays as it is."""
    return reference.rpartition("/")[2]


def place(cluster: str, service: str) -> str:
    """Return `CLUSTER/SERVICE`, under which a service's requests are counted."""
    return f"{cluster}/{service}"


def digits() -> str:
    """Return nineteen random digits: the id of a service revision or of a deployment in a service."""
    return str(secrets.randbelow(9 * 10**18) + 10**18)


def token() -> str:
    """Return random letters and digits: the id of a service deployment."""
    return "".join(secrets.choice(_BASE62) for _ in range(21))


def task_id() -> str:
    """Return the id of a task."""
    return secrets.token_hex(16)


def event_id() -> str:
    """Return the id of an event or a container."""
    return str(uuid.uuid4())
