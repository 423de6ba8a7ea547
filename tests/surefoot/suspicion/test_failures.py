"""More failures than stable has: when that crosses, and what is said."""

from math import inf

import numpy as np
import pytest

from surefoot.suspicion import by_luck
from surefoot.suspicion.failures import Failures
from surefoot.verdict import Outcome
from surefoot.vitals import Look, Vitals

MAY = 0.004


def seen(looks, harm=0.01, seconds=60.0, planned=30):
    """Return the suspicion after the first look at which it crosses, or the last; and that look's number (0: none)."""
    suspicion = Failures("errors", lambda vitals: vitals.errors, harm, 1.0, required=True)
    for number, (stable_bad, stable, bad, canary, *share) in enumerate(looks, 1):
        look = Look(Vitals(stable, stable_bad, seconds=seconds), Vitals(canary, bad, seconds=seconds), *share)
        suspicion.add(look, number / planned)
        if suspicion.crosses(MAY * min(1.0, (number / planned) ** 1.75)):
            return suspicion, number
    return suspicion, 0


def drawn(stable_rate, canary_rate, stable=5_400, canary=600, looks=30, seed=1, bursts=0.0):
    rng = np.random.default_rng(seed)
    for _ in range(looks):
        levels = rng.gamma(1 / bursts, bursts, 2) if bursts else (1.0, 1.0)
        rates = min(1.0, stable_rate * levels[0]), min(1.0, canary_rate * levels[1])
        yield int(rng.binomial(stable, rates[0])), stable, int(rng.binomial(canary, rates[1])), canary


class TestCrosses:
    @pytest.mark.parametrize(("stable", "canary"), [(540, 60), (5_400, 600), (600, 600), (10**7, 10**6)])
    def test_four_times_as_many_failures_are_caught_at_any_traffic(self, stable, canary):
        suspicion, at = seen(drawn(0.01, 0.04, stable, canary))

        assert at
        assert suspicion.find().outcome is Outcome.FAIL

    @pytest.mark.parametrize(("stable", "canary"), [(540, 60), (5_400, 600), (600, 600), (10**7, 10**6)])
    @pytest.mark.parametrize("rate", [0.0, 0.003, 0.02])
    def test_as_many_are_not(self, stable, canary, rate):
        assert seen(drawn(rate, rate, stable, canary))[1] == 0

    @pytest.mark.parametrize("seed", range(6))
    def test_bursts_on_both_sides_are_not(self, seed):
        assert seen(drawn(0.005, 0.005, seed=seed, bursts=1.0))[1] == 0

    def test_a_certain_difference_below_half_the_harm_is_none(self):
        suspicion, at = seen(drawn(0.01, 0.014, 10**6, 10**6))

        assert at == 0
        assert suspicion.find().outcome is Outcome.PASS

    def test_how_a_minute_is_cut_into_looks_tells_nothing(self):
        whole = seen([(1, 600, 12, 600)] * 4)[0].find()
        parts = seen([(1, 600, 12, 600), (0, 0, 0, 0)] * 4)[0].find()

        assert whole.text == parts.text
        sixths = [(0, 100, 2, 100)] * 5 + [(1, 100, 2, 100)]
        assert seen(sixths * 4, seconds=10.0, planned=10**9)[0].find().levels == pytest.approx(whole.levels)

    def test_a_share_that_changes_ends_the_minute(self):
        looks = [(10, 950, 0, 50, 0.05)] * 3 + [(10, 500, 10, 500, 0.5)] * 3

        suspicion, at = seen(looks, seconds=10.0)

        assert at == 0
        # Stable as it would have been with the canary's part: 10 of 950 in three looks, 10 of 500 in three.
        assert suspicion.find().levels == pytest.approx((30 / 1_650, (3 * 50 * 10 / 950 + 30) / 1_650))


class TestFind:
    @pytest.mark.parametrize("look", [(0, 0, 5, 50), (5, 50, 0, 0), (0, 0, 0, 0)])
    def test_with_nothing_beside_it_nothing_is_compared(self, look):
        found = seen([look] * 5)[0].find()

        assert (found.outcome, found.text, found.factor) == (Outcome.INCONCLUSIVE, "no errors to compare yet", inf)

    def test_counts_are_told_with_thousands_marked_and_rates_only_where_there_are_any(self):
        assert seen([(68, 35_960, 0, 1_902)])[0].find().text == "errors 0 of 1,902 vs 68 of 35,960 (0.19 %)"

    def test_the_proof_bounds_how_many_more_and_says_how_likely_luck_is(self):
        proof = seen(drawn(0.0, 0.05))[0].find().proof

        low, high = proof.split(" % more")[0].split(" % to ")
        assert 0 < float(low) < 5 < float(high) < 15
        assert " more, by luck in 1 of " in proof

    @pytest.mark.parametrize(
        ("look", "harm", "outcome", "factor"),
        [
            ((0, 10_000, 0, 10_000), 0.01, Outcome.PASS, 1.0),
            ((0, 100, 0, 100), 0.01, Outcome.INCONCLUSIVE, None),
            ((0, 100, 2, 100), 0.01, Outcome.INCONCLUSIVE, 2.0),
            ((0, 100, 0, 100), 1e-12, Outcome.INCONCLUSIVE, inf),
        ],
    )
    def test_it_says_how_many_times_as_much_would_settle_it(self, look, harm, outcome, factor):
        found = seen([look], harm)[0].find()

        assert found.outcome is outcome
        assert found.factor == factor if factor else 9.46 <= found.factor < 10.5

    def test_harm_that_begins_late_holds_though_all_together_would_pass_and_fails_in_the_end(self):
        well, ill = [(0, 600, 0, 600)] * 8, [(0, 100, 3, 100)] * 30

        assert seen([*well, *ill[:1]], 0.02)[0].find().outcome is Outcome.PASS
        assert seen([*well, *ill[:5]], 0.02)[0].find().outcome is Outcome.INCONCLUSIVE
        assert seen([*well, *ill], 0.02)[1]

    def test_the_bound_is_none_where_not_even_all_would_be_certain(self):
        assert seen([(3, 3, 0, 3)])[0].find().bound is None

    def test_the_bound_is_at_least_half_the_harm_above_stable(self):
        assert seen([(10_000, 10**6, 10_000, 10**6)])[0].find().bound >= 0.015


@pytest.mark.parametrize(
    ("chance", "text"),
    [
        (1 / 3_218, ", by luck in 1 of 3,200 rollouts"),
        (0.01, ", by luck in 1 of 100 rollouts"),
        (1e-10, ", by luck in less than 1 of a billion rollouts"),
        (0.0, ", by luck in less than 1 of a billion rollouts"),
    ],
)
def test_luck_is_told_in_rollouts(chance, text):
    assert by_luck(chance) == text
