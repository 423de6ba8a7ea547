"""Judge all rollouts of a file, in as many processes as are worth it."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice

from surefoot.errors import ConfigError
from tasks.cases.answer import Answer, Job, work_on
from tasks.cases.crew import spread
from tasks.cases.text import is_list, place, rollouts_in
from tasks.settings.mistake import Found, Mistake, dotted

# A process takes half a second to start: for fewer rollouts than this it does not pay.
_FEW = 200
_AT_ONCE = 16
_MOST_SHOWN = 20

# Called with how many rollouts were judged, and which share (0 to 1) of the text that was.
Progress = Callable[[int, float], None]


def answers_of(text: str, file: str, progress: Progress, processes: int | None = None) -> list[Answer]:
    """Return what the judge says of each rollout in a text, in order; ConfigError with all that is wrong in it.

    `processes` are as many as this machine has processors, and one for few rollouts.
    """
    batch = _Batch(text, file)
    spans = rollouts_in(text, file)
    first = list(islice(spans, _FEW))
    if not first:
        raise ConfigError(f"{file}: the list is empty; there is no rollout to judge")
    enough = processes or (_processors() if len(first) == _FEW else 1)
    jobs = batch.jobs(chain(first, spans))
    with closing(spread(work_on, jobs, enough) if enough > 1 else (work_on(job) for job in jobs)) as results:
        for result in results:
            batch.take(result)
            progress(batch.taken, batch.share)
            if len(batch.mistakes) > _MOST_SHOWN:
                break
    if batch.mistakes:
        raise ConfigError(_told(batch.mistakes))
    return batch.answers


class _Batch:
    """The rollouts of one file: what was given out, and what came back."""

    def __init__(self, text: str, file: str) -> None:
        self.answers: list[Answer] = []
        self.mistakes: list[Mistake] = []
        self.taken = 0
        self._text, self._file, self._list = text, file, is_list(text)
        self._spans: list[tuple[int, int]] = []

    def jobs(self, spans: Iterable[tuple[int, int]]) -> Iterator[Job]:
        """Yield the rollouts in portions; from the first mistake on nothing is judged any more, only read."""
        left = iter(spans)
        while portion := list(islice(left, _AT_ONCE)):
            self._spans += portion
            yield Job(tuple(self._text[begin:end] for begin, end in portion), only_read=bool(self.mistakes))

    def take(self, results: Sequence[Answer | list[Found]]) -> None:
        """Take in what came of a portion."""
        for result in results:
            if isinstance(result, Answer):
                self.answers.append(result)
            else:
                self.mistakes += [self._mistake(self.taken, found) for found in result[: _MOST_SHOWN + 1]]
            self.taken += 1

    @property
    def share(self) -> float:
        """Return how much of the text has come back (0 to 1)."""
        return self._spans[self.taken - 1][1] / len(self._text)

    def _mistake(self, number: int, found: Found) -> Mistake:
        path = (number, *found.path) if self._list else found.path
        line, column = place(self._text, self._spans[number][0], found.path)
        return Mistake(self._file, line, column, dotted(path), found.message)


def _told(mistakes: Sequence[Mistake]) -> str:
    shown, many = mistakes[:_MOST_SHOWN], len(mistakes)
    more = "more than 20 mistakes" if many > _MOST_SHOWN else f"{many} mistake{'' if many == 1 else 's'}"
    return "\n".join((*map(str, shown), f"{more}; nothing was judged"))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
