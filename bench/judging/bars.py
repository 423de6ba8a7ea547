"""What our judge promises, held against what was measured."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from judging.grid import (
    ALIKE,
    ALIKE_CLIMBING,
    ALIKE_LOOKED_AT,
    AS_FAST,
    BROKEN,
    DARK,
    EACH_MINUTE,
    OFTEN,
    SLOWER,
    WORSE,
    Question,
)
from judging.measure import Score
from judging.ours import FALSE_ALARM
from judging.traffic import Cell

Scores = Mapping[tuple[str, str], list[Score]]
# The bound of a share that is at most the budget, when there are 4,000 runs to show it.
BOUND = 0.013
# A few runs contradict a bar only when they hardly ever would by chance, in any of about a hundred cells.
_HARDLY = 0.9999


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise, what was seen, and whether it was kept; None: too few runs to tell."""

    promise: str
    seen: str
    kept: bool | None

    @property
    def word(self) -> str:
        """Return PASS, MISS or OPEN."""
        return {True: "PASS", False: "MISS", None: "OPEN"}[self.kept]


def bars(scores: Scores) -> Iterator[Bar]:
    """Yield every bar whose cells were measured."""
    yield from _caught(scores, "2/s, 0.5 % to 2 %: caught >= 55 %", lambda c: _is_plain(c, 2.0), 0.55)
    yield from _caught(scores, "10/s, the same: caught >= 99 %", lambda c: _is_plain(c, 10.0), 0.99)
    yield from _soon(scores)
    for question in (ALIKE, ALIKE_LOOKED_AT, ALIKE_CLIMBING, AS_FAST):
        yield from _spared(scores, question)
    yield from _slower(scores)
    yield from _spoiled(scores)
    yield from _dark(scores)


def _ours(scores: Scores, question: Question, wanted: Callable[[Cell], bool] = lambda _: True) -> list[Score]:
    cells = [cell for cell in question.cells if wanted(cell) and (question.title, cell.name) in scores]
    return [scores[question.title, cell.name][0] for cell in cells]


def _is_plain(cell: Cell, per_s: float) -> bool:
    plain = not cell.burst and not cell.outages and len(cell.shares) == 1
    return plain and cell.times == 4 and cell.per_s == per_s and cell.looks in (EACH_MINUTE, OFTEN)


def _caught(scores: Scores, promise: str, wanted: Callable[[Cell], bool], bar: float) -> Iterator[Bar]:
    for score in _ours(scores, WORSE, wanted):
        yield Bar(f"{promise}, {score.cell.looks} looks", _share(score), _at_least(score, bar))


def _at_least(score: Score, bar: float) -> bool | None:
    if score.share >= bar:
        return True
    return False if score.runs >= WORSE.full or score.bound(_HARDLY) < bar else None


def _soon(scores: Scores) -> Iterator[Bar]:
    for score in _ours(scores, WORSE, lambda cell: _is_plain(cell, 10.0)):
        seen = f"{score.median_min:.1f} min"
        yield Bar(f"10/s, the same: median <= 13 min, {score.cell.looks} looks", seen, score.median_min <= 13)


def _spared(scores: Scores, question: Question) -> Iterator[Bar]:
    """Yield the worst cell of a question without a change, and all of them together."""
    seen = _ours(scores, question)
    if not seen:
        return
    worst, runs, backs = max(seen, key=Score.bound), sum(each.runs for each in seen), sum(each.backs for each in seen)
    text = f"worst {_share(worst)}, bound {worst.bound() * 100:.2f} % ({worst.cell.name}); all {backs} of {runs:,}"
    enough = min(each.runs for each in seen) >= question.full
    if any(each.least(_HARDLY) > FALSE_ALARM for each in seen):
        kept: bool | None = False
    elif all(each.share <= FALSE_ALARM and each.bound() <= BOUND for each in seen):
        kept = True
    else:
        kept = False if enough else None
    yield Bar(f"{question.title}: <= 1 % in each of {len(seen)} cells, bound <= 1.3 %", text, kept)


def _slower(scores: Scores) -> Iterator[Bar]:
    seen = _ours(scores, SLOWER, lambda cell: cell.slower == 0.2)
    if seen:
        worst = min(seen, key=lambda score: score.share)
        enough = worst.runs >= SLOWER.full or worst.bound(_HARDLY) < 0.95
        kept = worst.share >= 0.95 or (False if enough else None)
        yield Bar("latency +20 %: caught >= 95 % in 10 min", f"worst {_share(worst)} ({worst.cell.name})", kept)


def _spoiled(scores: Scores) -> Iterator[Bar]:
    """Yield spoiled requests beside the best peer that puts back as few good releases, at the same traffic.

    Which process failures follow is known to nobody beforehand, so wrong rollbacks are those of all of them together:
    as few as ours, or as few as ours promises.
    """
    cells = [cell for cell in BROKEN.cells if (BROKEN.title, cell.name) in scores]
    alike = [scores[BROKEN.title, cell.name] for cell in cells if cell.good]
    shares = {row[0].rule: sum(score.share for score in row) / len(row) for row in zip(*alike, strict=True)}
    for cell in cells if shares else ():
        ours, *peers = scores[BROKEN.title, cell.name]
        fair = [peer for peer in peers if shares[peer.rule] <= max(shares[ours.rule], FALSE_ALARM)]
        if cell.good or not fair:
            continue
        best = min(fair, key=lambda score: float(score.spoiled.mean()))
        lost, theirs = float(ours.spoiled.mean()), float(best.spoiled.mean())
        seen = f"{lost:.1f} vs {theirs:.1f} ({best.rule}, {shares[best.rule] * 100:.1f} % wrong): {lost / theirs:.2f}"
        yield Bar(f"{cell.broken * 100:g} % broken, 50/s: spoiled <= half of the best peer's", seen, lost <= theirs / 2)


def _dark(scores: Scores) -> Iterator[Bar]:
    """Yield what a silent source does; beside it, how many were put back that would not have been had it spoken."""
    good, bad = _ours(scores, DARK, lambda cell: cell.good), _ours(scores, DARK, lambda cell: not cell.good)
    heard = {score.cell.looks: score for score in good if not score.cell.source}
    silent = [score for score in good if score.cell.source]
    unheard = [score for score in bad if score.cell.source]
    if not silent or not unheard or not all(score.cell.looks in heard for score in silent):
        return
    backs, runs = sum(score.backs for score in silent), sum(score.runs for score in silent)
    caused = sum(int((_is_back(score) & ~_is_back(heard[score.cell.looks])).sum()) for score in silent)
    wrong, of = sum(int(score.went_on.sum()) for score in unheard), sum(score.runs for score in unheard)
    seen = f"put back {backs} of {runs:,} good ({caused} of them not if it answers), let through {wrong} of {of:,} bad"
    yield Bar("metrics source down or failing: 0 wrong rollbacks, 0 wrong promotions", seen, not backs and not wrong)


def _is_back(score: Score) -> NDArray[np.bool_]:
    return np.isfinite(score.back_s)


def _share(score: Score) -> str:
    return f"{score.share * 100:.1f} % of {score.runs:,}"
