"""A check of a service, and what was seen when it was made."""

import pytest

from surefoot.answer import Answer
from surefoot.check import Check, Expectation, ProbeResult, Request, smoke_verdict
from surefoot.verdict import Outcome, Verdict


@pytest.mark.parametrize(
    ("status", "expect", "broken"),
    [
        (200, (), None),
        (302, (), None),
        (404, (), "status < 400"),
        (500, ("text exists",), "status < 400"),
        (404, ("status == 404",), None),
        (200, ("text == tea", "text == salt"), 'text == "tea"'),
        (500, ("status == 200",), "status == 200"),
    ],
)
def test_a_request_names_the_first_expectation_that_is_broken(status, expect, broken):
    found = Request("/", expect=tuple(Expectation.parse(line) for line in expect)).broken(Answer(status))

    assert (str(found) if found else None) == broken


@pytest.mark.parametrize(("method", "safe"), [("GET", True), ("HEAD", True), ("POST", False), ("DELETE", False)])
def test_a_request_that_may_change_something_is_not_safe(method, safe):
    request = Request("/carts", method)

    assert request.safe is safe
    assert str(request) == f"{method} /carts"


def result(problem: str = "", *, looked: bool = True) -> ProbeResult:
    return ProbeResult(Check("home", (Request("/"),)).name, 0.1, 200, problem, looked=looked)


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ((), Verdict(Outcome.INCONCLUSIVE, "there is no check to make")),
        ((result(), result()), Verdict(Outcome.PASS, "2 of 2")),
        ((result(), result("home: 500")), Verdict(Outcome.FAIL, "1 of 2: home: 500")),
        ((result("a"), result("b"), result("c")), Verdict(Outcome.FAIL, "0 of 3: a (and 2 more)")),
        ((result(), result("no route", looked=False)), Verdict(Outcome.INCONCLUSIVE, "could not look: no route")),
        ((result("no route", looked=False), result("500")), Verdict(Outcome.FAIL, "0 of 2: 500 (and 1 more)")),
    ],
)
def test_smoke_is_judged_by_its_worst_and_not_looking_blames_nobody(results, verdict):
    assert smoke_verdict(results) == verdict
    assert [each.good for each in results] == [not each.problem for each in results]
