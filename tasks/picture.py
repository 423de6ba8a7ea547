"""Numbers that people would rather look at: SVG pictures as data addresses, the one kind that Prefect's pages show."""

import base64
import io
from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby, pairwise
from typing import Any

_STABLE, _CANARY, _STEP = "#6b7280", "#2563eb", "#d1d5db"
# More than this cannot be told apart in the picture, and would make it heavy.
_MOST_POINTS, _MOST_STEPS = 240, 10


def comparison(looks: Sequence[Mapping[str, Any]]) -> str:
    """Return a markdown image of both sides' p95 (ms) and failed requests (%), look by look; "" for fewer than two."""
    if len(looks) < 2:
        return ""
    # Half a second to import: only where something is drawn.
    from matplotlib.figure import Figure  # noqa: PLC0415

    looks = looks[:: -(-len(looks) // _MOST_POINTS)]
    figure = Figure(figsize=(7, 2.4), layout="constrained")
    for axis, name, title in zip(
        figure.subplots(1, 2), ("p95_ms", "errors_percent"), ("p95, ms", "failed, %"), strict=True
    ):
        for side, colour in (("stable", _STABLE), ("canary", _CANARY)):
            numbers = [look[side][name] for look in looks]
            axis.plot(
                range(1, len(looks) + 1), numbers, color=colour, label=side, marker="." if len(looks) < 60 else ""
            )
        axis.set_ylim(bottom=0, top=None if axis.get_ylim()[1] > 0.1 else 1)
        axis.set_title(title, fontsize=9, loc="left")
        axis.spines[["top", "right"]].set_visible(False)
        _mark_steps(axis, looks)
    figure.axes[0].legend(fontsize=8, frameon=False, loc="lower left")
    return f"![canary and stable, look by look](data:image/svg+xml;base64,{_svg(figure)})"


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
