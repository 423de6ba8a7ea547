"""What a release would do in one place: decided from values, told as lines or as a document."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from commands.foreseen import Foreseen, seen
from commands.row import INDENT, WIDTH, broken
from commands.terminal import Sign, Terminal
from surefoot.release import Image, Release
from surefoot.rollout import Plan
from surefoot.service import Environment
from surefoot.sight import Sight
from surefoot.target import Live
from surefoot.units import duration, percent, took
from tasks.recent import Known


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would be done. `release` is None while nobody has said what the image is; `hash` needs it as well.

    `refusal` says why it would be refused now; `undo` is the way back by hand; `promises` is what the platform sees to
    by itself, whatever becomes of Surefoot; `calls` are the reads that were made; `known` is what is known
    of recent traffic.
    """

    environment: Environment
    live: Live
    undo: str
    image: Image | None = None
    release: Release | None = None
    revision: str = ""
    hash: str = ""
    refusal: str = ""
    promises: tuple[str, ...] = ()
    calls: list[str] = field(default_factory=list)
    known: Known = field(default_factory=Known)

    @property
    def exists(self) -> bool:
        """Return whether the revision is there already."""
        return self.revision in self.live.revisions


def lines(outlook: Outlook, terminal: Terminal) -> Iterator[str]:
    """Yield what would be done, what it can see, and the way back; `+` adds, `~` changes, `=` is so already."""
    place = outlook.environment
    yield _headline(outlook, terminal)
    yield ""
    yield from _line("=" if outlook.exists else "+", "revision", _revision(outlook), terminal)
    yield from _line(" ", "smoke", _smoke(outlook), terminal)
    foreseen = Foreseen(place.plan, outlook.known)
    yield from _climb(foreseen, terminal)
    if place.approval is not None:
        by = f" by {' or '.join(place.approval.approvers)}" if place.approval.approvers else ""
        yield from _line(" ", "approval", f"a yes{by} first, within {duration(place.approval.within_s)}", terminal)
    yield from _line(" ", "harm", _harm(place.plan), terminal)
    if _watched(place.plan):
        yield from _sees(foreseen, terminal)
    yield ""
    yield from _line(" ", "way back", f"{outlook.live.traffic}, ready", terminal)
    yield from _line(" ", "", f"surefoot rollback {place.service} {place.name}", terminal)
    yield f"{'':{INDENT}}{outlook.undo}"
    for index, promise in enumerate(outlook.promises):
        yield from _line(" ", "" if index else "by itself", promise, terminal)
    for index, call in enumerate(outlook.calls):
        yield f"    {'' if index else 'read':<12}{call}"
    if outlook.refusal:
        yield ""
        yield from _line(terminal.sign(Sign.BAD), "refused", outlook.refusal, terminal)
    yield ""
    yield summary(outlook)


def summary(outlook: Outlook) -> str:
    """Return the last line: how much would be done, and that nothing was."""
    plan = outlook.environment.plan
    adds = "no revision to add" if outlook.exists else "1 revision to add"
    steps = f"traffic to move in {len(plan.steps)} step{'' if len(plan.steps) == 1 else 's'}"
    return f"Plan: {adds}, {steps}, {took(plan.shortest_s)} at least. Nothing was changed."


def as_fields(outlook: Outlook) -> dict[str, Any]:
    """Return the same for the JSON document."""
    place, release, plan = outlook.environment, outlook.release, outlook.environment.plan
    approval = place.approval
    return {
        "service": place.service,
        "environment": place.name,
        "image": str(outlook.image) if outlook.image else None,
        "release": release.id if release else None,
        "version": release.version if release else None,
        "plan_hash": outlook.hash or None,
        "revision": outlook.revision or None,
        "revision_exists": outlook.exists,
        "checks": [check.name for check in place.checks],
        "steps": [{"percent": step.percent, "watch_seconds": step.watch_s} for step in plan.steps],
        **Foreseen(plan, outlook.known).as_fields(),
        "least_seconds": plan.shortest_s,
        "approval": {"approvers": approval.approvers, "within_seconds": approval.within_s} if approval else None,
        "way_back": dict(outlook.live.traffic.shares),
        "undo": {"surefoot": f"surefoot rollback {place.service} {place.name}", "by_hand": outlook.undo},
        "promises": outlook.promises,
        "refused": outlook.refusal or None,
        "calls": outlook.calls,
    }


