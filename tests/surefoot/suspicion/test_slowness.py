"""Slower than stable at one quantile: when it crosses, what it says, and how much more would settle it."""

from math import inf

import numpy as np
import pytest

from surefoot.levels import Levels
from surefoot.suspicion.slowness import Slowness, _times
from surefoot.verdict import Outcome
from surefoot.vitals import Histogram, Look, Vitals

# Nearly all that a suspicion of the judge's may ever spend.
MAY = 0.0007


def drawn(rng, requests, median_ms, spread=0.3):
    values, counts = np.unique(np.round(rng.lognormal(np.log(median_ms), spread, requests), 1), return_counts=True)
    return Vitals(requests, 0, Histogram(tuple(zip(values.tolist(), counts.tolist(), strict=True))), 10.0)


def constant(requests, latency_ms, seconds=10.0):
    return Vitals(requests, 0, Histogram.of([(latency_ms, requests)]), seconds)


def seen(looks, q=0.5, harm=0.25, floor_ms=0.0, may=MAY):
    """Return the suspicion after the first look at which it crosses, or the last; and that look's number (0: none)."""
    levels = Levels()
    suspicion = Slowness(f"p{q * 100:.0f}", q, harm, 1.0, levels, floor_ms, required=True)
    for number, look in enumerate(looks, 1):
        levels.add(look)
        suspicion.add(look, 0.5)
        if suspicion.crosses(may):
            return suspicion, number
    return suspicion, 0


def sides(stable_ms, canary_ms, requests=100, looks=30, spread=0.3, stable_requests=None):
    rng = np.random.default_rng(5)
    for _ in range(looks):
        yield Look(drawn(rng, stable_requests or requests, stable_ms, spread), drawn(rng, requests, canary_ms, spread))


class TestCrosses:
    @pytest.mark.parametrize("q", [0.5, 0.95])
    @pytest.mark.parametrize("requests", [20, 100, 1_000, 10_000])
    def test_half_as_slow_again_fails_at_any_traffic(self, q, requests):
        suspicion, at = seen(sides(40.0, 60.0, requests), q)

        assert 0 < at <= 2_000 / requests + 1
        found = suspicion.find()
        assert found.outcome is Outcome.FAIL
        assert found.levels[0] / found.levels[1] == pytest.approx(1.5, abs=0.3)
        assert found.bound < found.levels[0]

    @pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
    @pytest.mark.parametrize("requests", [20, 1_000])
    @pytest.mark.parametrize("slower", [0.7, 1.0, 1.02])
    def test_as_fast_never_does(self, q, requests, slower):
        assert seen(sides(40.0, 40.0 * slower, requests), q)[1] == 0

    def test_a_certain_difference_below_half_the_harm_is_none(self):
        suspicion, at = seen(sides(40.0, 43.0, 10_000))

        assert at == 0
        assert suspicion.find().outcome is Outcome.PASS

    def test_a_wave_that_hits_both_is_in_both(self):
        rng = np.random.default_rng(8)
        waves = 40 * np.exp(0.5 * np.sin(np.arange(60) / 4))
        looks = [Look(drawn(rng, 300, wave), drawn(rng, 100, wave)) for wave in waves]

        assert seen(looks)[1] == seen(looks, 0.95)[1] == 0

    def test_a_service_that_answers_in_one_time_fails_in_another(self):
        suspicion, at = seen([Look(constant(1_000, 20.0), constant(1_000, 30.0))] * 5)

        assert at == 1
        assert suspicion.find().text == "p50 30 ms vs 20 ms"

    def test_a_shift_that_the_probers_own_scheduling_makes_is_no_harm(self):
        looks = [Look(constant(5_000, 1.0), constant(5_000, 2.0))] * 5

        assert seen(looks, floor_ms=2.0)[1] == 0
        assert seen(looks, floor_ms=0.5)[1] == 1

    def test_latencies_of_nothing_are_no_slower_than_a_millisecond(self):
        assert seen([Look(constant(500, 0.0), constant(500, 1.0))] * 5, floor_ms=2.0)[1] == 0
        assert seen([Look(constant(500, 0.0), constant(500, 3.0))] * 5, floor_ms=2.0)[1] == 1

    def test_looks_with_few_answers_are_put_together(self):
        suspicion, at = seen([Look(constant(1, 20.0), constant(1, 20.0 + n % 3)) for n in range(4)], 0.95)

        assert at == 0
        assert suspicion.find().bound is None  # 60 answers make a stretch at p95, and there are eight


