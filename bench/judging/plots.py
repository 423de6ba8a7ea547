"""Three pictures for docs/why/judge.md: what is caught, what is put back wrongly, and how soon."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from judging.grid import ALIKE, KINDS, RATES, WORSE, Question
from judging.measure import Score
from judging.ours import FALSE_ALARM, OURS

Scores = Mapping[tuple[str, str], Sequence[Score]]
_OURS = "#2563eb"
_COLOURS = {
    OURS: _OURS,
    "Kayenta, at the end": "#b45309",
    "Kayenta, each minute": "#f59e0b",
    "Argo Rollouts": "#dc2626",
    "Flagger, threshold 5": "#15803d",
    "Flagger, threshold 10": "#86efac",
    "PipeCD, limit 0": "#7c3aed",
    "PipeCD, limit 1": "#c4b5fd",
    "pooled 0.01, at the end": "#374151",
    "pooled 0.01, each minute": "#9ca3af",
}
# Nothing of a thousand runs is drawn here, at the left end of a logarithmic axis.
_NONE = 3e-4
_DASHED = 0.02


def draw(scores: Scores, folder: Path) -> list[Path]:
    """Write the pictures whose cells were measured; the same scores give the same bytes."""
    pictures = {"judge-power.svg": _power, "judge-false-alarms.svg": _false_alarms, "judge-time.svg": _time}
    drawn = []
    for name, picture in pictures.items():
        if (figure := picture(scores)) is not None:
            with rc_context({"svg.fonttype": "none", "svg.hashsalt": "surefoot"}):
                figure.savefig(folder / name, metadata={"Date": None})
            drawn.append(folder / name)
    return drawn


def _row(scores: Scores, question: Question, name: str) -> dict[str, Score]:
    return {score.rule: score for score in scores.get((question.title, name), ())}


def _style(rule: str) -> dict[str, Any]:
    ours = rule == OURS
    return {"color": _COLOURS[rule], "linewidth": 2.6 if ours else 1.2, "zorder": 3 if ours else 2, "label": rule}


def _figure(width: float, height: float, columns: int) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(1, columns, sharey=True)))
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    return figure, axes


def _power(scores: Scores) -> Figure | None:
    """Draw the share caught over traffic."""
    figure, axes = _figure(8, 3.4, 2)
    for axis, times in zip(axes, (2, 4), strict=True):
        rows = [_row(scores, WORSE, f"{times}x {per_s:g}/s Poisson") for per_s in RATES]
        if not all(rows):
            return None
        for rule in rows[0]:
            caught = [row[rule].share * 100 for row in rows]
            axis.plot(RATES, caught, marker=".", linestyle=_line(scores, rule), **_style(rule))
        axis.set_xscale("log")
        axis.set_xticks(RATES, [f"{rate:g}" for rate in RATES])
        axis.minorticks_off()
        axis.set_title(f"errors 0.5 % to {times * 0.5:g} %", fontsize=9, loc="left")
        axis.set_xlabel("requests/s, 10 % of them to the canary", fontsize=8)
    axes[0].set_ylabel("caught in 30 minutes, %", fontsize=8)
    _legend(figure, axes[0])
    return figure


def _legend(figure: Figure, axis: Any) -> None:
    title = f"dashed: puts back more than\n{_DASHED:.0%} of good releases too"
    handles = axis.get_legend_handles_labels()
    figure.legend(*handles, title=title, title_fontsize=7, fontsize=7, frameon=False, loc="outside right center")


def _line(scores: Scores, rule: str) -> str:
    return "--" if _wrong(scores, rule) > _DASHED else "-"


def _wrong(scores: Scores, rule: str) -> float:
    """Return the largest share that a rule puts back wrongly where nothing changed and failures are plain."""
    rows = [_row(scores, ALIKE, f"alike {per_s:g}/s Poisson") for per_s in RATES]
    return max((row[rule].share for row in rows if rule in row), default=0.0)


def _false_alarms(scores: Scores) -> Figure | None:
    """Draw each rule's wrong rollbacks, a dot a cell."""
    found = [
        [row for cell in question.cells if wanted(cell) and (row := _row(scores, question, cell.name))]
        for question, wanted in KINDS.values()
    ]
    if not all(found):
        return None
    figure, axes = _figure(9, 3.4, len(KINDS))
    rules = list(found[0][0])[::-1]
    for axis, title, rows in zip(axes, KINDS, found, strict=True):
        for place, rule in enumerate(rules):
            shares = sorted({max(row[rule].share, _NONE) * 100 for row in rows})
            axis.plot(shares, [place] * len(shares), "o", color=_COLOURS[rule], alpha=0.6, markersize=5)
        axis.axvline(FALSE_ALARM * 100, color="#374151", linewidth=0.8, linestyle=":")
        axis.set_xscale("log")
        axis.set_xlim(_NONE * 60, 150)
        axis.set_xticks([_NONE * 100, 1, 10, 100], ["0", "1", "10", "100"])
        axis.minorticks_off()
        axis.set_title(title, fontsize=8, loc="left")
    axes[0].set_yticks(range(len(rules)), rules)
    axes[len(axes) // 2].set_xlabel("good rollouts put back, %", fontsize=8)
    return figure


def _time(scores: Scores) -> Figure | None:
    """Draw how many of the bad rollouts were put back by which minute."""
    often, minutely = _row(scores, WORSE, "4x 10/s Poisson x360"), _row(scores, WORSE, "4x 10/s Poisson")
    if not often or not minutely:
        return None
    figure, (axis,) = _figure(8, 3.4, 1)
    for rule, score in minutely.items():
        _climb(axis, score, linestyle=_line(scores, rule), **_style(rule))
    _climb(axis, often[OURS], **{**_style(OURS), "linestyle": ":", "label": f"{OURS}, every 5 s"})
    axis.set_xlabel("minutes; errors 0.5 % to 2 %, 10 requests/s, 10 % of them to the canary", fontsize=8)
    axis.set_ylabel("put back, %", fontsize=8)
    _legend(figure, axis)
    return figure


def _climb(axis: Any, score: Score, **style: Any) -> None:
    minutes = np.sort(score.back_s[np.isfinite(score.back_s)]) / 60
    caught = np.arange(1, minutes.size + 1) / score.runs * 100
    axis.step([0, *minutes, 30], [0, *caught, caught[-1] if caught.size else 0], where="post", **style)