def _headline(outlook: Outlook, terminal: Terminal) -> str:
    place, release = outlook.environment, outlook.release
    what = f"   {release.version} · {release.commit[:7]}" if release else ""
    head = f"{place.service} → {place.name}{what}"
    plan = f"plan {outlook.hash[:8]}" if outlook.hash else ""
    gap = max(2, min(terminal.width, WIDTH) - len(head) - len(plan) - 1)
    return f"{terminal.paint(head, bold=True)}{' ' * gap}{plan}".rstrip()


def _revision(outlook: Outlook) -> str:
    image = f"{outlook.image.repository}@{outlook.image.digest[:19]}…" if outlook.image else "an image (--image)"
    if outlook.exists:
        return f"{outlook.revision}; is there already, from {image}"
    name = f"{outlook.revision}; " if outlook.revision else ""
    return f"{name}from {image}, no traffic"


def _smoke(outlook: Outlook) -> str:
    number = len(outlook.environment.checks)
    checks = f"{number} check{'' if number == 1 else 's'}"
    if outlook.live.previews:
        return f"{checks} through the preview address, before any user is there"
    return f"{checks} through the public address, when users are there: no revision is shown before"


def _climb(foreseen: Foreseen, terminal: Terminal) -> Iterator[str]:
    plan = foreseen.plan
    if plan.compare_s:
        yield from _stretch(" ", "compare", plan.compare_s, foreseen.stretch(0), plan, terminal)
    for step in plan.steps:
        name = f"{step.percent:>3} %"
        if step.watch_s:
            yield from _stretch("~", name, step.watch_s, foreseen.stretch(step.percent), plan, terminal)
        else:
            yield from _line("~", name, "passed through", terminal)
    if plan.bake_s:
        yield from _stretch(" ", "bake", plan.bake_s, foreseen.stretch(100, bake=True), plan, terminal)


def _stretch(
    mark: str, name: str, watch_s: float, sight: Sight | None, plan: Plan, terminal: Terminal
) -> Iterator[str]:
    if sight is None:
        yield from _line(mark, name, duration(watch_s), terminal)
        return
    yield from _line(mark if sight.enough else terminal.sign(Sign.BLIND), name, seen(sight, plan), terminal)


def _sees(foreseen: Foreseen, terminal: Terminal) -> Iterator[str]:
    """Yield how the harm fares, and from which traffic that was computed."""
    for good, text in foreseen.caught():
        yield from _line(" " if good else terminal.sign(Sign.UNCLEAR), "sight", text, terminal)
    known = bool(foreseen.known.source)
    yield from _line(" " if known else terminal.sign(Sign.BLIND), "traffic", foreseen.traffic(), terminal)
    if not known:
        yield from (" " * INDENT + line for line in foreseen.table())


def _watched(plan: Plan) -> bool:
    return any((plan.compare_s, plan.bake_s, *(step.watch_s for step in plan.steps)))


def _harm(plan: Plan) -> str:
    if not _watched(plan):
        return "not looked for: no step of this climb is watched"
    harm, limits = plan.harm, plan.limits
    said = f"{percent(harm.error_rate)} more failures, or p50 or p95 slower by {percent(harm.latency)}"
    said += f"; a false alarm in {percent(harm.false_alarm)} of rollouts at most"
    kept = [
        f"failures {percent(limits.error_rate)}" if limits.error_rate is not None else "",
        f"p50 {limits.p50_ms:.0f} ms" if limits.p50_ms is not None else "",
        f"p95 {limits.p95_ms:.0f} ms" if limits.p95_ms is not None else "",
    ]
    return f"{said}; limits: {', '.join(filter(None, kept))}" if any(kept) else said


def _line(mark: str, name: str, text: str, terminal: Terminal) -> Iterator[str]:
    first, *more = broken(text, min(terminal.width, WIDTH) - INDENT)
    yield f"  {mark} {name:<11} {first}".rstrip()
    yield from (" " * INDENT + line for line in more)
