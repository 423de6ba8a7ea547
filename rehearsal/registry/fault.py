"""What goes wrong at the registry on demand, and errors in the specification's words."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from rehearsal.faults import Aim

DIGEST_HEADER = "Docker-Content-Digest"
_CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "MANIFEST_UNKNOWN", 405: "UNSUPPORTED", 429: "TOOMANYREQUESTS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFault(Aim):
    """What happens to a call (`Ping`, `HeadManifest`, `GetManifest`, `ListTags`, `GetBlob`, `GetToken`).

    Its resource is `shop:1.0.0`, `shop@sha256:…` or the repository. It waits `delay_s` seconds; then it is not answered
    (`reset`), or with HTTP `status` (and `retry_after_s`), or sent to `location`, or answered with `digest` in the
    digest's header, where `-` leaves the header out.
    """

    status: int = 0
    retry_after_s: int | None = None
    message: str = ""
    delay_s: float = 0.0
    reset: bool = False
    location: str = ""
    digest: str = ""

    def __post_init__(self) -> None:
        Aim.__post_init__(self)  # a slotted dataclass has no zero-argument super()
        if self.status and not 400 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not an error; write 400 to 599")
        if self.delay_s < 0:
            raise ValueError(f"delay_s {self.delay_s} is negative")


def error(status: int, message: str, *, code: str = "", detail: Any = None, headers: Any = None) -> web.Response:
    """Return an error as the specification has it."""
    said = {"code": code or _CODES.get(status, "UNKNOWN"), "message": message, "detail": detail}
    return web.json_response({"errors": [said]}, status=status, headers=headers)


def refusal(fault: RegistryFault) -> web.Response:
    """Return what a fault answers with in place of the registry."""
    if fault.location:
        return web.Response(status=307, headers={"Location": fault.location})
    after = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    return error(fault.status, fault.message or "as the rehearsal wants it", headers=after)


def misname(answer: web.StreamResponse, fault: RegistryFault | None) -> None:
    """Put a fault's digest in place of the right one, or leave it out."""
    if fault is not None and fault.digest:
        answer.headers.pop(DIGEST_HEADER, None)
        if fault.digest != "-":
            answer.headers[DIGEST_HEADER] = fault.digest


def reset(request: web.Request) -> web.Response:
    """Break the connection off."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
