"""Mistakes in service files, as people read them: where, what, and the lines around it."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from commands.terminal import Terminal

if TYPE_CHECKING:
    from tasks.settings.mistake import Mistake

_HOW = "How the file is written: surefoot schema, docs/reference/service-file.md"


def told(mistakes: Sequence["Mistake"], terminal: Terminal) -> list[str]:
    """Return each mistake: with the lines around it where a person looks on, in one line for a log."""
    return [_with_excerpt(each, terminal) if terminal.live else str(each) for each in mistakes]


def summary(mistakes: int, files: int) -> str:
    """Return the last words: how many there are, and where it stands how a file is written."""
    many, count = f"{files} file{'' if files == 1 else 's'}", f"{mistakes} mistake{'' if mistakes == 1 else 's'}"
    if not mistakes:
        return f"{many}, no mistake. Nothing was changed or sent."
    return f"{count} in {many}. Nothing was changed or sent.\n{_HOW}"


def _with_excerpt(mistake: "Mistake", terminal: Terminal) -> str:
    where = f"{mistake.file}:{mistake.line}:{mistake.column}" if mistake.line else mistake.file
    head = f"{terminal.paint(where, bold=True)}{f' {mistake.path}' if mistake.path else ''}:"
    said = [f"  {line}" for line in wrap(mistake.message, 76, break_long_words=False, break_on_hyphens=False)]
    quoted = [f"{terminal.paint(f'{number:>5} |', dim=True)} {line}" for number, line in mistake.excerpt]
    if quoted:
        column, width = mistake.caret
        quoted.append(f"{terminal.paint('      |', dim=True)} {' ' * column}{terminal.paint('^' * width, 'red')}")
    return "\n".join((head, *said, *quoted, ""))
