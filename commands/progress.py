"""How far a long piece of work is: one line that is written over, where somebody looks on."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from commands.terminal import Terminal
from surefoot.units import count

_EVERY_S = 0.25
_CLEARED = "\r\x1b[K"


@contextmanager
def progress(
    terminal: Terminal, stream: IO[str], clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, float], None]]:
    """Yield what takes how many are done and which share (0 to 1) that is; four times a second it is shown."""
    shown_at: list[float] = [clock()]  # nothing is shown of what takes no time
    shown = False

    def tell(done: int, share: float) -> None:
        nonlocal shown
        if terminal.live and clock() - shown_at[0] >= _EVERY_S:
            shown_at[0], shown = clock(), True
            stream.write(f"{_CLEARED}  {terminal.bar(share)} {share:.0%}, {count(done)} judged".replace("%,", " %,"))
            stream.flush()

    try:
        yield tell
    finally:
        if shown:
            stream.write(_CLEARED)
            stream.flush()
