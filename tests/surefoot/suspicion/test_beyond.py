"""Beyond what a release has to keep, whatever stable does."""

import numpy as np
import pytest

from surefoot.levels import Levels
from surefoot.suspicion.beyond import latency_limit, rate_limit
from surefoot.verdict import Outcome
from surefoot.vitals import Histogram, Look, Vitals

MAY = 0.0005


def seen(suspicion, looks, levels=None):
    """Return the number of the first look at which it crosses (0: none)."""
    for number, look in enumerate(looks, 1):
        if levels:
            levels.add(look)
        suspicion.add(look, 0.5)
        if suspicion.crosses(MAY):
            return number
    return 0


def failing(requests, errors):
    return Look(Vitals(), Vitals(requests, errors))


def slow(*counts):
    return Look(Vitals(), Vitals(sum(number for _, number in counts), 0, Histogram.of(counts), 10.0))


class TestRate:
    @pytest.mark.parametrize(
        ("limit", "requests", "errors", "at"),
        [
            (0.05, 400, 60, 1),
            (0.05, 400, 24, 0),
            (0.05, 400, 0, 0),
            (0.0, 1_000, 1, 1),
            (0.0, 1_000, 0, 0),
            (1.0, 100, 100, 0),
            (0.001, 10**9, 2 * 10**6, 1),
            (0.001, 10**9, 10**6, 0),
            (0.05, 1, 1, 3),
        ],
    )
    def test_more_than_the_limit_fail_once_that_is_certain(self, limit, requests, errors, at):
        assert seen(rate_limit(limit, 1.0), [failing(requests, errors)] * 3) == at

    def test_certain_says_both_rates_and_how_likely_luck_is(self):
        suspicion = rate_limit(0.05, 1.0)
        seen(suspicion, [failing(400, 60)])

        found = suspicion.find()
        assert (found.outcome, found.text) == (Outcome.FAIL, "errors 15 %, the limit is 5.0 %")
        assert found.proof.startswith("certain, by luck in ")

    def test_what_only_looks_beyond_holds(self):
        suspicion = rate_limit(0.05, 1.0)
        seen(suspicion, [failing(400, 22)])

        assert suspicion.find().outcome is Outcome.INCONCLUSIVE
        assert suspicion.find().factor == 2.0

    @pytest.mark.parametrize("look", [failing(400, 20), failing(0, 0)])
    def test_what_is_kept_is_not_talked_about(self, look):
        suspicion = rate_limit(0.05, 1.0)

        assert seen(suspicion, [look]) == 0
        assert (suspicion.find().outcome, suspicion.find().text) == (Outcome.PASS, "")

    def test_a_release_just_at_its_limit_fails_as_seldom_as_may_be(self):
        rng, wrong = np.random.default_rng(3), 0
        for _ in range(60):
            wrong += bool(seen(rate_limit(0.1, 1.0), [failing(50, int(bad)) for bad in rng.binomial(50, 0.1, 20)]))

        # 0.03 on average; two or more come by luck in 1 of 2,000 suites, and the seed is fixed.
        assert wrong <= 1


class TestLatency:
    @pytest.mark.parametrize(
        ("name", "q", "limit_ms", "outcome"),
        [
            ("p50", 0.5, 25.0, Outcome.PASS),
            ("p50", 0.5, 15.0, Outcome.FAIL),
            ("p95", 0.95, 300.0, Outcome.PASS),
            ("p95", 0.95, 90.0, Outcome.FAIL),
            ("p99", 0.99, 300.0, Outcome.FAIL),
            ("p50", 0.5, 0.0, Outcome.FAIL),
            ("p99", 0.99, 1e9, Outcome.PASS),
        ],
    )
    def test_a_quantile_is_held_against_its_limit(self, name, q, limit_ms, outcome):
        levels = Levels()
        suspicion = latency_limit(name, q, limit_ms, 1.0, levels)

        seen(suspicion, [slow((20.0, 900), (200.0, 70), (900.0, 30))], levels)

        assert suspicion.find().outcome is outcome

    def test_a_quantile_that_only_looks_beyond_holds_and_shows_both(self):
        levels = Levels()
        suspicion = latency_limit("p50", 0.5, 20.5, 1.0, levels)

        assert seen(suspicion, [slow((10.0, 12), (30.0, 13))], levels) == 0
        found = suspicion.find()
        assert (found.outcome, found.text) == (Outcome.INCONCLUSIVE, "p50 30 ms, the limit is 20.5 ms")

    def test_a_canary_without_answers_has_no_latency_to_limit(self):
        levels = Levels()
        suspicion = latency_limit("p50", 0.5, 20.0, 1.0, levels)

        suspicion.add(slow((900.0, 5)), 0.5)  # the levels have taken in no look
        assert not suspicion.crosses(MAY)
        assert seen(suspicion, [slow()] * 3, levels) == 0
        assert suspicion.find().outcome is Outcome.PASS

    def test_a_latency_at_its_limit_keeps_it(self):
        levels = Levels()
        suspicion = latency_limit("p50", 0.5, 20.0, 1.0, levels)

        assert seen(suspicion, [slow((20.0, 10**6))], levels) == 0
