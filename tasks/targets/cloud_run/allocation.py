"""A service's traffic list, brought into one form: percents and tags, whatever the order of the entries."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from google.cloud import run_v2

from surefoot.traffic import Traffic

# Stands for "whichever revision is the latest ready one", as an entry without a revision does in the API.
LATEST = ""
TAG_PREFIX = "sf-"
_Entry = run_v2.TrafficTarget | run_v2.TrafficTargetStatus
_BY_REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
_BY_LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Allocation:
    """Percent per revision, and revision per tag; `LATEST` is a revision too."""

    percents: Mapping[str, int]
    tags: Mapping[str, str]

    @classmethod
    def wished(cls, service: run_v2.Service) -> "Allocation":
        """Return what the service was told; an empty list is all on the latest."""
        if not service.traffic:
            return cls({LATEST: 100}, {})
        return cls(_percents(service.traffic), _tags(service.traffic))

    @classmethod
    def observed(cls, service: run_v2.Service) -> "Allocation":
        """Return what the service does, with the latest revision by its name."""
        told = cls(_percents(service.traffic_statuses), _tags(service.traffic_statuses))
        return told.resolved(short_name(service.latest_ready_revision))

    def resolved(self, latest: str) -> "Allocation":
        """Return this with the name of the latest ready revision in place of `LATEST` in the percents."""
        percents: dict[str, int] = {}
        for revision, percent in self.percents.items():
            name = revision or latest
            percents[name] = percents.get(name, 0) + percent
        return replace(self, percents=percents)

    def sharing(self, traffic: Traffic) -> "Allocation":
        """Return this with the percents of `traffic`, each pinned to its revision."""
        return replace(self, percents=dict(traffic.shares))

    def previewing(self, revisions: Iterable[str]) -> "Allocation":
        """Return this with a tag for each of the revisions that has none."""
        tagged = set(self.tags.values())
        return replace(self, tags={**self.tags, **{tag_of(name): name for name in revisions if name not in tagged}})

    def without_tags_on(self, revisions: Iterable[str]) -> "Allocation":
        """Return this without any tag on the revisions: a tag on one that cannot serve makes the whole write fail."""
        gone = set(revisions)
        return replace(self, tags={tag: name for tag, name in self.tags.items() if name not in gone})

    def targets(self) -> list[run_v2.TrafficTarget]:
        """Return the traffic list that says this."""
        spare = {revision: [tag for tag, name in self.tags.items() if name == revision] for revision in self.percents}
        first = {revision: tags[0] for revision, tags in spare.items() if tags}
        shares = [_target(name, percent, first.get(name, "")) for name, percent in self.percents.items()]
        others = [_target(name, 0, tag) for tag, name in self.tags.items() if first.get(name) != tag]
        return shares + others


def tag_of(revision: str) -> str:
    """Return our tag for a revision: the same for the same name, so a replay finds its own."""
    return TAG_PREFIX + hashlib.sha256(revision.encode()).hexdigest()[:6]


def short_name(name: str) -> str:
    """Return the last part of a resource name."""
    return name.rpartition("/")[2]


def _percents(entries: Iterable[_Entry]) -> dict[str, int]:
    percents: dict[str, int] = {}
    for entry in entries:
        if entry.percent:
            percents[entry.revision] = percents.get(entry.revision, 0) + entry.percent
    return percents


def _tags(entries: Iterable[_Entry]) -> dict[str, str]:
    return {entry.tag: LATEST if entry.type_ == _BY_LATEST else entry.revision for entry in entries if entry.tag}


def _target(revision: str, percent: int, tag: str) -> run_v2.TrafficTarget:
    kind = _BY_REVISION if revision else _BY_LATEST
    return run_v2.TrafficTarget(type_=kind, revision=revision, percent=percent, tag=tag)
