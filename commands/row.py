"""One row of an answer: a sign, a name, its text in as many lines as it takes, its time."""

from dataclasses import dataclass
from textwrap import wrap

from commands.terminal import Sign, Terminal

INDENT = 16
WIDTH = 80


@dataclass(frozen=True, slots=True)
class Row:
    """One row: how it went, what, its lines, its time; `share` (0 to 1) draws a bar, `details` stand below."""

    sign: Sign
    name: str
    lines: tuple[str, ...]
    took: str = ""
    share: float | None = None
    details: tuple[tuple[str, str], ...] = ()

    def show(self, terminal: Terminal) -> list[str]:
        """Return the row as lines of at most 80 columns, where words allow."""
        indent = INDENT + (not terminal.signs)
        room = min(terminal.width, WIDTH) - indent
        first, *more = [piece for line in self.lines or ("",) for piece in broken(line, room)]
        bar = f"  {terminal.bar(self.share, room - len(first) - 2)}" if self.share is not None else ""
        shown = [terminal.row(self.sign, self.name, first, self.took) + bar, *(" " * indent + line for line in more)]
        for name, text in self.details:
            head, *rest = broken(text, room)
            shown += [f"{' ' * (indent - 10)}{name:<10}{head}", *(" " * indent + line for line in rest)]
        return [line.rstrip() for line in shown]


def broken(text: str, room: int) -> list[str]:
    """Return a text in lines of at most `room` columns: at the semicolons between its parts first, then at spaces."""
    lines: list[str] = []
    for part in text.split("; "):
        if lines and len(lines[-1]) + 2 + len(part) <= room:
            lines[-1] += f"; {part}"
        else:
            lines += wrap(part, max(20, room), break_long_words=False, break_on_hyphens=False) or [""]
    return lines
