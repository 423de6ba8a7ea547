"""Every minute: bring to an end what its owner left behind."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.ending import ended
from tasks.recover import left_open, post, recover, stale_questions, unasked, wake
from tasks.register import this_run
from tasks.site import open_site, open_store


@flow(name="watchdog", persist_result=False)
async def watchdog() -> State[Any]:
    """Finish or restore rollouts whose owner died, end questions nobody can answer, send what was not sent."""
    return await ended(look_after())


async def look_after() -> str:
    """Go through everything that should not be as it is."""
    done: list[str] = []
    async with open_store() as store:
        for service, environment in await left_open(store):
            async with open_site(service, environment, this_run()) as site:
                done += await recover(site)
        for question in await stale_questions(store):
            service, environment = question.key.split("/")
            async with open_site(service, environment, this_run()) as site:
                done += await wake(site, question)
        done += await unasked(store)
        done += await post(store)
    return "; ".join(done) or "nothing was left behind"
