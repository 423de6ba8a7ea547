"""The source of vitals as the doctor sees it: whether it answers, and may be asked. No look is kept."""

from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from surefoot.release import Revision
from surefoot.service import Environment
from tasks.doctor.finding import Examination, Finding, ill, well
from tasks.doctor.secret import secret
from tasks.vitals import Metrics, connect

Live = Callable[[], Awaitable[Revision]]


def vitals(place: Environment, live: Live) -> Examination:
    """Return the look at where vitals come from; `live` is asked which revision has the users."""

    async def look() -> Sequence[Finding]:
        rule = place.vitals
        source = connect(place, await secret(rule.token) if rule.token else "")
        try:
            if source.ours:
                return [well("vitals", "our own requests, by the checks; nothing else is needed")]
            problem = await cast("Metrics", source).reach(await live())
        finally:
            await source.close()
        seen, _, mend = problem.partition("; ")
        return [ill("vitals", seen, mend) if problem else well("vitals", f"{rule.source} answers")]

    return Examination("vitals", look)
