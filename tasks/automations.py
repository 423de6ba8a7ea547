"""What Prefect has to know besides the deployments: the pool, and what follows when a run's process dies."""

import asyncio
import logging
from datetime import timedelta
from uuid import UUID

from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Cancelling

# Runs beat every 30 s; a shorter window would call a slow machine's healthy run dead.
_SILENCE_S = 120
_LOG = logging.getLogger("surefoot")
_RUNS = {"prefect.resource.id": "prefect.flow-run.*"}


async def create_pool(name: str) -> None:
    """Create the process work pool, if it is not there."""
    async with get_client() as client:
        try:
            await client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        except ObjectAlreadyExists:
            _LOG.debug("work pool %s is there already", name)


async def apply_automations() -> None:
    """Create or update both automations: silent runs are crashed, and a crash calls the watchdog."""
    async with get_client() as client:
        watchdog = await client.read_deployment_by_name("watchdog/watchdog")
    for wanted in (_silent_runs_are_crashed(), _a_crash_calls_the_watchdog(watchdog.id)):
        await _apply(wanted)


async def cancel_running(within_s: float) -> None:
    """Cancel every run at work and wait until their way back has finished."""
    at_work = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.CANCELLING]))
    )
    deadline = asyncio.get_running_loop().time() + within_s
    try:
        async with get_client() as client:
            for run in await client.read_flow_runs(flow_run_filter=at_work):
                await client.set_flow_run_state(run.id, Cancelling(message="Surefoot is being stopped"), force=True)
            while await client.read_flow_runs(flow_run_filter=at_work):
                if asyncio.get_running_loop().time() > deadline:
                    return
                await asyncio.sleep(0.3)
    except Exception as problem:  # the server may be gone already; the watchdog restores what was left
        _LOG.warning("runs at work could not be cancelled: %s", problem)


async def _apply(wanted: Automation) -> None:
    async with get_client() as client:
        known = await client.read_automations_by_name(wanted.name)
    if known:
        wanted.id = known[0].id
        await wanted.aupdate()
    else:
        await wanted.acreate()


def _silent_runs_are_crashed() -> Automation:
    """A machine that lost power tells nobody: its runs stay Running until somebody misses their heartbeat."""
    beat, ends = "prefect.flow-run.heartbeat", ("Completed", "Failed", "Cancelled", "Crashed", "Suspended", "Paused")
    return Automation(
        name="surefoot: silent runs are crashed",
        trigger=EventTrigger(
            after={beat},
            expect={beat, *(f"prefect.flow-run.{end}" for end in ends)},
            match=_RUNS,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=_SILENCE_S),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=f"no sign of life for {_SILENCE_S} s")],
    )


def _a_crash_calls_the_watchdog(watchdog: UUID) -> Automation:
    return Automation(
        name="surefoot: a crash calls the watchdog",
        trigger=EventTrigger(expect={"prefect.flow-run.Crashed"}, match=_RUNS, posture=Posture.Reactive, threshold=1),
        actions=[RunDeployment(source="selected", deployment_id=watchdog, parameters={})],
    )
