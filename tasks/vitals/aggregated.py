"""A source whose platform adds users' requests up by the minute, and shows a minute a while after it is over."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from surefoot.release import Revision
from surefoot.vitals import Look
from tasks.vitals.counted import Counted, blind, compared
from tasks.vitals.minutes import MINUTE_S, Window, first_after, last_before

# Minutes that could not be seen are asked for again by the next look, up to so far back.
_FURTHEST_S = 60 * MINUTE_S
_ANSWER_S = 10.0
# A sleep may end a moment early; one that ends early so often tells of a clock that was set back.
_WAITS = 5

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class Unseen(Exception):
    """Why a platform's numbers cannot be had, in words that hold no secret."""


class Platform(Protocol):
    """Where the numbers are."""

    async def counted(self, stable: Revision, canary: Revision, window: Window) -> tuple[Counted, Counted]:
        """Return what was counted of stable and of canary within the window; Unseen says why it cannot."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Aggregated:
    """Both revisions as the platform counted their users' requests, over the same whole minutes."""

    ours = False
    shortest_s = MINUTE_S

    def __init__(
        self,
        platform: Platform,
        lag_s: float,
        *,
        clock: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
        answer_s: float = _ANSWER_S,
    ) -> None:
        """Take minutes as whole `lag_s` after their end; `clock` tells seconds since the epoch."""
        self.lag_s = lag_s
        self._platform = platform
        self._clock = clock
        self._sleep = sleep
        self._answer_s = answer_s
        self._since = self._next = first_after(clock())

    def begin(self) -> None:
        """Let the next look cover nothing that was before now: its first minute is the one that begins next."""
        self._since = self._next = first_after(self._clock())

    async def look(self, stable: Revision, canary: Revision, seconds: float) -> Look:
        """Return what was seen of the minutes that are whole by now, and that no look has seen yet.

        It takes about `seconds`, longer where no minute is whole by then. What could not be seen is asked for again
        by the next look.
        """
        window = await self._whole(seconds)
        if window.seconds < MINUTE_S:
            return blind("this machine's clock was set back", 0.0)
        look = await self._asked(stable, canary, window)
        if not look.stable.blind:
            self._next = max(self._next, window.end)
        return look

    async def reach(self, revision: Revision) -> str:
        """Return why the last whole minute cannot be asked for, "" where it can: whether it held anything or not."""
        end = last_before(self._clock() - self.lag_s)
        minute = Window(end - MINUTE_S, end, end - MINUTE_S)
        try:
            async with asyncio.timeout(self._answer_s):
                await self._platform.counted(revision, _beside(revision), minute)
        except Unseen as problem:
            return str(problem)
        except TimeoutError:
            return f"no answer within {self._answer_s:g} s"
        return ""

    async def close(self) -> None:
        """Let go of connections."""
        await self._platform.close()

    async def _whole(self, seconds: float) -> Window:
        """Wait, and return the minutes that are whole then."""
        until = max(self._clock() + seconds, self._next + MINUTE_S + self.lag_s)
        for _ in range(_WAITS):
            left = until - self._clock()
            if left <= 0:
                break
            await self._sleep(left)
        end = last_before(self._clock() - self.lag_s)
        return Window(max(self._next, end - _FURTHEST_S), end, self._since)

    async def _asked(self, stable: Revision, canary: Revision, window: Window) -> Look:
        try:
            async with asyncio.timeout(self._answer_s):
                counted = await self._platform.counted(stable, canary, window)
            return compared(*counted, window.seconds)
        except Unseen as problem:
            return blind(str(problem), window.seconds)
        except TimeoutError:
            return blind(f"no answer within {self._answer_s:g} s", window.seconds)
        except Exception as problem:  # whatever it is, it says nothing of the release
            return blind(f"the answer could not be read ({type(problem).__name__})", window.seconds)


def _beside(revision: Revision) -> Revision:
    """Return a second revision to ask for: there is none by that name, and nothing is counted of it."""
    labels = {name: f"{value}-beside" for name, value in revision.labels.items()}
    return replace(revision, name=f"{revision.name}-beside", labels=labels)
