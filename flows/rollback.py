"""The operator's button."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.ending import ended
from tasks.register import this_run
from tasks.rollback import roll_back


@flow(name="rollback", flow_run_name="{service} {environment} back", persist_result=False)
async def rollback(service: str, environment: str, to: str = "", reason: str = "") -> State[Any]:
    """Put all users on what was good before, or on `to`; a rollout at work there stops. Needs no approval."""
    return await ended(back(service, environment, to, reason))


async def back(service: str, environment: str, to: str, reason: str) -> str:
    """Go back, and say where users are now."""
    went = await roll_back(service, environment, to, reason, this_run())
    return f"{went.now}, after {went.seconds:.1f} s; {went.seen}"
