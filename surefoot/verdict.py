"""What a look concluded."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """PASS, FAIL, or INCONCLUSIVE: could not look, or cannot say yet."""

    PASS = "PASS"  # noqa: S105 (an outcome, not a password)
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


# Best to worst: one bad look outweighs any number that could not be made.
_ORDER = (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome with the reason that shows its numbers.

    `needs_requests` is about how many more requests to the canary would settle it, `needs_s` how long they take at the
    rate so far. `levels` are the canary's and stable's values over the whole rollout by name, rates (0 to 1) and
    milliseconds, `bounds` the values from which the canary would fail.
    """

    outcome: Outcome
    reason: str
    needs_requests: int = 0
    needs_s: float = 0.0
    bounds: tuple[tuple[str, float], ...] = ()
    levels: tuple[tuple[str, float, float], ...] = ()

    def __str__(self) -> str:
        return f"{self.outcome} {self.reason}"


def worst(verdicts: "tuple[Verdict, ...] | list[Verdict]") -> Verdict:
    """Return the first of the worst; none at all is INCONCLUSIVE, since nothing was looked at."""
    if not verdicts:
        return Verdict(Outcome.INCONCLUSIVE, "nothing was looked at")
    return max(verdicts, key=lambda verdict: _ORDER.index(verdict.outcome))
