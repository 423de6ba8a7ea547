"""What a dead owner left behind: a rollout in the middle, a mark in the cloud."""

from dataclasses import replace

from sqlalchemy import Connection

from surefoot import notice
from surefoot.errors import Drift, SurefootError
from surefoot.rollout import Phase, is_stranded
from surefoot.service import OnCrash
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.clock import now
from tasks.deploy import restore, way_back
from tasks.hold import TTL_S
from tasks.rollout import Rollout, close
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
    unrestored = await site.keep(_not_put_back, site.key)
    live = await site.target.live()
    if opened:
        return [await _finish_or_restore(site, opened[0], live)]
    if live.mark is not None and unrestored is not None and live.mark.rollout == unrestored.id:
        return [await _restore(site, unrestored, live, "the way back is tried again")]
    if live.mark is not None and is_stranded(live.mark, now()):
        return [await _restore_from_the_cloud(site, live)]
    return []


def _not_put_back(connection: Connection, key: str) -> Attempt | None:
    last = next(iter(rollouts.history(connection, key, limit=1)), None)
    return last if last is not None and last.phase is Phase.NOT_PUT_BACK else None


async def _finish_or_restore(site: Site, attempt: Attempt, live: Live) -> str:
    """A rollout that had passed everything is closed; another is put back, or climbs again where the file says so."""
    if attempt.phase is Phase.BAKING:
        return await _finish(site, attempt, live)
    if site.environment.on_crash is OnCrash.RESUME and await wake_run(site, attempt.run_id, attempt.id):
        return f"{attempt.release.short} climbs again in {site.environment.name}: its run had died"
    return await _restore(site, attempt, live, f"its run died at {attempt.percent} %")


async def _finish(site: Site, attempt: Attempt, live: Live) -> str:
    top, held = Traffic.all_on(attempt.canary), await _steal(site)
    if live.traffic != top:
        raise Drift(f"{site.key}: {attempt.release.short} was all well at 100 %, but live is {live.traffic}")
    if live.mark is not None:
        await site.target.shift(top, None, live)
    mine = replace(attempt, fence=held.fence)
    await site.keep(close, mine, Phase.PROMOTED, attempt.reason)
    await site.keep(lease.release, held)
    seconds = (now() - attempt.began_at).total_seconds()
    subject = site.subject(attempt.id, attempt.release)
    await site.tell(notice.promoted(subject, now(), seconds, seen=attempt.reason))
    return f"{attempt.release.short} is live in {site.environment.name}; its run had died before it could say so"


async def _restore(site: Site, attempt: Attempt, live: Live, why: str) -> str:
    held = await _steal(site)
    rollout = Rollout(site, replace(attempt, fence=held.fence), live)
    rollout.wrote = True
    subject = site.subject(attempt.id, attempt.release)
    will = f"it is put back to {attempt.before}"
    await site.tell(notice.stranded(subject, now(), attempt.percent, attempt.changed_at, will))
    await restore(rollout, OwnerDied(why))
    await site.keep(lease.release, held)
    return f"{attempt.release.short} was put back in {site.environment.name}: {why}"


async def _restore_from_the_cloud(site: Site, live: Live) -> str:
    """Put back a rollout of which this store knows nothing: the target carries all that is needed."""
    assert live.mark is not None, "called with a mark"
    mark, held = live.mark, await _steal(site)
    fields = {"rollout": mark.rollout, "from": str(live.traffic), "to": str(mark.stable)}
    await site.keep(ledger.append, "restore from the cloud alone", site.key, fields, now(), rollout=mark.rollout)
    await way_back(site.target, mark.stable, mark.rollout)
    await site.keep(lease.release, held)
    return f"{mark.rollout}, unknown here, was put back to {mark.stable}: silent since {mark.until:%H:%M:%S} UTC"


async def _steal(site: Site) -> Lease:
    return await site.keep(lease.steal_expired, site.key, site.run.id, now(), ttl_s=TTL_S, link=site.run.url)
