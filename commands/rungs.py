"""One stretch of looking, as a row: how long, what was seen of both sides, what the judge says."""

from datetime import datetime
from math import ceil

from commands.clock import mmss
from commands.row import Row
from commands.story import Stretch
from commands.terminal import Sign
from surefoot.units import count, duration, percent
from surefoot.vitals import Vitals

_JUDGED = {"PASS": Sign.GOOD, "FAIL": Sign.BAD, "INCONCLUSIVE": Sign.UNCLEAR}


def rung(stretch: Stretch, look_s: float, now: datetime, *, over: bool) -> Row:
    """Return how a stretch went, goes, or will go; `over`: the rollout has ended."""
    name = "bake" if stretch.bake else f"{stretch.percent:>3} %"
    if stretch.began_at is None:
        return Row(Sign.TO_COME, name, (_to_come(stretch),))
    if not stretch.watch_s and not stretch.looks:
        return Row(Sign.GOOD, name, ("reached",))
    ran_s = ((stretch.ended_at or now) - stretch.began_at).total_seconds()
    if stretch.move or over:
        return _left(stretch, name, mmss(ran_s))
    clock, details = f"{mmss(ran_s)} of {mmss(stretch.watch_s)}", _details(stretch, look_s)
    if ran_s > stretch.watch_s + look_s:
        return Row(Sign.UNCLEAR, name, (f"{clock}, held: nobody can say yet",), details=details)
    return Row(Sign.NOW, name, (clock,), share=min(1.0, ran_s / stretch.watch_s), details=details)


def _left(stretch: Stretch, name: str, clock: str) -> Row:
    """Return a stretch that is over: sent on, put back, asked about, or ended by something else in the middle."""
    outcome = stretch.looks[-1].outcome if stretch.looks else "INCONCLUSIVE"
    if stretch.move == "Advance":
        return Row(Sign.GOOD, name, (f"{clock}  PASS  {stretch.reason}",))
    if stretch.move == "RollBack":
        return Row(_JUDGED[outcome], name, (f"{clock}  {outcome}  {stretch.reason}",))
    if stretch.move == "Ask":
        return Row(Sign.UNCLEAR, name, (f"{clock}  asks a person: {stretch.reason}",))
    return Row(Sign.BLIND, name, (f"{clock}  ended before the judge could say",))


def _to_come(stretch: Stretch) -> str:
    if stretch.bake:
        return f"{duration(stretch.watch_s)} more at 100 %"
    if not stretch.percent:
        return f"{duration(stretch.watch_s)} side by side with what is live"
    return duration(stretch.watch_s) if stretch.watch_s else "passed through"


def _details(stretch: Stretch, look_s: float) -> tuple[tuple[str, str], ...]:
    """Return both sides' numbers below each other, and the judge's last word."""
    if not stretch.looks:
        return (("judge", "nothing was looked at yet"),)
    latest, planned = stretch.looks[-1], ceil(stretch.watch_s / look_s)
    said = f"look {len(stretch.looks)} of {max(planned, len(stretch.looks))}: {latest.outcome}{_short(latest.reason)}"
    seen = stretch.seen
    sides = () if seen is None else (("canary", _side(seen.canary)), ("stable", _side(seen.stable)))
    return (*sides, ("judge", said))


def _side(side: Vitals) -> str:
    p95 = f"    p95 {side.latency_ms.quantile(0.95):.0f} ms" if side.latency_ms.counts else ""
    return f"errors {count(side.errors):>5} of {count(side.requests):>7}  {percent(side.error_rate):>6}{p95}"


def _short(reason: str) -> str:
    """Return what the numbers above do not say already."""
    needs = [part for part in reason.split("; ") if part.startswith(("needs", "cannot", "could not", "still"))]
    return f", {'; '.join(needs)}" if needs else ""
