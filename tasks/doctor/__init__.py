"""Whether a place could be released to: everything that a rollout needs is looked at, and nothing is changed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib import import_module
from typing import Any, cast

from surefoot.errors import SurefootError
from surefoot.release import Image, Revision
from surefoot.rollout import Plan
from surefoot.service import Environment, Place
from tasks.doctor.finding import LIMIT_S, Examination, Finding, NotSeen, Once, examined, problem_of, well
from tasks.registries import check, resolve
from tasks.settings import tool_settings
from tasks.targets import TARGETS, connect, settings_model

__all__ = ["LIMIT_S", "Examination", "Finding", "examine"]

# Connections of a look give up before the look itself does: what hangs in a thread would keep the command from ending.
_WITHIN = "8s"


async def examine(place: Environment, more: Sequence[Examination] = (), limit_s: float = LIMIT_S) -> list[Finding]:
    """Return what is found of a place, in an order that people read well; `more` is looked at beside it."""
    from tasks.doctor.slack import slack  # noqa: PLC0415 (where nobody is told, it is not needed)
    from tasks.doctor.store import store  # noqa: PLC0415
    from tasks.doctor.vitals import vitals  # noqa: PLC0415

    live = Once(partial(_live, place))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(live.close)
        try:
            looks = await stack.enter_async_context(_target(place.place, place.plan))
        except SurefootError as problem:
            looks = [_already(problem_of("target", problem))]
        told = [slack(place.slack)] if place.slack else [_already(well("slack", "nobody is told in Slack"))]
        return await examined([*looks, _registry(live), vitals(place, live), *told, store(), *more], limit_s)


@asynccontextmanager
async def _target(place: Place, plan: Plan) -> AsyncIterator[list[Examination]]:
    adapter: Any = import_module(f"{TARGETS[place.kind]}.examine")
    settings = settings_model(place.kind).model_validate({**place.settings, "change_within": _WITHIN})
    async with adapter.examinations(settings, plan) as looks:
        yield cast("list[Examination]", looks)


def _already(finding: Finding) -> Examination:
    async def look() -> Sequence[Finding]:
        return [finding]

    return Examination(finding.subject, look)


def _registry(live: Once[Revision]) -> Examination:
    """Look whether we may pull what is live: a release's image is looked up with the same rights."""

    async def look() -> Sequence[Finding]:
        image, stand_ins = (await live()).image, tool_settings().registries
        pinned = Image.parse(image) if "@" in image else await resolve(image, stand_ins)
        await check(pinned, stand_ins)
        return [well("registry", f"what is live is there: {pinned}")]

    return Examination("registry", look)


async def _live(place: Environment) -> Revision:
    try:
        target = connect(Place(place.place.kind, {**place.place.settings, "change_within": _WITHIN}), place.plan)
        try:
            live = await target.live()
        finally:
            await target.close()
        return live.revisions[live.traffic.main]
    except (SurefootError, KeyError) as problem:
        raise NotSeen("it is not known what is live") from problem
