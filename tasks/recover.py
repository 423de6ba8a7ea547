"""What a dead owner left behind: a rollout in the middle, a mark in the cloud."""

from dataclasses import replace

from sqlalchemy import Connection

from surefoot import notice
from surefoot.errors import Interfered, RollbackFailed, SurefootError
from surefoot.rollout import Mark, Phase, is_stranded
from surefoot.service import OnCrash
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.clock import now
from tasks.deploy import LEFT_ALONE, Unfinished, finish, may_be_ours, restore, settle
from tasks.rollout import Rollout
from tasks.site import Site
from tasks.store import lease, ledger, rollouts
from tasks.store.lease import Lease
from tasks.store.rollouts import Attempt
from tasks.wake import wake_run


class OwnerDied(SurefootError):
    """The run that a rollout belonged to is gone."""


async def recover(site: Site) -> list[str]:
    """Bring this place to a state that somebody answers for; say what was done, nothing where nothing was wrong."""
    held = await site.keep(lease.holder_of, site.key)
    if held is not None and held.until > now():
        return []
    opened = [attempt for attempt in await site.keep(rollouts.open_rollouts) if attempt.key == site.key]
    live = await site.target.live()
    if opened:
        return [await _finish_or_restore(site, opened[0], live)]
    if live.mark is None:
        return []
    known = await site.keep(rollouts.find, live.mark.rollout)
    if known is None and is_stranded(live.mark, now()):
        return [await _restore_from_the_cloud(site, live, live.mark)]
    if known is not None and known.phase is Phase.NOT_PUT_BACK and not known.reason.startswith(LEFT_ALONE):
        return [await _restore(site, known, live, "the way back is tried again")]
    return []


async def _finish_or_restore(site: Site, attempt: Attempt, live: Live) -> str:
    """A rollout that had passed everything is closed; another is put back, or climbs again where the file says so."""
    if attempt.phase is Phase.BAKING and live.traffic == Traffic.all_on(attempt.canary):
        return await _finish(site, attempt, live)
    if live.undone:
        return await _restore(site, attempt, live, live.undone)
    resume = site.environment.on_crash is OnCrash.RESUME
    if resume and attempt.phase is not Phase.BAKING and await wake_run(site, attempt.run_id, attempt.id):
        return f"{attempt.release.short} climbs again in {site.environment.name}: its run had died"
    return await _restore(site, attempt, live, f"its run died at {attempt.percent} %")


async def _finish(site: Site, attempt: Attempt, live: Live) -> str:
    held, rollout = await _take_over(site, attempt, live)
    try:
        await finish(rollout, attempt.reason)
    except (Interfered, Unfinished) as problem:
        return f"! {problem}"
    finally:
        await site.keep(lease.release, held)
    return f"{attempt.release.short} is live in {site.environment.name}; its run had died before it could say so"


async def _restore(site: Site, attempt: Attempt, live: Live, why: str) -> str:
    held, rollout = await _take_over(site, attempt, live)
    if attempt.ended_at is None:
        will = f"it is put back to {attempt.before}"
        await site.tell(notice.stranded(rollout.subject, now(), attempt.percent, attempt.changed_at, will))
    try:
        await restore(rollout, OwnerDied(why))
    except RollbackFailed as problem:
        return f"! {attempt.release.short} in {site.environment.name}: {problem}"
    finally:
        await site.keep(lease.release, held)
    return f"{attempt.release.short} was put back in {site.environment.name}: {why}"


async def _restore_from_the_cloud(site: Site, live: Live, mark: Mark) -> str:
    """Put back a rollout of which this store knows nothing: the target carries all that is needed."""
    held = await _steal(site)
    fields = {"rollout": mark.rollout, "from": str(live.traffic), "to": str(mark.stable)}
    action = await site.keep(ledger.intend, "restore from the cloud", site.key, fields, now(), rollout=mark.rollout)
    try:
        live = await settle(site.target, mark.stable, mark.rollout, may_be_ours(mark.stable, mark.canary, mark.percent))
    except Interfered as problem:
        await site.keep(ledger.conclude, action, "left alone", {"problem": str(problem)}, now())
        return f"! {mark.rollout}, unknown here: {problem}"
    finally:
        await site.keep(lease.release, held)
    await site.keep(ledger.conclude, action, "done", {"traffic": str(live.traffic)}, now())
    return f"{mark.rollout}, unknown here, was put back to {mark.stable}: silent since {mark.until:%H:%M:%S} UTC"


async def _take_over(site: Site, attempt: Attempt, live: Live) -> tuple[Lease, Rollout]:
    """Take the place from the dead, and conclude in the ledger what they had begun to write."""
    held = await _steal(site)
    await site.keep(_conclude, attempt, live)
    rollout = Rollout(site, replace(attempt, fence=held.fence), live)
    rollout.wrote = True
    return held, rollout


def _conclude(connection: Connection, attempt: Attempt, live: Live) -> None:
    found = {"found": str(live.traffic), "version": live.version}
    for intent in ledger.unconcluded(connection, attempt.id):
        ledger.conclude(connection, intent.action, "its run died", found, now())


async def _steal(site: Site) -> Lease:
    return await site.keep(lease.steal_expired, site.key, site.run.id, now(), ttl_s=site.lease_s, link=site.run.url)
