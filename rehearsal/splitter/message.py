"""Heads of HTTP/1.1 messages. No I/O; what could be read in two ways is refused (RFC 9112)."""

import re
from dataclasses import dataclass

HEAD_MAX_BYTES = 65_536
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-\xff]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n\0]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"upgrade",
    )
)


class BadMessage(Exception):
    """Bytes that are not one unambiguous HTTP/1.1 message."""


@dataclass(slots=True)
class Head:
    """A start line and its fields as (name in lower case, value, the whole line)."""

    line: bytes
    fields: list[tuple[bytes, bytes, bytes]]
    old: bool
    """HTTP/1.0: no chunks, no interim answers, and closed afterwards."""

    def get(self, name: bytes) -> bytes | None:
        """Return the value of a field given in lower case, several joined by a comma; None if it is not there."""
        values = [value for known, value, _ in self.fields if known == name]
        return b", ".join(values) if values else None

    def lists(self, name: bytes, token: bytes) -> bool:
        """Say whether a comma-separated field holds a token, in any case."""
        value = self.get(name)
        return value is not None and token in [part.strip() for part in value.lower().split(b",")]

    def end_to_end(self) -> list[bytes]:
        """Return the lines to pass on: all but those meant for this hop only."""
        named = self.get(b"connection")
        dropped = _HOP_BY_HOP
        if named is not None:
            dropped = dropped | {part.strip() for part in named.lower().split(b",")} - {
                b"transfer-encoding",
                b"content-length",
            }
        return [line for name, _, line in self.fields if name not in dropped]


@dataclass(slots=True)
class Request(Head):
    """The head of a request."""

    method: bytes
    target: bytes

    @property
    def lasting(self) -> bool:
        """Say whether the connection may be used again afterwards."""
        return not self.old and not self.lists(b"connection", b"close")

    @property
    def upgrading(self) -> bool:
        """Say whether the client asks to leave HTTP, as websockets do."""
        return not self.old and self.lists(b"connection", b"upgrade") and self.get(b"upgrade") is not None


@dataclass(slots=True)
class Answer(Head):
    """The head of an answer."""

    status: int

    @property
    def lasting(self) -> bool:
        """Say whether the connection may be used again afterwards."""
        return not self.old and not self.lists(b"connection", b"close")


def parse_request(raw: bytes) -> Request:
    """Read a request's head, without its closing empty line."""
    start, fields = _split(raw)
    match = _REQUEST_LINE.fullmatch(start)
    if match is None:
        raise BadMessage(f"not a request line: {start[:80]!r}")
    head = Request(start, fields, match[3] == b"0", match[1], match[2])
    hosts = sum(name == b"host" for name, _, _ in fields)
    if hosts > 1 or (hosts < 1 and not head.old):
        raise BadMessage(f"a request has one Host field, not {hosts}")
    return head


def parse_answer(raw: bytes) -> Answer:
    """Read an answer's head, without its closing empty line."""
    start, fields = _split(raw)
    match = _STATUS_LINE.fullmatch(start)
    if match is None:
        raise BadMessage(f"not a status line: {start[:80]!r}")
    return Answer(start, fields, match[1] == b"0", int(match[2]))


def _split(raw: bytes) -> tuple[bytes, list[tuple[bytes, bytes, bytes]]]:
    start, *lines = raw.split(b"\r\n")
    fields = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise BadMessage(f"not a header field: {line[:80]!r}")
        fields.append((match[1].lower(), match[2], line))
    return start, fields
