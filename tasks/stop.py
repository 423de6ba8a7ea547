"""A person's Cancel and a SIGTERM: one clean stop, so that the way back can finish."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from surefoot.errors import Cancelled

T = TypeVar("T")

# Whether a stop was asked for, or would come too late: not empty then.
_OVER: ContextVar[list[bool]] = ContextVar("over")


@contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Turn the first SIGTERM into one `CancelledError` at the current await; later ones do not disturb the way back.

    Prefect's own handler raises in whatever line happens to run, the way back included; a Cancel in its UI reaches a
    run as SIGTERM, with 30 seconds before SIGKILL. What leaves the block is `Cancelled`, once all was put back.
    """
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)
    asked: list[bool] = []
    token = _OVER.set(asked)

    def stop() -> None:
        if task is not None and not asked:
            asked.append(True)
            task.cancel("stopped by a person or by SIGTERM")

    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    except asyncio.CancelledError as stopped:
        raise Cancelled(str(stopped) or "stopped") from stopped
    finally:
        _OVER.reset(token)
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)


def too_late() -> None:
    """From here on a stop would change nothing for users, and only lose words: it is not heard any more."""
    _OVER.get([]).append(True)


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Return what the work comes to, whatever cancels its caller meanwhile.

    For the way back and for the end of a climb: either is gone to its end once it was begun, or users are left between
    two releases. A stop that comes meanwhile comes too late.
    """
    going, caller = asyncio.ensure_future(work), asyncio.current_task()
    while True:
        try:
            return await asyncio.shield(going)
        except asyncio.CancelledError:
            if going.cancelled() or caller is None:
                raise
            caller.uncancel()
