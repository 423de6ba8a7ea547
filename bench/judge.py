"""What our judge catches, how soon, and what it puts back wrongly, beside the published rules of its peers.

    python bench/judge.py [--full] [--seed 1] [--only CELL] [--plots] [--processes 2]

Simulated traffic, the same for every rule: plain and bursty failures, outages that hit both sides, climbs, latency
with waves and with a spread between two sides that are alike, and a metrics source that does not answer. Kayenta, Argo
Rollouts, Flagger and PipeCD are derived anew from their documentation (bench/judging/peers.py). Without --full there
are few runs of each cell: a bar that they cannot tell is OPEN. A cell is looked at each minute, or as often as its name
says: x360 is every five seconds. Ends with 1 when a bar is missed.

Columns: Kayenta at the end and each minute, Argo Rollouts, Flagger with a threshold of 5 and 10, PipeCD with a limit of
0 and 1, and a plain test at 0.01 on pooled counts at the end and each minute.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from judging.bars import Bar, bars
from judging.grid import (
    ALIKE,
    ALIKE_CLIMBING,
    ALIKE_LOOKED_AT,
    AS_FAST,
    BROKEN,
    DARK,
    QUESTIONS,
    SLOWER,
    WORSE,
    Question,
)
from judging.measure import Score, measure
from judging.one_look import one_look
from judging.plots import draw
from judging.report import write

DOCS = Path(__file__).parent.parent / "docs"
_SHORT = {
    "surefoot": "ours",
    "Kayenta, at the end": "KayE",
    "Kayenta, each minute": "KayM",
    "Argo Rollouts": "Argo",
    "Flagger, threshold 5": "Fla5",
    "Flagger, threshold 10": "Fl10",
    "PipeCD, limit 0": "Pip0",
    "PipeCD, limit 1": "Pip1",
    "pooled 0.01, at the end": "PooE",
    "pooled 0.01, each minute": "PooM",
}


def _percent(share: float) -> str:
    if share in (0, 1):
        return f"{share * 100:.0f}"
    return f"{share * 100:.2f}" if share < 0.01 else f"{share * 100:.1f}"


def _back(score: Score) -> str:
    return _percent(score.share)


def _bound(score: Score) -> str:
    return _percent(score.bound())


def _went_on(score: Score) -> str:
    return _percent(float(score.went_on.mean()))


def _median(score: Score) -> str:
    return f"{score.median_min:.1f}" if np.isfinite(score.median_min) else "-"


def _spoiled(score: Score) -> str:
    return f"{score.spoiled.mean():.0f}"


_Column = Callable[[Score], str]
_TABLES: dict[str, tuple[tuple[str, _Column], ...]] = {
    ALIKE.title: (("put back, %", _back),),
    ALIKE_CLIMBING.title: (("put back, %", _back),),
    WORSE.title: (("caught, %", _back), ("median minutes", _median), ("let through, %", _went_on)),
    BROKEN.title: (("requests spoiled", _spoiled), ("put back, %", _back), ("median minutes", _median)),
    SLOWER.title: (("caught, %", _back), ("median minutes", _median)),
    AS_FAST.title: (("put back, %", _back),),
    DARK.title: (("put back, %", _back), ("let through, %", _went_on)),
}
_Scores = Mapping[tuple[str, str], Sequence[Score]]


def _print(scores: _Scores) -> None:
    """Print a table for each question and figure: a row for each cell, a column for each rule."""
    for title, figures in _TABLES.items():
        rows = {name: row for (question, name), row in scores.items() if question == title}
        for what, figure in figures if rows else ():
            first = next(iter(rows.values()))
            print(f"\n{title}\n{what:<36}" + "".join(f"{_SHORT[score.rule]:>5}" for score in first))
            for name, row in rows.items():
                print(f"{name:<36}" + "".join(f"{figure(score):>5}" for score in row))
        if title == ALIKE.title:
            _print_by_looks(scores)


def _print_by_looks(scores: _Scores) -> None:
    """Print what we put back wrongly by how often we look: share, and its upper 95 % bound."""
    found: dict[str, dict[int, Score]] = defaultdict(dict)
    for (title, name), (ours, *_) in scores.items():
        if title in (ALIKE.title, ALIKE_LOOKED_AT.title):
            found[name.removesuffix(f" x{ours.cell.looks}")][ours.cell.looks] = ours
    looks = sorted({number for row in found.values() for number in row})
    if looks:
        print(f"\n{ALIKE_LOOKED_AT.title}\n{'put back, % (upper bound)':<26}" + "".join(f"x{n:<12}" for n in looks))
    for name, row in found.items():
        cells = [f"{_back(row[n])} ({_bound(row[n])})" if n in row else "" for n in looks]
        print(f"{name:<26}" + "".join(f"{cell:<13}" for cell in cells))


def _chosen(only: str) -> list[Question]:
    """Return the questions with those of their cells whose name has the words."""
    found = [replace(each, cells=tuple(cell for cell in each.cells if only in cell.name)) for each in QUESTIONS]
    return [question for question in found if question.cells]


def _print_bars(found: Sequence[Bar]) -> None:
    print()
    for bar in found:
        print(f"{bar.word}  {bar.promise}\n      {bar.seen}")


def main() -> int:
    """Measure and print; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="as many runs as the bars need; takes hours")
    parser.add_argument("--quick", action="store_true", help="few runs of each cell (the default)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="CELL", help="cells whose name has these words")
    parser.add_argument(
        "--plots", action="store_true", help="draw docs/pictures/judge-*.svg, and fill docs/why/judge.md"
    )
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    began = time.monotonic()
    scores = measure(_chosen(asked.only), asked.seed, asked.full and not asked.quick, asked.processes)
    _print(scores)
    found = [*bars(scores), one_look(asked.seed)]
    _print_bars(found)
    if asked.plots:
        draw(scores, DOCS / "pictures")
        write(scores, found, DOCS / "why" / "judge.md")
    print(f"\nseed {asked.seed}, {(time.monotonic() - began) / 60:.1f} min")
    return 1 if any(bar.kept is False for bar in found) else 0


if __name__ == "__main__":
    sys.exit(main())
