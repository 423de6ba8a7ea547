"""A mistake in a service file: where it is, what is wrong, and what would be right."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tasks.settings.document import Path, Span
from tasks.settings.secrets import MASK, mask, secret_spans


@dataclass(frozen=True, slots=True)
class Found:
    """Something wrong at a path: its key when `on_key`, else its value. `also` is another place to show with it.

    `nearest` is the full path that an unknown key was probably meant to be; `secret`: the value is never to be shown.
    """

    path: Path
    message: str
    on_key: bool = False
    also: Path | None = None
    nearest: Path | None = None
    missing: bool = False
    secret: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake; line and column from 1, as editors count. `excerpt` is numbered lines without secrets.

    `caret` is column (from 0, in the excerpt's last line) and width of what is meant.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    excerpt: tuple[tuple[int, str], ...] = field(default=(), repr=False)
    caret: tuple[int, int] = (0, 1)

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where} {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


def dotted(path: Path) -> str:
    """Return a path as people write it: `environments.production.rollout.steps[0].watch`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if re.fullmatch(r"[\w-]+", part) else repr(part)
            text += f".{word}" if text else word
    return text


class Page:
    """A file's text with its secrets blotted out, to quote from."""

    def __init__(self, file: str, text: str, secrets: Iterable[Span] = ()) -> None:
        self._file = file
        self._lines = text.splitlines()
        self._blots: dict[int, list[tuple[int, int]]] = {}
        self._words: set[str] = set()
        for span in (*secrets, *(span_of(text, *ends) for ends in secret_spans(text))):
            self._blot(span)

    def mistake(self, path: Path, message: str, span: Span, since: Span | None = None) -> Mistake:
        """Return a mistake at a span, quoting from `since` when that is just above."""
        first = since.line if since and 0 <= span.line - since.line <= 2 else span.line
        excerpt = tuple((number + 1, self._shown(number)) for number in range(first, span.line + 1))
        return Mistake(
            self._file,
            span.line + 1,
            span.column + 1,
            self._safe(dotted(path)),
            self._safe(message),
            excerpt,
            self._caret(span),
        )

    def _blot(self, span: Span) -> None:
        for line in range(span.line, min(span.end_line, len(self._lines) - 1) + 1):
            text = self._lines[line]
            start = span.column if line == span.line else len(text) - len(text.lstrip())
            end = span.end_column if line == span.end_line else len(text)
            if end > start:
                self._blots.setdefault(line, []).append((start, end))
                self._words.add(text[start:end].strip("\"' "))

    def _shown(self, number: int) -> str:
        if number >= len(self._lines):
            return ""
        line = self._lines[number]
        for start, end in sorted(self._blots.get(number, ()), reverse=True):
            line = line[:start] + MASK + line[end:]
        return mask(line)

    def _caret(self, span: Span) -> tuple[int, int]:
        line = self._lines[span.line] if span.line < len(self._lines) else ""
        column = span.column
        for start, end in self._blots.get(span.line, ()):
            if (start, end) == (span.column, span.end_column):
                return column, len(MASK)
            if end <= span.column:
                column -= end - start - len(MASK)
        end = span.end_column if span.end_line == span.line else len(line.rstrip())
        return column, max(1, end - span.column)

    def _safe(self, text: str) -> str:
        for word in sorted(self._words, key=len, reverse=True):
            if len(word) > 3:
                text = text.replace(word, MASK)
        return mask(text)


def span_of(text: str, start: int, end: int) -> Span:
    """Return lines and columns of a piece of the text."""
    line, end_line = text.count("\n", 0, start), text.count("\n", 0, end)
    return Span(line, start - text.rfind("\n", 0, start) - 1, end_line, end - text.rfind("\n", 0, end) - 1)
