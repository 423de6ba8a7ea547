"""The standard streams, whatever we were started with: closed, full, with nobody at the other end, short of letters."""

import codecs
import io
import os
import sys
from pathlib import Path
from typing import Any

from commands.terminal import can_write

# Where these signs cannot be written, what stands for them; anything else becomes a question mark.
_LETTERS = {
    "→": "->",
    "·": "-",
    "…": "...",
    "≤": "<=",
    "≥": ">=",
    "—": "-",
    "\u2212": "-",
    "━": "=",
    "╸": ">",
    "─": "-",
}


_NOWHERE = Path(os.devnull)


class Outlet(io.FileIO):
    """Where a standard stream's bytes go. A reader that goes away is no error; nor is anything, unless it `matters`."""

    def __init__(self, stream: Any, called: str, *, matters: bool) -> None:
        super().__init__(stream.fileno(), "wb", closefd=False)
        self._stream = stream  # kept: it would close the number that both have
        self._called = called
        self._matters = matters
        self._lost = False

    def write(self, data: Any) -> int:
        """Write, or forget it once the stream is lost; what was lost is told once, so that closing it can succeed."""
        if not self._lost:
            try:
                return super().write(data)
            except OSError as problem:
                self._lost = True
                if self._matters and not isinstance(problem, BrokenPipeError):
                    raise OSError(problem.errno, problem.strerror, self._called) from problem
        return memoryview(data).nbytes


def prepare() -> None:
    """Make the standard streams ones that may be used without a second thought; for a process of our own only."""
    # Closed: an end that leads nowhere takes its number, or the next file that is opened would.
    sys.stdin = sys.stdin or _NOWHERE.open(encoding="utf-8")
    # The answer matters; the telling may be lost.
    sys.stdout = _let_out(sys.stdout or _NOWHERE.open("w", encoding="utf-8"), "standard output", matters=True)
    sys.stderr = _let_out(sys.stderr or _NOWHERE.open("w", encoding="utf-8"), "standard error", matters=False)
    never_fail_to_write(sys.stdout, sys.stderr)


def never_fail_to_write(*streams: Any) -> None:
    """Let streams write letters where their encoding lacks a sign, instead of raising."""
    codecs.register_error("letters", _to_letters)
    codecs.register(_ascii_by_another_name)
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            ascii_only = not can_write(stream, "é")
            stream.reconfigure(encoding="letters" if ascii_only else stream.encoding, errors="letters")


def _let_out(stream: Any, called: str, *, matters: bool) -> Any:
    buffer = io.BufferedWriter(Outlet(stream, called, matters=matters))
    return io.TextIOWrapper(buffer, stream.encoding, stream.errors, line_buffering=stream.line_buffering)


def _ascii_by_another_name(name: str) -> codecs.CodecInfo | None:
    """Find the codec `letters`: click takes a stream that says ASCII for a broken one, and writes UTF-8 to it."""
    if name != "letters":
        return None
    real = codecs.lookup("ascii")
    return codecs.CodecInfo(
        real.encode,
        real.decode,
        real.streamreader,
        real.streamwriter,
        real.incrementalencoder,
        real.incrementaldecoder,
        name,
    )


def _to_letters(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    lacking = problem.object[problem.start : problem.end]
    return "".join(_LETTERS.get(character, "?") for character in lacking), problem.end
