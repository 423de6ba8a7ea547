"""A check of a service, and what was seen when it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from surefoot.answer import Answer
from surefoot.expectation import Comparison, Expectation
from surefoot.verdict import Outcome, Verdict

__all__ = ["Check", "Comparison", "Expectation", "ProbeResult", "Request", "smoke_verdict"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a check: path below the address, and what its answer has to be.

    `capture` names values to carry to later requests: name to `json.<path>`, a JSONPath that starts with `$`,
    `header.<name>` or a regular expression with one group over the text. `{name}` in path, headers and body is
    replaced by the carried value. Where no expectation is about the status, it has to be below 400.
    """

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    expect: tuple[Expectation, ...] = ()
    capture: Mapping[str, str] = field(default_factory=dict)

    def broken(self, answer: Answer) -> Expectation | None:
        """Return the first expectation that an answer does not keep, if any."""
        implied = () if any(each.subject == "status" for each in self.expect) else (_NO_FAILURE,)
        return next((each for each in (*implied, *self.expect) if each.problem(answer)), None)

    @property
    def safe(self) -> bool:
        """Return whether asking again changes nothing at the service."""
        return self.method in ("GET", "HEAD")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


_NO_FAILURE = Expectation("status", Comparison.LESS, 400)


@dataclass(frozen=True, slots=True)
class Check:
    """One request, or a journey of several that share cookies and carried values. `timeout_s` is for each request."""

    name: str
    requests: tuple[Request, ...]
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was seen when a check was made: `problem` is empty when all was as expected.

    `looked` is False when our own side could not ask (no route, no name): that says nothing about the service.
    `revision` is who answered, where the service says so.
    """

    check: str
    seconds: float
    status: int | None = None
    problem: str = ""
    revision: str = ""
    looked: bool = True

    @property
    def good(self) -> bool:
        """Return whether all was as expected."""
        return not self.problem


def smoke_verdict(results: Sequence[ProbeResult]) -> Verdict:
    """Return PASS when every check is good, FAIL when one is bad, INCONCLUSIVE when we could not look."""
    bad = [result for result in results if not result.good]
    good = f"{len(results) - len(bad)} of {len(results)}"
    if not results:
        return Verdict(Outcome.INCONCLUSIVE, "there is no check to make")
    if not bad:
        return Verdict(Outcome.PASS, good)
    first = next((result for result in bad if result.looked), bad[0])
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    if first.looked:
        return Verdict(Outcome.FAIL, f"{good}: {first.problem}{more}")
    return Verdict(Outcome.INCONCLUSIVE, f"could not look: {first.problem}{more}")
