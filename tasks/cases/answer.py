"""What the judge says of a recorded rollout."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from pydantic import ValidationError

from surefoot.judge import Judge
from surefoot.terms import Terms
from surefoot.verdict import Outcome, Verdict
from surefoot.vitals import Look
from tasks.cases.model import Case
from tasks.cases.wrong import wrong_in
from tasks.settings.mistake import Found


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, and the look (from 1) that it was reached at: the one that failed, else the last; 0 without any."""

    verdict: Verdict
    look: int

    def fields(self) -> dict[str, Any]:
        """Return it as it is printed: what it still needs is 0 once it is decided, null where that cannot be told."""
        verdict = self.verdict
        unclear = None if verdict.outcome is Outcome.INCONCLUSIVE else 0
        needs = {"requests": verdict.needs_requests or unclear, "seconds": ceil(verdict.needs_s) or unclear}
        return {"outcome": str(verdict.outcome), "look": self.look, "reason": verdict.reason, "needs": needs}


@dataclass(frozen=True, slots=True)
class Job:
    """Rollouts as text, which follow one another in a file; once there was a mistake, they are only read."""

    texts: tuple[str, ...]
    only_read: bool = False


def work_on(job: Job) -> list[Answer | list[Found]]:
    """Return for each rollout of a job what is said of it, or what is wrong with it; nothing where it is only read."""
    done = (_one(text, only_read=job.only_read) for text in job.texts)
    return list(done)


def judged(terms: Terms, looks: Iterable[Sequence[Look]]) -> Answer:
    """Judge looks in their order, until one fails; what comes after it is not looked at."""
    judge = Judge(terms)
    for look in looks:
        if judge.see(*look):
            break
    return Answer(judge.verdict, judge.looks)


def _one(text: str, *, only_read: bool) -> Answer | list[Found]:
    try:
        case = Case.model_validate_json(text)
    except ValidationError as problem:
        return list(wrong_in(problem))
    return [] if only_read else judged(case.terms(), ((seen.look(),) for seen in case.looks))
