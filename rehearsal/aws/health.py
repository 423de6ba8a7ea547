"""One look at one target, as a load balancer takes it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from rehearsal.backend import Backend


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a target, and why it is in it."""

    state: str
    reason: str = ""
    description: str = ""


HEALTHY = Health("healthy")
INITIAL = Health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
DRAINING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
UNUSED = Health("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
_GONE = Health("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
_SLOW = Health("unhealthy", "Target.Timeout", "Request timed out")


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """What is asked of a target: a GET of `path` answered with one of the codes; without a path, a connection."""

    path: str
    codes: str
    timeout_s: float

    async def look(self, backend: Backend) -> Health:
        """Look once."""
        try:
            async with asyncio.timeout(self.timeout_s):
                status = await _status(backend, self.path)
        except TimeoutError:
            return _SLOW
        except (OSError, ValueError):  # it is not there, or what it says is no status line
            return _GONE
        if status is None:
            return HEALTHY if not self.path else _GONE
        if accepts(self.codes, status):
            return HEALTHY
        text = f"Health checks failed with these codes: [{status}]"
        return Health("unhealthy", "Target.ResponseCodeMismatch", text)


def accepts(codes: str, status: int) -> bool:
    """Say whether a status is among codes such as `200`, `200,302` or `200-299`; ValueError when those are none."""
    ranges = [part.partition("-") for part in codes.split(",")]
    return any([int(first) <= status <= int(last or first) for first, _, last in ranges])  # noqa: C419  reads them all


async def _status(backend: Backend, path: str) -> int | None:
    """Return the status that a target answered with; None where it was not asked for one, or gave none."""
    reader, writer = await asyncio.open_connection(backend.host, backend.port)
    try:
        if not path:
            return None
        asking = (
            f"GET {path} HTTP/1.1\r\nHost: {backend}\r\nUser-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n"
        )
        writer.write(asking.encode())
        status = (await reader.readline())[9:12]
        return int(status) if status.isdigit() else None
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
