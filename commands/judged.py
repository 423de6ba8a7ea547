"""An answer of the judge as a person reads it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from commands.row import Row
from commands.terminal import Sign, Terminal
from surefoot.units import count
from surefoot.verdict import Outcome

if TYPE_CHECKING:
    from tasks.cases.answer import Answer

SIGNS = {Outcome.PASS: Sign.GOOD, Outcome.FAIL: Sign.BAD, Outcome.INCONCLUSIVE: Sign.UNCLEAR}


def shown(answers: "Sequence[Answer]", terminal: Terminal, *, many: bool) -> Iterator[str]:
    """Yield each answer in lines of 80 columns: of `many` with its number, and the look it was reached at."""
    names = [_name(answer, number if many else 0) for number, answer in enumerate(answers, 1)]
    width = max(11, *map(len, names))
    for name, answer in zip(names, answers, strict=True):
        yield from Row(SIGNS[answer.verdict.outcome], name, (str(answer.verdict),)).show(terminal, width)


def tally(answers: "Sequence[Answer]") -> str:
    """Return how many rollouts ended in which way."""
    ends = Counter(answer.verdict.outcome for answer in answers)
    rollouts = f"{count(len(answers))} rollout{'' if len(answers) == 1 else 's'}"
    return ", ".join((rollouts, *(f"{count(ends[outcome])} {outcome}" for outcome in Outcome)))


def _name(answer: "Answer", number: int) -> str:
    where = f"look {answer.look}" if answer.look else "no look"
    return f"{number}, {where}" if number else where
