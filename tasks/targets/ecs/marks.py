"""The rollout's own state as tags of the service: readable in any console, within what AWS allows in a tag."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from surefoot.rollout import Mark
from surefoot.traffic import Traffic

PREFIX = "surefoot:"
CANARY = PREFIX + "canary"
# On a task definition: the revision that it is of.
REVISION = PREFIX + "revision"
RELEASE = PREFIX + "release"
COMMIT = PREFIX + "commit"
# The task definition that it was made from: all of it but the image is of there.
FROM = PREFIX + "from"
# Survives the rollout: a former owner that wakes up late has to find that it was overtaken.
_FENCE = PREFIX + "fence"
_ROLLOUT, _STABLE, _PERCENT, _UNTIL = PREFIX + "rollout", PREFIX + "stable", PREFIX + "percent", PREFIX + "until"
_PASSING = (_ROLLOUT, _STABLE, CANARY, _PERCENT, _UNTIL)


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return a resource's tags, by key."""
    return {tag["key"]: tag.get("value", "") for tag in resource.get("tags") or ()}


def written(mark: Mark, before: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that say this mark; the fence never falls."""
    return {
        _ROLLOUT: mark.rollout,
        _STABLE: " ".join(f"{name}={percent}" for name, percent in mark.stable.shares),
        CANARY: mark.canary,
        _PERCENT: str(mark.percent),
        _UNTIL: mark.until.isoformat(),
        _FENCE: str(max(mark.fence, fence(before))),
    }


def passing(tags: Iterable[str]) -> list[str]:
    """Return the keys of a mark that go when its rollout is over."""
    return sorted(key for key in tags if key in _PASSING)


def read_mark(tags: Mapping[str, str]) -> Mark | None:
    """Return the mark, None where there is none or where somebody has made it unreadable."""
    try:
        # From the right: a task definition's own name has a colon, and could have an equals sign.
        shares = {name: int(percent) for name, _, percent in (one.rpartition("=") for one in tags[_STABLE].split(" "))}
        mark = Mark(
            rollout=tags[_ROLLOUT],
            stable=Traffic.of(shares),
            canary=tags[CANARY],
            percent=int(tags[_PERCENT]),
            until=datetime.fromisoformat(tags[_UNTIL]),
            fence=int(tags[_FENCE]),
        )
    except (KeyError, ValueError):
        return None
    return mark if all((*shares, mark.canary, mark.until.tzinfo)) else None


def fence(tags: Mapping[str, str]) -> int:
    """Return the highest fence that was ever written here, 0 where none was."""
    text = tags.get(_FENCE, "")
    return int(text) if text.isdecimal() else 0
