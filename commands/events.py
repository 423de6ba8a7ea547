"""A rollout as plain lines, one an event, time first: for logs, where nothing is redrawn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from commands.clock import at as shown_at
from commands.clock import mmss, stamp
from commands.story import Story, sent, stretches
from surefoot.units import duration, took


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. Events are only ever added to a story's."""

    at: datetime
    name: str
    text: str

    def line(self, place: str) -> str:
        """Return `14:03:10Z shop/production staged    …`."""
        return f"{stamp(self.at)} {place} {self.name:<9} {self.text}".rstrip()


def events(story: Story) -> list[Event]:
    """Return all that has happened, the oldest first."""
    return list(_told(story))


def heartbeat(story: Story, now: datetime) -> Event:
    """Return a sign of life: where the rollout stands, and the judge's last word."""
    if story.waits:
        return Event(now, "approval", "still waits for a yes")
    lasting = [each for each in stretches(story) if each.began_at is not None and not each.ended_at and each.watch_s]
    if story.attempt is None or not lasting:
        phase = str(story.attempt.phase) if story.attempt else (story.state.name.lower() if story.state else "asked")
        return Event(now, phase, "nothing to say yet")
    last = lasting[-1]
    assert last.began_at is not None, "those that began were chosen"
    clock = f"{mmss((now - last.began_at).total_seconds())} of {mmss(last.watch_s)}"
    said = f"{last.looks[-1].outcome} {last.looks[-1].reason}" if last.looks else "nothing to say yet"
    return Event(now, _percent(last.percent), f"{clock}, {said}")


def _told(story: Story) -> Iterator[Event]:
    began: dict[str, datetime] = {}
    canary = story.attempt.canary if story.attempt else ""
    watches = {step.percent: step.watch_s for step in story.environment.plan.steps}
    outcome = ""
    for entry in story.entries:
        fields, at = entry.fields, entry.at
        match entry.kind:
            case "stage: intended" | "restore: intended":
                began[entry.action] = at
            case "stage: done":
                ready = took((at - began[entry.action]).total_seconds())
                yield Event(at, "staged", f"{canary} ready after {ready}, no traffic")
            case "shift: done":
                share = sent(entry, canary)
                watch_s = watches.get(share, 0.0)
                yield Event(at, _percent(share), f"watching for {duration(watch_s)}" if watch_s else "reached")
            case "look":
                outcome = str(fields["outcome"])
            case "move":
                said = "PASS" if fields["move"] == "Advance" else outcome
                yield Event(at, _percent(int(fields["at"])), f"{said} {fields['reason']}")
            case "restore: done":
                back = took((at - began[entry.action]).total_seconds())
                yield Event(at, "put back", f"{fields['traffic']}, read back after {back}")
            case _:
                yield from _plain(story, entry.kind, fields, at)


def _plain(story: Story, kind: str, fields: Mapping[str, Any], at: datetime) -> Iterator[Event]:
    if kind in _SAID:
        name, template = _SAID[kind]
        said = {"url": story.run_url, **fields}
        if "until" in fields:
            said["until"] = f"{shown_at(datetime.fromisoformat(fields['until']), at, UTC)}Z"
        yield Event(at, name, template.format_map(said).strip(" ,:"))


_SAID = {
    "approval asked": ("approval", "waits for a yes until {until}: {url}"),
    "approval answered": ("answer", "{decision} by {by}, {comment}"),
    "answer not counted": ("answer", "not counted: {problem}"),
    "rollout begun": ("begins", "{release}; before: {before}"),
    "stage: failed": ("staged", "failed: {problem}"),
    "shift: failed": ("traffic", "failed: {problem}"),
    "smoke": ("smoke", "{outcome} {reason} through the {where} address"),
    "decided": ("answer", "{decision} by {by}, {comment}"),
    "restore: failed": ("NOT back", "{problem}"),
    "rollout ended": ("ended", "{phase}: {reason}"),
    "rolled back by a person": ("put back", "by a person: {to}, {reason}"),
    "run started again": ("run", "started again: its process had died"),
}


def _percent(percent: int) -> str:
    return f"{percent:>3} %"
