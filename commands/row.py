"""One row of an answer: a sign, a name, its text in as many lines as it takes, its time."""

from dataclasses import dataclass
from textwrap import wrap

from commands.terminal import Sign, Terminal

WIDTH = 80
_NAME = 11
# Before a name and after it: two blanks, a sign, a blank; a blank.
_AROUND = 5
INDENT = _NAME + _AROUND


@dataclass(frozen=True, slots=True)
class Row:
    """One row: how it went, what, its lines, its time; `share` (0 to 1) draws a bar, `details` stand below."""

    sign: Sign
    name: str
    lines: tuple[str, ...]
    took: str = ""
    share: float | None = None
    details: tuple[tuple[str, str], ...] = ()

    def show(self, terminal: Terminal, name_width: int = _NAME) -> list[str]:
        """Return the row as lines of at most 80 columns, where words allow."""
        indent = name_width + _AROUND + (not terminal.signs)
        room = min(terminal.width, WIDTH) - indent
        first, *more = [piece for line in self.lines or ("",) for piece in broken(line, room)]
        bar = f"  {terminal.bar(self.share, room - len(first) - 2)}" if self.share is not None else ""
        head = terminal.row(self.sign, f"{self.name:<{name_width}}", first, self.took) + bar
        shown = [head, *(" " * indent + line for line in more)]
        for name, text in self.details:
            beside, *rest = broken(text, room)
            shown += [f"{' ' * (indent - 10)}{name:<10}{beside}", *(" " * indent + line for line in rest)]
        return [line.rstrip() for line in shown]


def broken(text: str, room: int) -> list[str]:
    """Return a text in lines of at most `room` columns: at the semicolons between its parts first, then at spaces."""
    if len(text) <= room:
        return [text]
    lines: list[str] = []
    for part in text.split("; "):
        if lines and len(lines[-1]) + 2 + len(part) <= room:
            lines[-1] += f"; {part}"
        else:
            lines += wrap(part, max(20, room), break_long_words=False, break_on_hyphens=False) or [""]
    return lines
