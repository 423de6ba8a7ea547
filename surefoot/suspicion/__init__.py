"""Ways in which a canary may be worse than stable: one module a kind, each holding its own evidence."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol

from surefoot.units import count
from surefoot.verdict import Outcome
from surefoot.vitals import Look

# What is ruled out is ruled out in so many of a thousand rollouts that do have the harm.
SURE = 0.999
# What a failure is said to lie between holds in 95 of 100: each bound is sure by this much.
SHOWN = 0.975
_MOST_TIMES = 1e6


@dataclass(frozen=True, slots=True)
class Finding:
    """What one suspicion says after a look.

    `text` shows both values, `proof` how sure that is. `factor` is how many times as much evidence would settle it
    (infinity: none would). `levels` are the canary's value and stable's, `bound` is the canary's from which it fails
    (None: no value does at the moment): rates (0 to 1) or milliseconds.
    """

    outcome: Outcome
    text: str
    proof: str = ""
    factor: float = 1.0
    bound: float | None = None
    levels: tuple[float, float] | None = None


def times_until(enough: Callable[[float], bool]) -> float:
    """Return from how many times as much evidence on it is `enough`, from 1 on and to a tenth; infinity: never."""
    low = high = 1.0
    while not enough(high):
        if high > _MOST_TIMES:
            return inf
        low, high = high, high * 2
    while high - low > high / 10:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def by_luck(chance: float) -> str:
    """Return how likely luck alone gives as much in a whole rollout: `, by luck in 1 of 3,200 rollouts`."""
    if chance < 1e-9:
        return ", by luck in less than 1 of a billion rollouts"
    return f", by luck in 1 of {count(int(float(f'{1 / chance:.2g}')))} rollouts"


class Suspicion(Protocol):
    """One way in which a canary may be worse, and the evidence for and against it so far.

    `weight` is its part of the chance of a false alarm, relative to the others. Where `required` is False nothing has
    to be ruled out before a canary passes: it only speaks up when it is certain.
    """

    name: str
    weight: float
    required: bool

    def add(self, look: Look, way: float) -> None:
        """Take in one look that both sides were seen in; `way` is how much of the plan's looks there were by now."""
        ...

    def crosses(self, may_spend: float) -> bool:
        """Say whether it is certain and large enough; to be asked once a look.

        `may_spend` is the chance of a false alarm that all looks so far may use.
        """
        ...

    def find(self) -> Finding:
        """Conclude, with both values and how sure that is."""
        ...
