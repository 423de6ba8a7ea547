"""Work that is spread over processes, and comes back in order."""

import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from threading import current_thread, main_thread
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from surefoot.errors import SurefootError

T = TypeVar("T")
R = TypeVar("R")


class HandLost(SurefootError):
    """A process that worked for us was ended by somebody else."""


def spread(work: Callable[[T], R], jobs: Iterable[T], processes: int) -> Generator[R]:
    """Yield `work(job)` for each job, in order; what it raises is raised here.

    However this ends, the processes end with it: each lives no longer than the pipe through which it is asked.
    """
    with ExitStack() as stack:
        with _deaf_to_ctrl_c():
            idle = [stack.enter_context(_Hand(work)) for _ in range(processes)]
        busy: dict[Any, tuple[int, _Hand[T, R]]] = {}
        done: dict[int, R] = {}
        yielded = 0
        upcoming = enumerate(jobs)
        following = next(upcoming, None)
        while following or busy:
            if following and idle:
                number, job = following
                hand = idle.pop()
                hand.give(job)
                busy[hand.connection] = (number, hand)
                following = next(upcoming, None)  # made while the others work
                continue
            for ready in wait(busy):
                number, hand = busy.pop(ready)
                done[number] = hand.take()
                idle.append(hand)
            while yielded in done:
                yield done.pop(yielded)
                yielded += 1


class _Hand(Generic[T, R]):
    """One process, which does one job at a time."""

    def __init__(self, work: Callable[[T], R]) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()
        self.connection.close()

    def give(self, job: T) -> None:
        """Send a job; HandLost where nobody is there to take it."""
        try:
            self.connection.send(job)
        except OSError as problem:
            raise self._lost() from problem

    def take(self) -> R:
        """Return what came of the job; HandLost where nothing ever will."""
        try:
            result, problem = self.connection.recv()
        except (EOFError, OSError) as lost:
            raise self._lost() from lost
        if problem is not None:
            raise problem
        done: R = result
        return done

    def _lost(self) -> HandLost:
        self._process.join(1.0)
        return HandLost(
            f"a process of this command was ended from outside (exit code {self._process.exitcode}), most likely for "
            "want of memory; give it fewer rollouts at a time"
        )


def _serve(asked: Connection, work: Callable[[Any], Any]) -> None:
    """Do jobs until whoever gives them is gone."""
    try:
        while True:
            job = asked.recv()
            answer: tuple[Any, Exception | None]
            try:
                answer = work(job), None
            except Exception as problem:  # whoever gave the job says what it means
                answer = None, problem
            asked.send(answer)
    except (EOFError, OSError):
        return


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Let processes that are started meanwhile never hear Ctrl-C: their parent does, after this, and ends them.

    A blocked signal stays blocked in a child. Ours may still come through a thread of a library, so it is kept until
    all are started: a child that was begun and not told what to do would complain. The tracker that multiprocessing
    starts beside its first process would unblock the signal, so it is started before.
    """
    resource_tracker.ensure_running()
    pressed: list[int] = []
    alone = current_thread() is main_thread()  # elsewhere no handler can be set, and no Ctrl-C ever arrives
    handler = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number)) if alone else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
    if pressed:
        signal.raise_signal(signal.SIGINT)
