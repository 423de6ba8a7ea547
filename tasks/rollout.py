"""One rollout at work: every write is intended in the ledger, made, read back, and concluded there."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from surefoot.errors import Drift, NotNow, TargetError
from surefoot.notice import Notice, Subject
from surefoot.release import Release, Revision
from surefoot.rollout import Mark, Phase
from surefoot.service import Environment
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.clock import now
from tasks.evidence import evidence_of
from tasks.pin import pullable
from tasks.site import Site
from tasks.store import lease, ledger, releases, rollouts
from tasks.store.lease import Lease
from tasks.store.releases import Asked
from tasks.store.rollouts import Attempt

if TYPE_CHECKING:
    from surefoot.judge import Judge

# The mark's promise to write again reaches beyond the longest hold by this much.
_MARGIN_S = 120.0


class Rollout:
    """A release on its way in one environment: what was before, what was last seen, and its judge once one looks."""

    def __init__(self, site: Site, attempt: Attempt, seen: Live, previous: str = "") -> None:
        self.site = site
        self.attempt = attempt
        self.seen = seen
        self.previous = previous or attempt.before.main
        self.judge: Judge | None = None
        self.verdicts: list[dict[str, Any]] = []
        self.smoked: dict[str, str] = {}
        self.wrote = False

    @property
    def id(self) -> str:
        """Return the rollout's id."""
        return self.attempt.id

    @property
    def release(self) -> Release:
        """Return the release that is on its way."""
        return self.attempt.release

    @property
    def subject(self) -> Subject:
        """Return what all notices of this rollout have in common."""
        return self.site.subject(self.id, self.release, previous=self.previous)

    @property
    def stable(self) -> Revision:
        """Return the revision that users were on, and go back to."""
        return self.seen.revisions[self.attempt.before.main]

    @property
    def canary(self) -> Revision:
        """Return the revision on its way."""
        return self.seen.revisions[self.attempt.canary]

    def mark(self, percent: int, watch_s: float) -> Mark:
        """Return what the target is to carry: who writes, the way back, and until when silence is normal."""
        until = now() + timedelta(seconds=watch_s + self.site.environment.plan.patience_s + _MARGIN_S)
        return Mark(self.id, self.attempt.before, self.attempt.canary, percent, until, self.attempt.fence)

    async def change(self, what: str, fields: dict[str, Any], write: Callable[[], Awaitable[Live]]) -> Live:
        """Make one write to the target between its intent and its result in the ledger."""
        action = await self.site.keep(ledger.intend, what, self.site.key, fields, now(), rollout=self.id)
        self.wrote = True
        try:
            self.seen = await write()
        except BaseException as problem:  # a Cancel too: what was intended is always concluded
            await self.site.keep(ledger.conclude, action, "failed", {"problem": str(problem)}, now())
            raise
        observed = {"traffic": str(self.seen.traffic), "version": self.seen.version}
        await self.site.keep(ledger.conclude, action, "done", observed, now())
        return self.seen

    async def stand(self, phase: Phase, percent: int, reason: str = "") -> None:
        """Write down where the rollout stands."""
        self.attempt = await self.site.keep(
            rollouts.advance, self.id, phase, percent, now(), fence=self.attempt.fence, reason=reason
        )

    async def record(self, kind: str, **fields: Any) -> ledger.Entry:
        """Append something seen or decided to the ledger."""
        return await self.site.keep(ledger.append, kind, self.site.key, fields, now(), rollout=self.id)

    async def end(self, phase: Phase, reason: str, told: Notice) -> None:
        """Close the rollout in its row, in the ledger and for people, all at once."""
        self.attempt = await self.site.keep(_close, self.site, self.attempt, phase, reason, told)
        self.site.ring()

    async def overtaken(self) -> str:
        """Return who has taken the place over since, "" when nobody has or the store cannot say."""
        try:
            return await self.site.keep(_overtaken, self.attempt)
        except Exception:  # whatever is wrong with the store: the way back does not wait for it
            return ""


def rollout_id(site: Site, release: Release) -> str:
    """Return the id that one run's rollout of one release has, however often the run starts again."""
    return f"{site.key}/{release.id}/{site.run.id[:8]}"


def canary_name(place: Environment, release: Release) -> str:
    """Return the name that the target will give the release's revision."""
    return release.revision_name(str(place.place.settings.get("service", release.service)))


