"""Heads as they are passed on: without what was meant for one hop, with what the other side is to know."""

import re

from rehearsal.splitter.message import Answer, Request

_COOKIE = b"rehearsal_revision"
_REMEMBERED = re.compile(rb"(?:^|;[ \t]*)" + _COOKIE + rb"=([A-Za-z0-9:_-]+)")


def remembered(request: Request) -> str | None:
    """Return the revision that the client's cookie names, if it has one."""
    match = _REMEMBERED.search(request.get(b"cookie") or b"")
    return match[1].decode() if match else None


def asking(request: Request, peer: bytes) -> bytes:
    """Return the head for the revision; it learns who asked, and at which address."""
    lines = [request.line, *(line for line in request.end_to_end() if line[:12].lower() != b"x-forwarded-")]
    before, host = request.get(b"x-forwarded-for"), request.get(b"host")
    lines.append(b"X-Forwarded-For: " + (before + b", " + peer if before else peer))
    lines.append(b"X-Forwarded-Proto: http")
    if host is not None:
        lines.append(b"X-Forwarded-Host: " + host)
    if request.upgrading:
        lines += [b"Connection: Upgrade", b"Upgrade: " + (request.get(b"upgrade") or b"")]
    return _head(lines)


def interim(answer: Answer) -> bytes:
    """Return the head of an answer before the final one."""
    return _head([answer.line, *answer.end_to_end()])


def switching(answer: Answer, request: Request) -> bytes:
    """Return the head that ends HTTP on this connection."""
    protocol = answer.get(b"upgrade") or request.get(b"upgrade") or b""
    return _head([answer.line, *answer.end_to_end(), b"Connection: Upgrade", b"Upgrade: " + protocol])


def answering(answer: Answer, *, lasting: bool, remember: str | None) -> bytes:
    """Return the head for the client, which is to come back to the revision `remember` if there is one."""
    lines = [b"HTTP/1.1" + answer.line[8:], *answer.end_to_end()]
    if remember is not None:
        lines.append(b"Set-Cookie: " + _COOKIE + b"=" + remember.encode() + b"; Path=/; HttpOnly; SameSite=Lax")
    if not lasting:
        lines.append(b"Connection: close")
    return _head(lines)


def _head(lines: list[bytes]) -> bytes:
    return b"\r\n".join(lines) + b"\r\n\r\n"
