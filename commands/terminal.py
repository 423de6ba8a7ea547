"""How to speak to whoever reads: signs or letters, colour or none, live or plain lines, how wide.

The answer goes to stdout, the telling to stderr.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import IO, Any

import click

_WIDTH = 80


class Sign(Enum):
    """How something went: its sign, its letters where signs cannot be written, and its colour."""

    GOOD = ("✓", "ok", "green")
    NOW = ("●", "..", "cyan")
    TO_COME = ("○", "--", None)
    BAD = ("✗", "XX", "red")
    UNCLEAR = ("?", "??", "yellow")
    BLIND = ("!", "!!", "yellow")
    BACK = ("↩", "<<", "red")


@dataclass(frozen=True, slots=True)
class Terminal:
    """What one stream can show. `live`: lines may be redrawn. `verbosity` counts the -v."""

    color: bool = False
    signs: bool = True
    live: bool = False
    width: int = _WIDTH
    verbosity: int = 0

    @classmethod
    def of(
        cls,
        stream: IO[str],
        environ: Mapping[str, str] = os.environ,
        color: str = "auto",
        verbosity: int = 0,
    ) -> "Terminal":
        """Look at a stream and the environment: NO_COLOR beats `color` beats FORCE_COLOR beats the TTY."""
        tty, dumb = stream.isatty(), environ.get("TERM") == "dumb"
        width = shutil.get_terminal_size((_WIDTH, 24)).columns if tty else _WIDTH
        return cls(
            color=_colored(environ, color, tty=tty and not dumb),
            signs=not dumb and can_write(stream, "✓●○✗↩"),
            live=tty and not dumb and "CI" not in environ,
            width=max(40, width),
            verbosity=verbosity,
        )

    def paint(self, text: str, color: str | None = None, *, bold: bool = False, dim: bool = False) -> str:
        """Return the text in a colour, where there are colours."""
        return click.style(text, fg=color, bold=bold or None, dim=dim or None) if self.color else text

    def sign(self, sign: Sign) -> str:
        """Return a sign, or its letters."""
        symbol, letters, color = sign.value
        return self.paint(symbol if self.signs else letters, color)

    def row(self, sign: Sign, name: str, text: str, took: str = "") -> str:
        """Return `  ✓ name        text                 1.1 s`: the time at the right, when there is one."""
        shown = f"  {sign.value[0 if self.signs else 1]} {name:<11} {text}"
        row = shown.replace(sign.value[0 if self.signs else 1], self.sign(sign), 1)
        room = min(self.width, _WIDTH) - len(shown) - 1
        return f"{row}{took:>{room}}" if took and room > len(took) else f"{row}  {took}".rstrip()

    def bar(self, share: float, width: int = 26) -> str:
        """Return a bar of which a share (0 to 1) is done."""
        done = round(max(0.0, min(1.0, share)) * width)
        return self.paint("━" * max(0, done - 1) + "╸" * min(1, done), "green") + self.paint(
            "─" * (width - done), dim=True
        )

    def link(self, text: str, url: str) -> str:
        """Return a short text that is a link where it can be one, and the address itself elsewhere."""
        return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\" if self.live and self.signs else url

    def next(self, *commands: str) -> str:
        """Return the last lines of an answer: what to type next."""
        return "\n".join(f"{'Next' if index == 0 else '':<6}{command}" for index, command in enumerate(commands))


def document(kind: str, fields: Mapping[str, Any]) -> str:
    """Return the one JSON document of a command; `kind` is `status/1`. Fields are only ever added."""
    return json.dumps({"schema": f"surefoot.{kind}", **fields}, indent=2, ensure_ascii=False, default=str)


def can_write(stream: IO[str], text: str) -> bool:
    """Return whether a stream's encoding has these characters."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _colored(environ: Mapping[str, str], color: str, *, tty: bool) -> bool:
    if environ.get("NO_COLOR"):
        return False
    if color != "auto":
        return color == "always"
    return bool(environ.get("FORCE_COLOR")) or tty
