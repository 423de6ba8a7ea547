"""How much failures come in clumps, learnt from stable's minutes."""

import numpy as np
import pytest

from surefoot.suspicion.clumps import LUCKS, Clumps


def learnt(spread, minutes=30, failures=10.0, seed=4):
    rng, clumps = np.random.default_rng(seed), Clumps()
    for _ in range(minutes):
        clumps.add(1_000, int(rng.poisson(failures * (rng.gamma(1 / spread, spread) if spread else 1.0))))
    return clumps


def test_before_anything_was_seen_most_are_held_to_be_even_early_and_bursts_are_feared_late():
    early, late = Clumps().weights(0.0), Clumps().weights(1.0)

    assert early[0] > 0.9
    assert late[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", range(len(LUCKS)))
def test_after_many_minutes_the_kind_that_made_them_is_believed(kind):
    assert learnt(LUCKS[kind].spread, 60).weights(1.0).argmax() == kind


@pytest.mark.parametrize("way", [0.0, 0.1, 0.4, 1.0, 7.0])
@pytest.mark.parametrize("minutes", [0, 1, 2, 5, 300])
def test_weights_are_chances(way, minutes):
    weights = learnt(0.25, minutes).weights(way)

    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()


def test_calm_minutes_take_the_fear_away():
    fear = [learnt(0.0, minutes).weights(0.3)[-1] for minutes in (1, 6, 12, 40)]

    assert fear == sorted(fear, reverse=True)
    assert fear[-1] < 0.01


def test_minutes_without_a_failure_tell_nothing_of_clumps():
    assert learnt(0.0, 20, 0.0).weights(0.0) == pytest.approx(Clumps().weights(0.0), abs=0.02)


class TestRates:
    def test_the_level_is_stables_own_or_higher(self):
        clumps = learnt(0.0, 60)

        for rate in clumps.rates(1_000, 10, 1.0):
            assert 0.0095 < rate < 0.03

    def test_where_all_goes_badly_at_this_moment_that_counts(self):
        assert min(learnt(0.0, 60).rates(100, 50, 1.0)) >= 0.5

    def test_with_few_failures_seen_the_level_may_well_be_higher_but_not_beyond_what_healthy_releases_have(self):
        few, many = learnt(1.0, 2, 2.0).rates(1_000, 2, 1.0), learnt(1.0, 60, 2.0).rates(1_000, 2, 1.0)

        assert few[-1] > 1.5 * many[-1]
        assert max(Clumps().rates(10, 0, 1.0)) <= 0.05

    def test_without_any_request_there_is_a_level_all_the_same(self):
        assert all(0 < rate < 1 for rate in Clumps().rates(0, 0, 0.0))
