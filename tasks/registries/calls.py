"""Reads that are tried again for a while where a registry is out of reach, or asks us to come back."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from surefoot.errors import Unavailable

PATIENCE_S = 30.0
_WAITS = {"wait_initial": 0.2, "wait_max": 4.0, "wait_jitter": 0.2}
_T = TypeVar("_T")

# What is tried again ends in an error of ours, or in nothing to tell; the library's own lines would only confuse.
stamina.instrumentation.set_on_retry_hooks([])


async def tried(call: Callable[[], Awaitable[_T]], patience_s: float = PATIENCE_S) -> _T:
    """Return what a read answers; Unavailable only after `patience_s`, or at once when told to stay away for longer."""
    until = time.monotonic() + patience_s

    def come_back(problem: Exception) -> bool | float:
        if not isinstance(problem, Unavailable):
            return False
        wait_s = problem.retry_after_s
        return True if wait_s is None else wait_s <= until - time.monotonic() and max(wait_s, 0.01)

    async for attempt in stamina.retry_context(come_back, attempts=None, timeout=patience_s, **_WAITS):
        with attempt:
            return await call()
    raise AssertionError  # the last attempt raises its own error
