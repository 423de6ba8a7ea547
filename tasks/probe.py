"""Smoke checks, as a verdict."""

import asyncio

from prefect import task
from prefect.cache_policies import NO_CACHE

from surefoot.check import smoke_verdict
from surefoot.errors import Unhealthy
from surefoot.release import Address
from surefoot.verdict import Outcome, Verdict
from tasks.probes import smoke as look_once
from tasks.rollout import Rollout

# When our own side could not ask, it is asked again; a service's bad answer counts at once.
_TRIES = 5
_PAUSE_S = 3.0


@task(name="smoke", task_run_name="smoke, {where}", cache_policy=NO_CACHE)
async def smoke(rollout: Rollout, where: str) -> Verdict:
    """Make every check once against the canary's preview, or the public address; Unhealthy unless all are good.

    Where the platform has no previews at all, that is what is written down: the checks are made in public only.
    """
    address = rollout.canary.preview if where == "preview" else Address(rollout.seen.url)
    if address is None and not rollout.seen.previews:
        verdict = Verdict(Outcome.INCONCLUSIVE, "this platform shows no revision before users get it")
        return await _kept(rollout, where, verdict)
    if not (address and address.url):
        raise Unhealthy(f"could not look: {rollout.attempt.canary} has no {where} address")
    for tried in range(1, _TRIES + 1):
        verdict = smoke_verdict(await look_once(rollout.site.environment.checks, address))
        if verdict.outcome is not Outcome.INCONCLUSIVE or tried == _TRIES:
            break
        await asyncio.sleep(_PAUSE_S)
    await _kept(rollout, where, verdict)
    if verdict.outcome is not Outcome.PASS:
        raise Unhealthy(f"smoke through the {where} address: {verdict.reason}")
    return verdict


async def _kept(rollout: Rollout, where: str, verdict: Verdict) -> Verdict:
    await rollout.record("smoke", where=where, outcome=verdict.outcome, reason=verdict.reason)
    rollout.smoked[where] = verdict.reason
    return verdict
