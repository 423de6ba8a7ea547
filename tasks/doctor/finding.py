"""What a doctor finds: each thing looked at is well, or is not, or could not be looked at, which is neither."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from surefoot.errors import SurefootError
from tasks.settings.secrets import mask

LIMIT_S = 10.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at and what was seen; `well` is None where nothing was; `mend` is what to type about it."""

    subject: str
    well: bool | None
    seen: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """A look at one thing, which may find several; `mend` is what to type where no answer comes in time."""

    subject: str
    look: Callable[[], Awaitable[Sequence[Finding]]]
    mend: str = ""


class NotSeen(Exception):  # it is no error of what is looked at
    """Something could not be looked at; `mend` makes it visible."""

    def __init__(self, why: str, mend: str = "") -> None:
        super().__init__(why)
        self.mend = mend


class Missing(Exception):
    """Something that is needed is not there; `mend` is what puts it there."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.mend = mend


class Once(Generic[_T]):
    """A look that several examinations share: it is made once, and each waits for it as long as it may."""

    def __init__(self, look: Callable[[], Awaitable[_T]]) -> None:
        self._look = look
        self._looking: asyncio.Future[_T] | None = None

    async def __call__(self) -> _T:
        """Return what was seen; whoever stops waiting does not stop the look."""
        self._looking = self._looking or asyncio.ensure_future(self._look())
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._looking


async def examined(examinations: Iterable[Examination], limit_s: float = LIMIT_S) -> list[Finding]:
    """Return what all of them find, made at the same time; one that fails keeps none of the others from it."""
    found = await asyncio.gather(*(_examined(each, limit_s) for each in examinations))
    return [finding for findings in found for finding in findings]


def well(subject: str, seen: str) -> Finding:
    """Return the finding that something is as it has to be."""
    return Finding(subject, well=True, seen=seen)


def ill(subject: str, seen: str, mend: str = "") -> Finding:
    """Return the finding that something is not as it has to be."""
    return Finding(subject, well=False, seen=seen, mend=mend)


def blind(subject: str, why: str, mend: str = "") -> Finding:
    """Return the finding that something could not be looked at."""
    return Finding(subject, well=None, seen=why, mend=mend)


def problem_of(subject: str, problem: SurefootError) -> Finding:
    """Return the finding that an error of ours is: its last part is what to do, as everywhere."""
    seen, semicolon, mend = mask(str(problem)).rpartition("; ")
    return ill(subject, seen, mend) if semicolon else ill(subject, mend)


async def _examined(examination: Examination, limit_s: float) -> Sequence[Finding]:
    subject = examination.subject
    try:
        async with asyncio.timeout(limit_s):
            return await examination.look()
    except NotSeen as problem:
        return [blind(subject, mask(str(problem)), problem.mend)]
    except Missing as problem:
        return [ill(subject, mask(str(problem)), problem.mend)]
    except TimeoutError:
        return [ill(subject, f"no answer within {limit_s:g} s", examination.mend)]
    except SurefootError as problem:
        return [problem_of(subject, problem)]
    except Exception as problem:  # a doctor who stumbles goes on with the others
        return [blind(subject, f"{type(problem).__name__}: {mask(str(problem))}")]
