"""Looking from outside, as a user would: errors become words, never exceptions."""

import asyncio
import time
from collections.abc import Sequence

import aiohttp

from surefoot.answer import Answer
from surefoot.check import Check, ProbeResult
from surefoot.release import Address
from tasks.probes.http import Exchange, connections, visitor
from tasks.probes.journey import walk

# A new revision is not to be judged by how it takes a crowd.
_AT_ONCE = 4


async def look_at(check: Check, address: Address, lines: aiohttp.TCPConnector | None = None) -> ProbeResult:
    """Make one check against an address: on `lines`, or on a fresh connection for each request."""
    own = lines or connections(limit=1, keep_alive=False)
    started = time.perf_counter()
    try:
        async with visitor(own, address) as who:
            seen = [exchange async for exchange in walk(check, address.url, who)]
    finally:
        if lines is None:
            await own.close()
    return _result(check, seen, time.perf_counter() - started)


async def smoke(checks: Sequence[Check], address: Address) -> tuple[ProbeResult, ...]:
    """Make every check once, a few at a time; results are in the order of the checks."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(check: Check) -> ProbeResult:
        async with turn:
            return await look_at(check, address)

    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(one(check)) for check in checks]
    return tuple(look.result() for look in looks)


def _result(check: Check, seen: Sequence[Exchange], seconds: float) -> ProbeResult:
    last = seen[-1]
    revision = next((name for each in reversed(seen) if each.answer and (name := revision_in(each.answer))), "")
    status = last.answer.status if last.answer else None
    problem = f"{_place(check, len(seen))}: {last.label}: {last.problem}" if last.problem else ""
    return ProbeResult(check.name, seconds, status, problem, revision, looked=not last.ours)


def _place(check: Check, number: int) -> str:
    return f"{check.name} {number} of {len(check.requests)}" if len(check.requests) > 1 else check.name


def revision_in(answer: Answer) -> str:
    """Return the revision that an answer names in `x-revision` or in its JSON's `revision`, or nothing."""
    if "x-revision" in answer.headers or "json" not in answer.headers.get("content-type", ""):
        return answer.headers.get("x-revision", "")
    try:
        named = answer.value("json.revision")
    except (LookupError, ValueError):
        return ""
    return named if isinstance(named, str) else ""
