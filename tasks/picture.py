"""Numbers that people would rather look at: SVG pictures as data addresses, the one kind that Prefect's pages show."""

import base64
import io
from collections.abc import Sequence
from typing import Any

_STABLE, _CANARY = "#6b7280", "#2563eb"


def comparison(looks: Sequence[dict[str, Any]]) -> str:
    """Return a markdown image of both sides' p95 (ms) and failed requests (%), look by look; "" for fewer than two."""
    if len(looks) < 2:
        return ""
    # Half a second to import: only where something is drawn.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, 2.4), layout="constrained")
    for axis, name, unit in zip(
        figure.subplots(1, 2), ("p95_ms", "errors_percent"), ("p95, ms", "failed, %"), strict=True
    ):
        for side, colour in (("stable", _STABLE), ("canary", _CANARY)):
            axis.plot([look[side][name] for look in looks], color=colour, label=side, marker=".")
        axis.set_ylim(bottom=0)
        axis.set_title(unit, fontsize=9, loc="left")
        axis.set_xlabel("look", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(fontsize=8, frameon=False)
    return f"![canary and stable, look by look](data:image/svg+xml;base64,{_svg(figure)})"


def _svg(figure: Any) -> str:
    from matplotlib import rc_context  # noqa: PLC0415

    drawn = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "surefoot"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return base64.b64encode(drawn.getvalue()).decode()
