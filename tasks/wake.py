"""Runs that died while they were still wanted, and questions that nobody can answer any more."""

from collections.abc import Sequence
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled
from sqlalchemy import Connection

from surefoot.service import Service
from tasks.approve import end_question, end_run
from tasks.clock import now
from tasks.hear import CLOSED, rollout_of
from tasks.notify import deliver
from tasks.register import ask_for_production
from tasks.site import Site
from tasks.store import approvals, ledger, releases, rollouts
from tasks.store.approvals import ApprovalRecord, ApprovalState
from tasks.store.database import Store

# A run that dies each time it is started is not started for ever.
_WAKES = 3
_WOKEN = "run started again"
# A run's end, by the name of its state, says what became of its question.
_ENDS = {"Superseded": ApprovalState.SUPERSEDED, "TimedOut": ApprovalState.TIMED_OUT}


async def read_run(run_id: str) -> FlowRun | None:
    """Return Prefect's run, None where it is gone (or was a command's, not Prefect's)."""
    try:
        async with get_client() as client:
            return await client.read_flow_run(UUID(run_id))
    except (ObjectNotFound, ValueError):
        return None


async def wake_run(site: Site, run_id: str, rollout: str) -> bool:
    """Start a dead run again, from its top; False when it is not Prefect's, has ended, or has died too often."""
    woken, run = await site.keep(_woken, rollout), await read_run(run_id)
    if woken >= _WAKES or run is None or run.state is None:
        return False
    if run.state.is_final() and not run.state.is_crashed():
        return False
    fields = {"run": run_id, "time": woken + 1}
    await site.keep(ledger.append, _WOKEN, site.key, fields, now(), rollout=rollout)
    async with get_client() as client:
        await client.set_flow_run_state(UUID(run_id), Scheduled(message="its process had died"), force=True)
    return True


async def wake_dead(site: Site) -> list[str]:
    """Start again what died between being asked for and its first write, or while people were asked."""
    done = []
    for question in await site.keep(approvals.standing, site.key):
        done += await _question(site, question)
    done += await _left_suspended(site)
    newest = await site.keep(releases.newest, site.key)
    if newest is None or await site.keep(_has_begun, site.key, newest.run_id):
        return done
    run = await read_run(newest.run_id)
    if run is not None and run.state is not None and run.state.is_crashed():
        rollout = f"{site.key}/{newest.release.id}/{newest.run_id[:8]}"
        if await wake_run(site, newest.run_id, rollout):
            done.append(f"{newest.release.short} goes on in {site.environment.name}: its run had died")
    return done


async def promise_kept(site: Site) -> list[str]:
    """Ask for production where a run died between verifying a release and asking."""
    if site.environment.name != "staging" or "production" not in site.service.environments:
        return []
    last = await site.keep(rollouts.last_promoted, site.key)
    if last is None:
        return []
    asked = await site.keep(releases.find, f"{site.environment.service}/production", last.release.id)
    known = await site.keep(releases.find, site.key, last.release.id)
    if asked is not None or known is None or known.verified_at is None:
        return []
    await ask_for_production(site, last.release, last.id)
    return [f"{last.release.short} was verified in staging; production is asked for now"]


async def post(store: Store, services: Sequence[Service]) -> None:
    """Send whatever waits in the outbox, of every service."""
    for service in services:
        for rule in {environment.slack for environment in service.environments.values() if environment.slack}:
            await deliver(store, rule)


async def _question(site: Site, question: ApprovalRecord) -> list[str]:
    """Look after one question that stands: its time may be over, and its run may be gone, ended or dead."""
    what = f"the question about {question.release_id} in {site.environment.name}"
    if question.state is ApprovalState.ASKED and question.until < now():
        await end_question(site, question, ApprovalState.TIMED_OUT, "nobody answered in time, which is a no")
        return [f"{what} timed out"]
    run = await read_run(question.run_id)
    state = run.state if run is not None else None
    if state is not None and not state.is_final():
        return []
    if state is not None and state.is_crashed() and await wake_run(site, question.run_id, rollout_of(question)):
        return [f"{what} is asked on"]
    ended = state.name or "ended" if state is not None else "gone"
    how = _ENDS.get(ended, ApprovalState.CANCELLED)
    await end_question(site, question, how, await _newest(site) if how is ApprovalState.SUPERSEDED else ended)
    return [f"{what} is {how}: its run is {ended}"]


async def _newest(site: Site) -> str:
    newest = await site.keep(releases.newest, site.key)
    return newest.release.version if newest is not None else "a newer release"


async def _left_suspended(site: Site) -> list[str]:
    """End runs that wait although their last question has ended: whoever ended it died before it could."""
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
    async with get_client() as client:
        paused = await client.read_flow_runs(flow_run_filter=wanted)
    done = []
    for run in paused:
        asked = await site.keep(approvals.of_run, str(run.id))
        if asked and asked[-1].key == site.key and asked[-1].state in CLOSED:
            await end_run(str(run.id), asked[-1].state, "its question had ended")
            done.append(f"{run.name} does not wait any more: its question was {asked[-1].state}")
    return done


def _woken(connection: Connection, rollout: str) -> int:
    return sum(entry.kind == _WOKEN for entry in ledger.of_rollout(connection, rollout))


def _has_begun(connection: Connection, key: str, run_id: str) -> bool:
    return any(attempt.run_id == run_id for attempt in rollouts.history(connection, key, limit=50))
