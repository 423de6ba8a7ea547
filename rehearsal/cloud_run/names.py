"""Resource names as the API writes them, and the fingerprint that guards each resource."""

import base64
import re
import secrets
import string

_PARENT = re.compile(r"(?P<parent>projects/\w[^/]*/locations/\w[^/]*)")
_SERVICE = re.compile(_PARENT.pattern + r"/services/(?P<service>[^/]+)")
_REVISION = re.compile(_SERVICE.pattern + r"/revisions/(?P<revision>[^/]+)")
_RANDOM_LETTERS = 3


def parent_of(name: str) -> str:
    """Return `projects/P/locations/L` of a resource name; ValueError when it has none."""
    match = _PARENT.match(name)
    if match is None:
        raise ValueError(f"{name!r} is not below projects/PROJECT/locations/LOCATION")
    return match[0]


def place_of(name: str) -> str:
    """Return `PROJECT/LOCATION/SERVICE` of a service's name, under which its requests are counted."""
    parent, service = split_service(name)
    return "/".join((*parent.split("/")[1::2], service))


def split_service(name: str) -> tuple[str, str]:
    """Return parent and id of a service's name; ValueError when it is not one."""
    match = _SERVICE.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not a service; write projects/PROJECT/locations/LOCATION/services/SERVICE")
    return match["parent"], match["service"]


def split_revision(name: str) -> tuple[str, str]:
    """Return the service's full name and the revision's short name; ValueError when it is not a revision."""
    match = _REVISION.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not a revision; write …/services/SERVICE/revisions/REVISION")
    return f"{match['parent']}/services/{match['service']}", match["revision"]


def short(name: str) -> str:
    """Return the last part of a name: traffic targets use it where `latest_ready_revision` has the whole."""
    return name.rpartition("/")[2]


def generated_revision(service: str, generation: int) -> str:
    """Return a revision name in the manner of the platform: `shop-00007-kxw`."""
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(_RANDOM_LETTERS))
    return f"{service}-{generation:05d}-{letters}"


def etag(name: str, updated_ns: int) -> str:
    """Return the quoted fingerprint of a resource as of one update."""
    stamp = base64.b64encode(updated_ns.to_bytes(8, "big")).decode().rstrip("=")
    return f'"{stamp}/{base64.b64encode(name.encode()).decode().rstrip("=")}"'
