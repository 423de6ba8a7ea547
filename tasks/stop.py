"""A person's Cancel and a SIGTERM: one clean stop, so that the way back can finish."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from surefoot.errors import Cancelled


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
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
