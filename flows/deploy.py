"""From merge to verified production: staging by itself, production after a person's yes."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.ending import ended
from flows.rollout import roll_out
from tasks.approve import approve, spend
from tasks.hold import hold
from tasks.register import (
    Wanted,
    ask_for_production,
    evidence_from,
    register,
    this_run,
    verified,
)
from tasks.show import show
from tasks.site import open_site


def staging_name() -> str:
    """Return what a staging run is called: `shop staging 1.9.0 · 4e1c9aa`."""
    given = flow_run.parameters
    return f"{given['service']} staging {given.get('version') or given['commit'][:7]} · {given['commit'][:7]}"


def production_name() -> str:
    """Return what a production run is called: `shop production shop-1-9-0-4e1c9aa-9f3c21`."""
    return f"{flow_run.parameters['service']} production {flow_run.parameters['release']}"


@flow(name="deploy-staging", flow_run_name=staging_name, persist_result=False)
async def deploy_staging(
    service: str,
    image: str,
    commit: str,
    version: str = "",
    title: str = "",
    commits: list[dict[str, str]] | None = None,
    accept_drift: bool = False,
) -> State[Any]:
    """Roll a merged release out to staging, and ask people about production when it is well there."""
    wanted = Wanted(image, commit, version, title, tuple(commits or ()))
    return await ended(to_staging(service, wanted, accept_drift=accept_drift))


@flow(name="deploy-production", flow_run_name=production_name, persist_result=False)
async def deploy_production(service: str, release: str, accept_drift: bool = False) -> State[Any]:
    """Ask a person; then roll a release that staging has verified out to production."""
    return await ended(to_production(service, release, accept_drift=accept_drift))


async def to_staging(service: str, wanted: Wanted, *, accept_drift: bool = False) -> str:
    """Register, roll out (who is promoted is verified), ask for production."""
    async with open_site(service, "staging", this_run()) as site:
        release = await wanted.release(site)
        asked = await register(site, release)
        async with hold(site, asked) as lease:
            rollout = await roll_out(site, asked, lease, accept_drift=accept_drift)
        if "production" in site.service.environments:
            await ask_for_production(site, release, rollout.id)
        await show(rollout, f"{release.short} is live in staging")
        return f"{release.short} is live in staging"


async def to_production(service: str, release_id: str, *, accept_drift: bool = False) -> str:
    """Ask first; a yes counts for exactly what was shown, so what changed while we waited is asked about again."""
    async with open_site(service, "production", this_run()) as site:
        release = await verified(site, release_id, proven_in="staging")
        asked = await evidence_from(site, await register(site, release), proven_in="staging")
        while True:
            granted = await approve(site, asked)
            async with hold(site, asked) as lease:
                if await spend(site, asked, granted):
                    rollout = await roll_out(site, asked, lease, accept_drift=accept_drift)
                    break
        await show(rollout, f"{release.short} is live in production")
        return f"{release.short} is live in production"
