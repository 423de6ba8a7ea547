"""HTTP/1.1 on the wire: heads, and where bodies end. No I/O; anything ambiguous is refused (RFC 9112)."""

import re
from dataclasses import dataclass

HEAD_MAX_BYTES = 65_536
_CHUNK_LINE_MAX_BYTES = 4_096
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-\xff]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n\0]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n\0]*)?")
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
    return Request(start, fields, match[3] == b"0", match[1], match[2])


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


class Body:
    """A body of `left` more bytes."""

    __slots__ = ("done", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.done = left == 0

    def take(self, data: bytes) -> int:
        """Return how many of the bytes belong to this body; `done` says whether it ended with them."""
        taken = min(self.left, len(data))
        self.left -= taken
        self.done = self.left == 0
        return taken


class UntilClose(Body):
    """A body that ends with its connection."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(-1)

    def take(self, data: bytes) -> int:
        """Return the number of bytes: all of them belong."""
        return len(data)


class Chunked(Body):
    """A body in chunks, passed on as it came; its trailer belongs to it."""

    __slots__ = ("_expects", "_line")

    def __init__(self) -> None:
        super().__init__(0)
        self.done = False
        self._expects = "size"
        self._line = b""

    def take(self, data: bytes) -> int:
        """Return how many of the bytes belong to this body; BadMessage when they are not chunks."""
        at, end = 0, len(data)
        while at < end and not self.done:
            if self.left:
                step = min(self.left, end - at)
                self.left -= step
                at += step
                continue
            cut = data.find(b"\n", at) + 1
            self._line += data[at : cut or end]
            at = cut or end
            if len(self._line) > _CHUNK_LINE_MAX_BYTES:
                raise BadMessage(f"a chunk line is longer than {_CHUNK_LINE_MAX_BYTES} bytes")
            if cut:
                self._read(self._line)
                self._line = b""
        return at

    def _read(self, line: bytes) -> None:
        if not line.endswith(b"\r\n"):
            raise BadMessage(f"a chunk line does not end in CR LF: {line[:80]!r}")
        text = line[:-2]
        if self._expects == "trailer":
            self.done = not text
        elif self._expects == "gap":
            if text:
                raise BadMessage(f"a chunk is longer than it said: {text[:80]!r}")
            self._expects = "size"
        else:
            match = _CHUNK_SIZE.fullmatch(text)
            if match is None:
                raise BadMessage(f"not a chunk size: {text[:80]!r}")
            self.left = int(match[1], 16)
            self._expects = "gap" if self.left else "trailer"


def request_body(head: Request) -> Body:
    """Return where the body of a request ends."""
    return _declared(head) or Body(0)


def answer_body(head: Answer, method: bytes) -> Body:
    """Return where the body of an answer to a request by `method` ends."""
    if method == b"HEAD" or head.status < 200 or head.status in (204, 304):
        return Body(0)
    return _declared(head) or UntilClose()


def _declared(head: Head) -> Body | None:
    coding = length = None
    for name, value, _ in head.fields:
        if name == b"content-length":
            if not value.isdigit() or len(value) > 18 or length not in (None, value):
                raise BadMessage(f"not one content length: {value[:80]!r}")
            length = value
        elif name == b"transfer-encoding":
            coding = value.lower() if coding is None else coding + b"," + value.lower()
    if coding is None:
        return None if length is None else Body(int(length))
    if coding != b"chunked" or length is not None or head.old:
        raise BadMessage(f"a body both coded {coding[:80]!r} and of length {length!r}, or coded otherwise than chunked")
    return Chunked()
