"""Answering less than its share of the traffic."""

from math import inf

import numpy as np
import pytest

from surefoot.suspicion.saturation import Saturation
from surefoot.verdict import Outcome
from surefoot.vitals import Look, Vitals

MAY = 0.0004


def seen(looks, may=MAY):
    """Return the suspicion after the first look at which it crosses, or the last; and that look's number (0: none)."""
    suspicion = Saturation(1.0)
    for number, (stable, canary, share) in enumerate(looks, 1):
        suspicion.add(Look(Vitals(stable), Vitals(canary), share), 0.5)
        if suspicion.crosses(may):
            return suspicion, number
    return suspicion, 0


def drawn(requests, share, answered, looks=25):
    rng = np.random.default_rng(2)
    for _ in range(looks):
        canary = rng.binomial(requests, share)
        yield requests - canary, rng.binomial(canary, answered), share


@pytest.mark.parametrize(
    ("requests", "share"),
    [(100, 0.1), (100, 0.5), (1_000, 0.01), (1_000, 0.1), (1_000, 0.5), (100_000, 0.01), (100_000, 0.5), (10**9, 0.25)],
)
class TestAtAnyTraffic:
    def test_a_canary_that_answers_a_third_of_what_it_is_sent_fails(self, requests, share):
        suspicion, at = seen(drawn(requests, share, 0.33))

        assert 0 < at <= 3 + 100 / (share * requests)
        assert suspicion.find().outcome is Outcome.FAIL

    @pytest.mark.parametrize("answered", [1.0, 0.9])
    def test_one_that_answers_nearly_all_does_not(self, requests, share, answered):
        suspicion, at = seen(drawn(requests, share, answered))

        assert at == 0
        assert suspicion.find().outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("stable", "canary", "share"),
    [(500, 0, 0.5), (0, 500, 0.5), (0, 0, 0.5), (500, 5, 0.0), (500, 5, 1.0), (500, 5, 1e-30), (500, 5, 1 - 1e-16)],
)
def test_silence_blames_nobody_and_where_nobody_splits_there_is_no_share(stable, canary, share):
    suspicion, at = seen([(stable, canary, share)] * 50)

    assert at == 0
    found = suspicion.find()
    assert (found.outcome, found.text, found.factor) == (Outcome.INCONCLUSIVE, "no share to compare yet", inf)


def test_what_was_answered_and_what_was_due_are_told():
    found = seen([(900, 25, 0.1)] * 3)[0].find()

    assert found.text == "answered 25 of 925 requests (2.7 %)"
    assert found.proof.startswith("its share of the traffic is 10 %, by luck in ")


def test_shares_that_grow_from_step_to_step_are_each_held_against_their_own():
    looks = [(950, 50, 0.05)] * 20 + [(750, 250, 0.25)] * 20 + [(500, 500, 0.5)] * 20

    suspicion, at = seen(looks)

    assert at == 0
    assert suspicion.find().text == "answered 16,000 of 60,000 requests (27 %)"
