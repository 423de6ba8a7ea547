"""What a look concluded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.verdict import Outcome, Verdict, worst

PASS, FAIL, UNCLEAR = (
    Verdict(outcome, outcome.lower()) for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)
)
verdicts = st.lists(st.builds(Verdict, st.sampled_from(Outcome), st.text(max_size=3)), min_size=1)


@pytest.mark.parametrize(
    ("given_verdicts", "expected"),
    [
        ((PASS,), PASS),
        ((PASS, UNCLEAR), UNCLEAR),
        ((UNCLEAR, PASS, FAIL), FAIL),
        ((FAIL, UNCLEAR), FAIL),
        ([PASS, Verdict(Outcome.PASS, "second")], PASS),
    ],
)
def test_the_worst_is_the_first_of_the_worst(given_verdicts, expected):
    assert worst(given_verdicts) is expected


def test_nothing_looked_at_is_not_a_pass():
    assert worst(()) == Verdict(Outcome.INCONCLUSIVE, "nothing was looked at")


@given(verdicts)
def test_one_bad_look_outweighs_everything(several):
    outcomes = {verdict.outcome for verdict in several}

    assert (worst(several).outcome is Outcome.FAIL) is (Outcome.FAIL in outcomes)
    assert (worst(several).outcome is Outcome.PASS) is (outcomes == {Outcome.PASS})


def test_a_verdict_is_said_with_its_reason():
    assert str(Verdict(Outcome.FAIL, "errors 6 of 121")) == "FAIL errors 6 of 121"