async def begin(site: Site, asked: Asked, lease: Lease, *, accept_drift: bool = False) -> Rollout:
    """Check that the way back exists and that live is what the ledger says, then open the rollout.

    One that this very run had begun before it died goes on: it climbs again, from the first step. NotNow or Drift
    before anything was changed.
    """
    try:
        seen = await site.target.live()
    except TargetError as problem:
        raise NotNow(f"{site.key} cannot be looked at, so nothing was begun: {problem}") from problem
    begun = await site.keep(rollouts.find, rollout_id(site, asked.release))
    if begun is not None and begun.ended_at is not None:
        raise NotNow(f"this run's rollout of {begun.release.short} has ended already: {begun.phase}, {begun.reason}")
    if begun is None:
        _refuse_what_is_live(site, asked.release, seen)
        past = await site.keep(rollouts.history, site.key, limit=1)
        preflight(site.environment, seen, past, accept_drift=accept_drift)
        await pullable(asked.release.image)
        begun = await site.keep(_open, _attempt(site, asked.release, lease, seen))
    last = await site.keep(rollouts.last_promoted, site.key)
    previous = last.release.short if last and begun.before == Traffic.all_on(last.canary) else ""
    rollout = Rollout(site, replace(begun, fence=lease.fence), seen, previous)
    # Where it goes on, users are still where it had sent them when it died.
    await rollout.stand(Phase.STAGING, begun.percent)
    return rollout


def _attempt(site: Site, release: Release, lease: Lease, seen: Live) -> Attempt:
    moment = now()
    return Attempt(
        id=rollout_id(site, release),
        key=site.key,
        release=release,
        run_id=site.run.id,
        run_url=site.run.url,
        before=seen.traffic,
        canary=canary_name(site.environment, release),
        fence=lease.fence,
        began_at=moment,
        changed_at=moment,
    )


def _open(connection: Connection, attempt: Attempt) -> Attempt:
    opened = rollouts.begin(connection, attempt)
    fields = {"release": attempt.release.id, "image": str(attempt.release.image), "before": str(attempt.before)}
    ledger.append(connection, "rollout begun", attempt.key, fields, attempt.began_at, rollout=attempt.id)
    return opened


def _close(connection: Connection, site: Site, attempt: Attempt, phase: Phase, reason: str, told: Notice) -> Attempt:
    """End a rollout in one transaction with all that goes with it: nothing of it is lost when we die right after."""
    before = rollouts.find(connection, attempt.id)
    ended = rollouts.end(connection, attempt.id, phase, now(), fence=attempt.fence, reason=reason)
    if before is not None and before.phase is phase:
        return ended
    fields = {"phase": phase, "reason": reason, "release": attempt.release.id}
    ledger.append(connection, "rollout ended", attempt.key, fields, now(), rollout=attempt.id)
    if phase is Phase.PROMOTED:
        _verify(connection, attempt)
    site.post(connection, told)
    return ended


def _verify(connection: Connection, attempt: Attempt) -> None:
    """Write down what this place has shown of a release, for the place that comes after it."""
    asked = releases.of_run(connection, attempt.key, attempt.run_id)
    if asked is not None:
        releases.verify(connection, attempt.key, asked.seq, evidence_of(connection, attempt.id), now())
        fields = {"release": attempt.release.id}
        ledger.append(connection, "release verified", attempt.key, fields, now(), rollout=attempt.id)


def _overtaken(connection: Connection, attempt: Attempt) -> str:
    held, known = lease.holder_of(connection, attempt.key), rollouts.find(connection, attempt.id)
    if known is not None and known.ended_at is not None and known.fence > attempt.fence:
        return f"its rollout has ended meanwhile: {known.phase}, {known.reason}"
    if held is not None and held.fence > attempt.fence:
        return f"{held.holder} has the right to write there since {held.since:%H:%M:%S} UTC, and sees to it"
    return ""


def _refuse_what_is_live(site: Site, release: Release, seen: Live) -> None:
    if seen.traffic == Traffic.all_on(canary_name(site.environment, release)):
        raise NotNow(f"{release.short} is live in {site.environment.name} already, nothing to do")


def preflight(place: Environment, seen: Live, past: Sequence[Attempt], *, accept_drift: bool = False) -> None:
    """Refuse to begin where the way back is not certain; `past` are the place's rollouts, the newest first.

    NotNow, or Drift where live is not what the ledger says.
    """
    if seen.mark is not None and not accept_drift:
        raise NotNow(
            f"{place.key} still carries the rollout {seen.mark.rollout} at {seen.mark.percent} %; "
            f"surefoot rollback {place.service} {place.name} puts it back"
        )
    if not seen.settled:
        raise NotNow(f"{place.key}: a change by {seen.by or 'somebody'} is still on its way; try again when it is done")
    lost = [name for name, _ in seen.traffic.shares if name not in seen.revisions or not seen.revisions[name].ready]
    if lost:
        raise NotNow(f"{place.key}: there is no way back, {', '.join(lost)} has traffic but is not ready")
    if past and not accept_drift and (expected := left_behind(past[0])) and expected != seen.traffic:
        raise Drift(
            f"{place.key}: live is {seen.traffic}, but the ledger says {expected}; last written by "
            f"{seen.by or 'somebody'}. If live is right, deploy with --accept-drift"
        )


def left_behind(attempt: Attempt) -> Traffic | None:
    """Return the traffic that a rollout left when it ended, None where that is not certain."""
    if attempt.phase is Phase.PROMOTED:
        return Traffic.all_on(attempt.canary)
    return attempt.before if attempt.phase in (Phase.PUT_BACK, Phase.REFUSED) else None
