"""Where bodies of HTTP/1.1 messages end. No I/O; what could be read in two ways is refused (RFC 9112, 6)."""

import re

from rehearsal.splitter.message import Answer, BadMessage, Head, Request

_CHUNK_LINE_MAX_BYTES = 4_096
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n\0]*)?")


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
