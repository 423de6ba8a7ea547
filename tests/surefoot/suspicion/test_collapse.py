"""Failing more than any burst of a release that is well."""

import pytest

from surefoot.suspicion.collapse import Collapse
from surefoot.verdict import Outcome
from surefoot.vitals import Look, Vitals

MAY = 0.0001


def seen(looks, seconds=10.0):
    """Return the suspicion after the first look at which it crosses, or the last; and that look's number (0: none)."""
    suspicion = Collapse(1.0)
    for number, (stable_bad, stable, bad, canary) in enumerate(looks, 1):
        suspicion.add(Look(Vitals(stable, stable_bad, seconds=seconds), Vitals(canary, bad, seconds=seconds)), 0.5)
        if suspicion.crosses(MAY):
            return suspicion, number
    return suspicion, 0


@pytest.mark.parametrize(("stable", "canary"), [(200, 200), (1_800, 200), (10**6, 10**6)])
def test_a_canary_that_fails_everything_fails_at_once(stable, canary):
    suspicion, at = seen([(0, stable, canary, canary)] * 5)

    assert at == 1
    found = suspicion.find()
    assert found.outcome is Outcome.FAIL
    assert found.text.startswith(f"errors {canary:,} of {canary:,} (100 %) vs 0 of ")
    assert found.proof.startswith("more than any burst of a release that is well, by luck in ")
    assert found.levels == (1.0, 0.0)


@pytest.mark.parametrize(
    "look",
    [
        (200, 200, 200, 200),
        (190, 200, 200, 200),
        (100, 200, 110, 200),
        (20, 200, 24, 200),
        (0, 200, 6, 200),
        (0, 200, 0, 200),
        (0, 0, 200, 200),
        (0, 200, 0, 0),
    ],
)
def test_what_stable_does_as_well_what_bursts_do_and_what_nobody_stands_beside_is_none(look):
    suspicion, at = seen([look] * 120)

    assert at == 0
    assert (suspicion.find().outcome, suspicion.find().text) == (Outcome.PASS, "")


def test_one_burst_of_a_tenth_for_a_minute_is_what_healthy_releases_have():
    assert seen([(0, 200, 0, 200)] * 12 + [(0, 200, 20, 200)] * 6 + [(0, 200, 0, 200)] * 12)[1] == 0


def test_half_of_all_for_minutes_is_not():
    assert 0 < seen([(0, 200, 0, 200)] * 6 + [(0, 200, 100, 200)] * 60)[1] <= 6 + 18
