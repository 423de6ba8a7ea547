"""What was measured, as the section of docs/why/judge.md between its two marks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from judging.bars import Bar
from judging.grid import AS_FAST, BROKEN, KINDS, SLOWER, WORSE, Question
from judging.measure import Score
from judging.traffic import Cell

Scores = Mapping[tuple[str, str], Sequence[Score]]
BEGIN, END = "<!-- measured by bench/judge.py -->", "<!-- end of what was measured -->"
_Column = tuple[str, Callable[[str], str]]


def write(scores: Scores, bars: Sequence[Bar], page: Path) -> None:
    """Put these scores between the page's marks; ValueError where a mark is missing."""
    head, found, rest = page.read_text("utf-8").partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{page} has no place for what was measured: {BEGIN} and {END}")
    page.write_text("\n".join([head + BEGIN, "", *_lines(scores, bars), END + tail]), "utf-8")


def _lines(scores: Scores, bars: Sequence[Bar]) -> Iterator[str]:
    rules = list(dict.fromkeys(score.rule for row in scores.values() for score in row))
    yield "Errors of 0.5 % that become 2 % on a canary with 10 % of the traffic, looked at each minute for 30 minutes."
    yield "Spoiled: how many of users' requests a canary at 50/s costs until it is put back; we look every 5 s there."
    yield from _table(rules, list(_caught(scores)))
    yield "Good releases put back, in the worst situation of each kind:"
    yield from _table(rules, [(kind, _worst(scores, *KINDS[kind])) for kind in KINDS])
    yield "Slower canaries put back within 10 minutes, 10 requests/s to each side, in the hardest situation; and those"
    yield "that are as fast as stable, within 30 minutes, in the worst:"
    yield from _table(rules, list(_slower(scores)))
    yield "What is promised, and what was seen:"
    yield from ("", "| | promise | seen |", "|---|---|---|")
    yield from (f"| {bar.word} | {bar.promise} | {bar.seen} |" for bar in bars)
    yield ""


def _caught(scores: Scores) -> Iterator[_Column]:
    for per_s in (2, 10, 50):
        yield f"{per_s}/s: caught", _told(_plain(scores, per_s), _least)
    yield "10/s: median", _told(_plain(scores, 10), lambda row: _minutes(row[0].median_min))
    for cell in BROKEN.cells:
        if not cell.good:
            found = _of(scores, BROKEN, cell.__eq__)
            yield f"{cell.broken * 100:g} % broken: spoiled", _told(found, lambda row: f"{row[0].spoiled.mean():,.0f}")


def _plain(scores: Scores, per_s: float) -> list[Sequence[Score]]:
    name = f"4x {per_s:g}/s Poisson"
    return _of(scores, WORSE, lambda cell: cell.name == name)


def _slower(scores: Scores) -> Iterator[_Column]:
    for slower in sorted({cell.slower for cell in SLOWER.cells}):
        yield f"+{slower * 100:g} %", _told(_of(scores, SLOWER, partial(_is_slower, slower)), _least)
    yield "as fast", _worst(scores, AS_FAST, lambda _: True)


def _is_slower(by: float, cell: Cell) -> bool:
    return cell.slower == by


def _least(row: list[Score]) -> str:
    return _share(min(score.share for score in row))


def _worst(scores: Scores, question: Question, wanted: Callable[[Cell], bool]) -> Callable[[str], str]:
    return _told(_of(scores, question, wanted), lambda row: _share(max(score.share for score in row)))


def _of(scores: Scores, question: Question, wanted: Callable[[Cell], bool]) -> list[Sequence[Score]]:
    names = [cell.name for cell in question.cells if wanted(cell)]
    return [scores[question.title, name] for name in names if (question.title, name) in scores]


def _told(cells: Iterable[Sequence[Score]], figure: Callable[[list[Score]], str]) -> Callable[[str], str]:
    def tell(rule: str) -> str:
        row = [score for cell in cells for score in cell if score.rule == rule]
        return figure(row) if row else "-"

    return tell


def _share(share: float) -> str:
    return f"{share * 100:.1f} %" if 0 < share < 0.1 else f"{share * 100:.0f} %"


def _minutes(median: float) -> str:
    return f"{median:.0f} min" if np.isfinite(median) else "-"


def _table(rules: Sequence[str], columns: Sequence[_Column]) -> Iterator[str]:
    yield ""
    yield "| | " + " | ".join(head for head, _ in columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for rule in rules:
        yield f"| {rule} | " + " | ".join(tell(rule) for _, tell in columns) + " |"
    yield ""
