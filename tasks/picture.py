"""Numbers that people would rather look at: SVG pictures as data addresses, the one kind that Prefect's pages show."""

import base64
import io
from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby, pairwise
from math import isnan, nan
from typing import Any

_STEP = "#d1d5db"
_LINES: Mapping[str, Mapping[str, Any]] = {
    "stable": {"color": "#6b7280"},
    "canary": {"color": "#2563eb"},
    "boundary": {"color": "#dc2626", "linestyle": "--", "linewidth": 1.0},
}
# What is drawn: its name in the judge's words, times how much, and the title.
_DRAWN = (("errors", 100.0, "failed so far, %"), ("p95", 1.0, "p95 so far, ms"))
_LEAST = {"errors": 1.0, "p95": 1.0}
# More than this cannot be told apart in the picture, and would make it heavy.
_MOST_POINTS, _MOST_STEPS = 240, 10


def comparison(looks: Sequence[Mapping[str, Any]]) -> str:
    """Return a markdown image of both sides' failed requests (%) and p95 (ms) over all looks so far, with the boundary.

    Each point is what was seen up to that look, and the boundary is the canary's value from which it would have failed
    there. Looks in which nobody could see are gaps. "" for fewer than two.
    """
    if len(looks) < 2:
        return ""
    # Half a second to import: only where something is drawn.
    from matplotlib.figure import Figure  # noqa: PLC0415

    looks = _some(looks)
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    for axis, (name, scale, title) in zip(figure.subplots(1, 2), _DRAWN, strict=True):
        so_far = [look.get("so_far", {}).get(name, {}) for look in looks]
        values = {line: [each.get(line, nan) * scale for each in so_far] for line in _LINES}
        for line, style in _LINES.items():
            axis.plot(range(1, len(looks) + 1), values[line], label=line, **style)
        seen = [value for line in ("stable", "canary") for value in values[line] if not isnan(value)]
        # The boundary begins far above everything: the scale is that of what was seen, and of the boundary's end.
        ends = [value for value in values["boundary"] if not isnan(value)][-1:]
        axis.set_ylim(0, max([*seen, *ends, _LEAST[name]]) * 1.15)
        axis.set_title(title, fontsize=9, loc="left")
        axis.spines[["top", "right"]].set_visible(False)
        _mark_steps(axis, looks)
    figure.axes[0].legend(fontsize=8, frameon=False, loc="upper right")
    return f"![canary and stable, look by look](data:image/svg+xml;base64,{_svg(figure)})"


def _some(looks: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return no more looks than can be told apart, the last always among them."""
    each = -(-len(looks) // _MOST_POINTS)
    return looks[(len(looks) - 1) % each :: each]


def _mark_steps(axis: Any, looks: Sequence[Mapping[str, Any]]) -> None:
    """Write below the axis at which percent the looks were made, with a line where a step begins."""
    steps = [(at, len(list(group))) for at, group in groupby(str(look["at"]).partition(",")[0] for look in looks)]
    ends = list(accumulate((number for _, number in steps), initial=0.5))
    each = -(-len(steps) // _MOST_STEPS)
    axis.vlines(ends[each:-1:each], 0, 1, transform=axis.get_xaxis_transform(), color=_STEP, linewidth=0.8)
    middles = [(begin + end) / 2 for begin, end in pairwise(ends)]
    axis.set_xticks(middles[::each], [at for at, _ in steps[::each]])
    axis.tick_params(labelsize=8)
    axis.tick_params(axis="x", length=0)


def _svg(figure: Any) -> str:
    from matplotlib import rc_context  # noqa: PLC0415

    drawn = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "surefoot"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return base64.b64encode(drawn.getvalue()).decode()
