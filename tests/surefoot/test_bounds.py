"""Bounds against published tables, and against how often they hold."""

from math import ceil, exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from surefoot.bounds import difference, ranks, ratio, wilson


class TestWilson:
    @pytest.mark.parametrize(
        ("bad", "total", "bounds"),
        [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
    )
    def test_the_bounds_are_the_published_ones(self, bad, total, bounds):
        # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
        assert wilson(bad, total, 0.975) == pytest.approx(bounds, abs=5e-5)

    @given(st.integers(0, 500), st.integers(1, 500), st.floats(0.6, 0.9999))
    def test_the_bounds_are_scipys_and_stay_between_none_and_all(self, bad, total, sure):
        bad = min(bad, total)
        expected = stats.binomtest(bad, total).proportion_ci(2 * sure - 1, method="wilson")

        low, high = wilson(bad, total, sure)

        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
        assert 0 <= low <= bad / total <= high + 1e-12
        assert high <= 1


class TestDifference:
    @pytest.mark.parametrize(
        ("sides", "bounds"),
        [
            ((56, 70, 48, 80), (0.0524, 0.3339)),
            ((9, 10, 3, 10), (0.1705, 0.8090)),
            ((6, 7, 2, 7), (0.0582, 0.8062)),
            ((5, 56, 0, 29), (-0.0381, 0.1926)),
            ((0, 10, 0, 20), (-0.1611, 0.2775)),
            ((10, 10, 0, 20), (0.6791, 1.0)),
        ],
    )
    def test_the_bounds_are_the_published_ones(self, sides, bounds):
        # Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10.
        assert difference(*sides, 0.975) == pytest.approx(bounds, abs=5e-5)

    @given(st.integers(1, 400), st.integers(1, 400), st.data())
    def test_the_other_way_round_it_is_the_same_with_its_sign_turned(self, total, other_total, data):
        bad, other_bad = data.draw(st.integers(0, total)), data.draw(st.integers(0, other_total))

        low, high = difference(bad, total, other_bad, other_total, 0.99)

        assert difference(other_bad, other_total, bad, total, 0.99) == pytest.approx((-high, -low))


class TestRanks:
    @pytest.mark.parametrize("q", [0.5, 0.95])
    def test_the_quantile_lies_between_them_as_often_as_they_say(self, q):
        total, sure = 400, 0.95
        low, high = ranks(q, total, sure)

        # How many of so many values lie below the quantile is binomial; a share's value is the next one's.
        missed = stats.binom.cdf(ceil(low * total) - 1, total, q), stats.binom.sf(ceil(high * total) - 1, total, q)
        assert max(missed) == pytest.approx(1 - sure, abs=0.012)

    def test_too_few_values_bound_nothing(self):
        assert ranks(0.95, 20, 0.995)[1] > 1
        assert ranks(0.05, 20, 0.995)[0] < 0


class TestRatio:
    def test_two_values_that_are_certain_have_a_certain_ratio(self):
        assert ratio([log(30)] * 3, [log(20)] * 3) == pytest.approx((1.5, 1.5))

    def test_what_is_unknown_of_either_is_unknown_of_the_ratio(self):
        known, unknown = (log(19), log(20), log(22)), (-inf, log(20), inf)

        assert ratio(known, unknown) == ratio(unknown, known) == (0.0, inf)

    def test_distances_add_up_as_squares(self):
        low, high = ratio((-0.3, 0.0, 0.4), (-0.3, 0.0, 0.4))

        assert (low, high) == pytest.approx((exp(-0.5), exp(0.5)))

    def test_it_holds_the_true_ratio_about_as_often_as_it_says(self):
        rng, sure, missed = np.random.default_rng(11), 0.95, 0
        low, high = ranks(0.5, 151, sure)
        at = round(low * 150), 75, round(high * 150)
        for _ in range(400):
            canary, stable = (np.sort(rng.normal(log(level), 0.3, 151)) for level in (26, 20))
            missed += ratio(canary[list(at)], stable[list(at)])[1] < 1.3

        # One-sided at 95 %: 20 of 400 miss on average; more than 36 would by luck in 1 of 2,500 suites.
        assert 6 <= missed <= 36
