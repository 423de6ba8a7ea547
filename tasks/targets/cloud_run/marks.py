"""The rollout's own state as annotations of the service: readable in any console, written in the traffic's own call."""

from collections.abc import Mapping
from datetime import datetime

from surefoot.rollout import Mark
from surefoot.traffic import Traffic

_PREFIX = "surefoot.dev/"
# Survives the rollout: a former owner that wakes up late has to find that it was overtaken.
_FENCE = _PREFIX + "fence"


def marked(annotations: Mapping[str, str], mark: Mark | None) -> dict[str, str]:
    """Return the annotations with this mark instead of any other, and the highest fence ever written."""
    others = {key: value for key, value in annotations.items() if not key.startswith(_PREFIX)}
    if mark is None:
        return others | ({_FENCE: annotations[_FENCE]} if _FENCE in annotations else {})
    return others | {
        _PREFIX + "rollout": mark.rollout,
        _PREFIX + "stable": ",".join(f"{name}={percent}" for name, percent in mark.stable.shares),
        _PREFIX + "canary": mark.canary,
        _PREFIX + "percent": str(mark.percent),
        _PREFIX + "until": mark.until.isoformat(),
        _FENCE: str(max(mark.fence, fence(annotations))),
    }


def ours(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations that are ours; what others write beside them is theirs to change."""
    return {key: value for key, value in annotations.items() if key.startswith(_PREFIX)}


def read_mark(annotations: Mapping[str, str]) -> Mark | None:
    """Return the mark, None where there is none or where somebody has made it unreadable."""
    try:
        shares = (share.split("=") for share in annotations[_PREFIX + "stable"].split(","))
        return Mark(
            rollout=annotations[_PREFIX + "rollout"],
            stable=Traffic.of({name: int(percent) for name, percent in shares}),
            canary=annotations[_PREFIX + "canary"],
            percent=int(annotations[_PREFIX + "percent"]),
            until=datetime.fromisoformat(annotations[_PREFIX + "until"]),
            fence=int(annotations[_FENCE]),
        )
    except (KeyError, ValueError):
        return None


def fence(annotations: Mapping[str, str]) -> int:
    """Return the highest fence that was ever written here, 0 where none was."""
    text = annotations.get(_FENCE, "")
    return int(text) if text.isdecimal() else 0
