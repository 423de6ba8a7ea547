"""The climb, whole: every release in every environment goes this way."""

from surefoot import notice
from surefoot.errors import Unhealthy
from surefoot.rollout import Ask, RollBack
from surefoot.verdict import Verdict
from tasks.approve import decide
from tasks.clock import now
from tasks.deploy import passed, promote, restore, shift, stage
from tasks.probe import smoke
from tasks.rollout import Rollout, begin
from tasks.show import show
from tasks.site import Site
from tasks.stop import too_late, undisturbed
from tasks.store.lease import Lease
from tasks.store.releases import Asked
from tasks.watch import watch


async def roll_out(site: Site, asked: Asked, lease: Lease, *, accept_drift: bool = False) -> Rollout:
    """Climb to full traffic one step at a time; put it back if a step goes badly."""
    rollout = await begin(site, asked, lease, accept_drift=accept_drift)
    await site.tell(notice.started(rollout.subject, now()))
    plan = site.environment.plan
    try:
        await stage(rollout)
        await smoke(rollout, "preview")
        await look(rollout, 0, plan.compare_s)
        for step in plan.steps:
            await shift(rollout, step)
            await look(rollout, step.percent, step.watch_s)
        await look(rollout, 100, plan.bake_s)
        seen: Verdict = await smoke(rollout, "public")
        await passed(rollout, seen.reason)
    except BaseException as problem:
        await undisturbed(restore(rollout, problem))  # if this fails, its error is the headline
        await show(rollout, f"Put back: {asked.release.short}")
        raise
    await undisturbed(promote(rollout, seen.reason))
    too_late()
    return rollout


async def look(rollout: Rollout, percent: int, watch_s: float) -> None:
    """Watch one step; Unhealthy when it goes badly, or stays unclear and nobody sends it on."""
    match await watch(rollout, percent, watch_s):
        case RollBack(reason):
            raise Unhealthy(f"at {percent} %: {reason}")
        case Ask(reason) if not await decide(rollout, reason):
            raise Unhealthy(f"at {percent} %, and nobody sent it on: {reason}")
