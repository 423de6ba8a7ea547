"""Every minute: bring to an end what its owner left behind."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.ending import ended
from surefoot.errors import SurefootError
from tasks.places import forgotten, services
from tasks.recover import recover
from tasks.register import this_run
from tasks.site import Run, open_site, open_store
from tasks.wake import post, promise_kept, wake_dead


@flow(name="watchdog", persist_result=False)
async def watchdog() -> State[Any]:
    """Finish or restore rollouts whose owner died, end questions nobody can answer, send what was not sent."""
    return await ended(look_after(this_run()))


async def look_after(run: Run) -> str:
    """Make one round, and say what was done."""
    return "; ".join(await look_round(run)) or "nothing was left behind"


async def look_round(run: Run) -> list[str]:
    """Go through every place; one that cannot be looked at (`! …`) does not keep the others waiting."""
    mistakes: list[str] = []
    found = list(services(mistakes))
    done = [*mistakes]
    for file, service in found:
        for environment in service.environments:
            done += await _look(file, environment, run)
    async with open_store() as store:
        if not mistakes:  # a file that cannot be read may have the place
            known = {place.key for _, service in found for place in service.environments.values()}
            done += await forgotten(store, known)
        await post(store, [service for _, service in found])
    return done


async def _look(file: str, environment: str, run: Run) -> list[str]:
    done: list[str] = []
    try:
        async with open_site(file, environment, run) as site:
            done += await recover(site)
            done += await wake_dead(site)
            done += await promise_kept(site)
    except SurefootError as problem:
        done.append(f"! {file} {environment}: {problem}")
    except Exception as problem:  # whatever is wrong with one place, the others are looked after
        done.append(f"! {file} {environment}: {type(problem).__name__}: {problem}")
    return done