class TestFind:
    def test_nothing_to_compare_is_inconclusive_and_more_of_the_same_would_not_help(self):
        found = seen([Look(constant(0, 20.0), constant(9, 20.0))])[0].find()

        assert (found.outcome, found.text, found.factor) == (Outcome.INCONCLUSIVE, "no p50 to compare yet", inf)

    def test_few_answers_say_how_many_times_as_many_would_tell(self):
        found = seen(sides(40.0, 40.0, 20, looks=2), 0.95)[0].find()

        assert found.outcome is Outcome.INCONCLUSIVE
        assert 2 < found.factor < 100

    def test_what_is_slower_by_the_harm_and_not_certain_needs_more(self):
        found = seen(sides(40.0, 60.0, 5, looks=1))[0].find()

        assert (found.outcome, found.factor) == (Outcome.INCONCLUSIVE, 2.0)

    def test_a_harm_that_no_number_of_answers_rules_out_is_said_to_be_so(self):
        halves = Vitals(100, 0, Histogram.of([(5.0, 50), (500.0, 50)]), 10.0)

        assert seen([Look(halves, halves)])[0].find().factor == inf

    @pytest.mark.parametrize(
        ("stable_ms", "canary_ms", "text"),
        [(20.0, 30.0, "p50 30 ms vs 20 ms"), (0.0, 0.0, "p50 0.01 ms vs 0.01 ms")],
    )
    def test_both_levels_are_told(self, stable_ms, canary_ms, text):
        assert seen([Look(constant(50, stable_ms), constant(50, canary_ms))])[0].find().text == text

    def test_the_proof_bounds_how_many_times_as_slow_and_says_how_likely_luck_is(self):
        proof = seen(sides(40.0, 60.0))[0].find().proof

        low, high = proof.removesuffix(proof[proof.index(" times as slow, by luck in") :]).split(" to ")
        assert 1.0 < float(low) < 1.5 < float(high) < 2.2

    @pytest.mark.parametrize(
        ("low", "high", "text"),
        [(1.31, 1.86, "1.31 to 1.86"), (1.62, inf, "at least 1.6"), (0.0, inf, "about 1.5"), (0.9, inf, "about 1.5")],
    )
    def test_an_upper_bound_that_is_not_known_is_left_out(self, low, high, text):
        assert _times(1.5, low, high) == text

    def test_the_bound_is_where_the_canary_begins_to_fail(self):
        bound = seen(sides(40.0, 40.0, 100, looks=20))[0].find().bound

        assert 42.0 < bound < 50.0
        assert seen(sides(40.0, bound * 1.1, 100, looks=20))[1]

    def test_the_floor_moves_the_bound(self):
        bounds = [seen(sides(4.0, 4.0, 100, looks=20), floor_ms=floor)[0].find().bound for floor in (0.0, 3.0)]

        assert bounds[0] < 5.5
        assert bounds[1] >= 6.9


class TestUnrest:
    def test_what_strays_between_both_sides_from_minute_to_minute_excuses_more(self):
        rng = np.random.default_rng(4)
        levels, found = [40 * np.exp(0.15 * rng.standard_normal(2)) for _ in range(20)], []
        for unrest in (levels, [(40.0, 40.0)] * 20):
            looks = [Look(drawn(rng, 400, one), drawn(rng, 400, other)) for one, other in unrest for _ in range(6)]
            found.append(seen(looks, harm=0.01)[0].find().bound)

        assert found[0] > found[1] * 1.05

    def test_the_canarys_own_unrest_does_not_excuse_it(self):
        rng = np.random.default_rng(4)
        levels = [40.0, 80.0] * 10
        looks = [Look(drawn(rng, 100, 40.0), drawn(rng, 100, level)) for level in levels for _ in range(6)]

        assert seen(looks)[1] > 0

    def test_a_source_that_says_nothing_of_time_is_taken_as_it_is(self):
        looks = [Look(constant(100, 20.0, 0.0), constant(100, 20.0, 0.0))] * 20

        assert seen(looks)[0].find().outcome is Outcome.PASS
