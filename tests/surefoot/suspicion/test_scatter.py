"""Latencies wider apart than stable's, though their middle is where it was."""

import numpy as np
import pytest

from surefoot.levels import Levels
from surefoot.suspicion.scatter import Scatter
from surefoot.verdict import Outcome
from surefoot.vitals import Histogram, Look, Vitals

MAY = 0.0004


def side(latencies):
    return Vitals(len(latencies), 0, Histogram.of((round(float(each), 1), 1) for each in latencies), 10.0)


def seen(looks):
    """Return the suspicion after the first look at which it crosses, or the last; and that look's number (0: none)."""
    levels = Levels()
    suspicion = Scatter(1.0, levels)
    for number, look in enumerate(looks, 1):
        levels.add(look)
        suspicion.add(look, 0.5)
        if suspicion.crosses(MAY):
            return suspicion, number
    return suspicion, 0


def drawn(canary_spread, requests=100, looks=20, spread=0.2):
    rng = np.random.default_rng(6)
    for _ in range(looks):
        yield Look(*(side(40 * np.exp(each * rng.standard_normal(requests))) for each in (spread, canary_spread)))


@pytest.mark.parametrize("requests", [10, 100, 2_000])
def test_twice_as_wide_around_the_same_middle_fails(requests):
    suspicion, at = seen(drawn(0.4, requests, 60 if requests < 100 else 8))

    assert at
    found = suspicion.find()
    assert found.outcome is Outcome.FAIL
    assert 1.4 < float(found.proof.split()[0]) < 3
    assert " times as wide, by luck in" in found.proof


@pytest.mark.parametrize("canary_spread", [0.1, 0.2, 0.22])
def test_as_wide_or_narrower_does_not(canary_spread):
    suspicion, at = seen(drawn(canary_spread, 500))

    assert at == 0
    assert suspicion.find().outcome is Outcome.PASS


def test_the_outer_tenths_of_both_sides_are_told():
    latencies = side([10.0] * 20 + [20.0] * 60 + [40.0] * 20)

    assert seen([Look(latencies, latencies)])[0].find().text == "spread 10 to 40 ms vs 10 to 40 ms"


@pytest.mark.parametrize(("stable", "canary"), [([], [20.0]), ([20.0], []), ([], [])])
def test_without_both_sides_there_is_nothing_to_compare(stable, canary):
    found = seen([Look(side(stable), side(canary))] * 40)[0].find()

    assert (found.outcome, found.text) == (Outcome.INCONCLUSIVE, "no spread to compare yet")


def test_a_service_that_answers_in_one_time_has_no_spread_and_any_is_wider():
    one, wide = side([20.0] * 100), side(np.linspace(10, 40, 100))

    assert seen([Look(one, one)] * 20)[1] == 0
    suspicion, at = seen([Look(one, wide)] * 20)
    assert at
    assert suspicion.find().proof.startswith("wider apart, by luck in ")


def test_few_answers_are_put_together_until_they_tell():
    alone = side([20.0])

    assert seen([Look(alone, alone)] * 100)[1] == 0
