"""What a platform counted of two revisions, and whether it can be believed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from surefoot.vitals import Histogram, Look, Vitals

# So far, and by so many, may the number of latencies lie off the number of requests: some are on their way at either
# end of a window.
_APART, _FEW = 0.2, 5


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of one revision's requests; `points` tells of how many numbers `requests` was made.

    `unanswered` are requests that cannot have a latency.
    """

    requests: int = 0
    errors: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)
    latency_ms: Histogram = field(default_factory=Histogram)
    points: int = 0
    unanswered: int = 0

    @property
    def contradiction(self) -> str:
        """Return which of its numbers cannot be true together, "" where all can."""
        for name, number in (*self.classes.items(), ("errors", self.errors)):
            if not 0 <= number <= self.requests:
                return f"{number:,} {name} of {self.requests:,} requests"
        answered, latencies = self.requests - self.unanswered, self.latency_ms.total
        apart = abs(answered - latencies)
        if apart > _FEW and apart > _APART * max(answered, latencies):
            return f"{latencies:,} latencies of {answered:,} requests"
        return ""

    def vitals(self, seconds: float) -> Vitals:
        """Return it as what was seen over so many seconds."""
        classes = sorted(((name, number) for name, number in self.classes.items() if number), key=_most_first)
        return Vitals(self.requests, self.errors, self.latency_ms, seconds, classes=tuple(classes))


def compared(stable: Counted, canary: Counted, seconds: float) -> Look:
    """Return two counts as a look, blind on both sides where either cannot be believed.

    A platform that shows nothing of one revision, and something of the other over the same minutes, has counted no
    request of the first. One that shows nothing of either may be late.
    """
    if not stable.points and not canary.points:
        return blind("no numbers yet, of neither revision", seconds)
    for name, side in (("stable", stable), ("canary", canary)):
        if side.contradiction:
            return blind(f"contradicts itself: {side.contradiction} of {name}", seconds)
    total = stable.requests + canary.requests
    return Look(stable.vitals(seconds), canary.vitals(seconds), canary.requests / total if total else 0.0)


def blind(why: str, seconds: float) -> Look:
    """Return a look in which nothing was seen of either side, and why."""
    unseen = Vitals(seconds=seconds, blind=why)
    return Look(unseen, unseen)


def _most_first(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]
