"""The walk of a canary's count over all looks, against scipy and against counting every case."""

from itertools import product
from math import exp, inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from surefoot.luck import Luck, alike, chance, clumped
from surefoot.walk import Walk, boundary

ONE = np.ones(1)
# What was seen together, the canary's requests and stable's, at each of four looks.
LOOKS = [(6, 20, 40), (3, 20, 20), (9, 50, 30), (4, 10, 60)]
SPENDING = [0.002, 0.01, 0.03, 0.05]


def gone(*shares):
    walk = Walk(len(shares[0].chances))
    for share in shares:
        walk.go(share)
    return walk


def tail(walk, count):
    """Return the chance of having come to `count` or further, for each kind of luck."""
    return walk.beyond(np.array([float(count)]))[:, 0]


def total(walk):
    return tail(walk, -1) + walk.spent


@st.composite
def tables(draw, most=200):
    canary, stable = draw(st.integers(1, most)), draw(st.integers(1, most))
    together = draw(st.integers(1, canary + stable))
    return together, canary, stable, draw(st.integers(max(0, together - stable), min(together, canary)))


class TestOneLook:
    @given(tables())
    def test_without_clumps_it_is_fishers_exact_test(self, table):
        together, canary, stable, seen = table

        expected = stats.hypergeom.sf(seen - 1, canary + stable, canary, together)
        assert tail(gone(alike(together, canary, stable)), seen)[0] == pytest.approx(expected, rel=1e-7, abs=1e-13)

    @pytest.mark.parametrize("tilt", [-0.8, -0.1, 0.0, 0.1, 0.8])
    def test_a_lasting_difference_makes_it_fishers_noncentral_distribution(self, tilt):
        walk = gone(alike(20, 60, 90, [0.0], [Luck(0.0, tilt)]))

        expected = stats.nchypergeom_fisher.sf(np.arange(-1, 20), 150, 60, 20, exp(tilt))
        assert walk.beyond(np.arange(21.0))[0] == pytest.approx(expected, rel=1e-7, abs=1e-12)

    @pytest.mark.parametrize(("spread", "tilt"), [(0.25, 0.0), (1.0, 0.0), (0.01, -0.2), (0.25, -0.5)])
    def test_with_clumps_it_is_one_of_two_negative_binomials_whose_sum_is_known(self, spread, tilt):
        together, canary, stable, rate = 30, 100, 900, 0.03
        counts, clumps = np.arange(together + 1), 1 / spread

        means = canary * rate * exp(tilt), stable * rate
        own, other = (stats.nbinom(clumps, clumps / (clumps + mean)) for mean in means)
        pairs = own.pmf(counts) * other.pmf(together - counts)
        walk = gone(alike(together, canary, stable, [rate], [Luck(spread, tilt)]))
        expected = pairs[::-1].cumsum()[::-1] / pairs.sum()
        assert walk.beyond(counts.astype(float))[0] == pytest.approx(expected, rel=1e-7, abs=1e-12)

    @pytest.mark.parametrize("spread", [0.135, 1.0, 8.0, 8_000.0])
    @pytest.mark.parametrize("tilt", [-1.0, 0.0])
    @pytest.mark.parametrize("many", [1, 100])
    def test_however_large_the_clumps_a_side_gets_its_part_on_average(self, spread, tilt, many):
        # Half of all requests, a tenth of them the canary's: clumps of more than all it has would leave it nothing.
        share = alike(300 * many, 60 * many, 540 * many, [0.5], [Luck(spread, tilt)])

        points = share.start + share.step * np.arange(len(share.chances[0]))
        fair = 300 * many * exp(tilt) / (exp(tilt) + 9)
        deviation = sqrt(share.chances[0] @ (points - fair) ** 2)
        assert points @ share.chances[0] == pytest.approx(fair, abs=0.011 * deviation)

    @pytest.mark.parametrize(
        ("requests", "rate", "spread"), [(60, 0.01, 1.0), (6_000, 0.05, 0.25), (10**6, 0.002, 1.0)]
    )
    def test_clumps_of_one_side_alone_are_negative_binomial(self, requests, rate, spread):
        walk = gone(clumped(requests, [rate], [Luck(spread)]))

        drawn = stats.nbinom(1 / spread, 1 / (1 + requests * rate * spread))
        for times in (0.5, 1, 3):
            count = round(times * requests * rate)
            assert tail(walk, count)[0] == pytest.approx(drawn.sf(count - 1), rel=0.01)

    @pytest.mark.parametrize("requests", [1_000, 100_000, 10_000_000])
    def test_a_lasting_difference_is_as_large_with_much_traffic(self, requests):
        # A tenth more in the mean is a tenth more however many there are; it never gives the canary everything.
        share = alike(requests, 10**12, 10**12, [requests / 2 / 10**12], [Luck(0.01, 0.1)])

        points = share.start + share.step * np.arange(len(share.chances[0]))
        assert points @ share.chances[0] / requests == pytest.approx(exp(0.1) / (1 + exp(0.1)), abs=0.002)

    @given(st.integers(1, 200), st.floats(0.001, 0.999), st.data())
    def test_a_limits_share_is_binomial(self, trials, rate, data):
        seen = data.draw(st.integers(0, trials))

        expected = stats.binom.sf(seen - 1, trials, rate)
        assert tail(gone(chance(trials, rate)), seen)[0] == pytest.approx(expected, rel=1e-7, abs=1e-12)

    @pytest.mark.parametrize("scale", [1_000, 100_000, 10_000_000])
    def test_counts_too_many_for_every_point_are_nearly_normal(self, scale):
        together, canary, stable = 4 * scale, 20 * scale, 60 * scale
        middle = together / 4
        deviation = sqrt(middle * 0.75 * (76 / 80))

        walk = gone(alike(together, canary, stable))

        for deviations in (-2.0, 0.0, 2.0, 3.0):
            expected = stats.norm.sf(deviations)
            assert tail(walk, middle + deviations * deviation)[0] == pytest.approx(expected, rel=0.1)

    @pytest.mark.parametrize(("together", "canary", "stable"), [(10**9, 10**9, 10**9), (5, 10**9, 3), (2, 1, 1)])
    def test_counts_of_any_size_make_chances_that_add_up_to_one(self, together, canary, stable):
        assert total(gone(alike(together, canary, stable))) == pytest.approx(1)


class TestManyLooks:
    def test_two_looks_with_a_stop_between_are_as_counting_every_case_has_it(self):
        first, second = (6, 20, 40), (9, 50, 30)
        drawn = [stats.hypergeom(canary + stable, canary, together) for together, canary, stable in (first, second)]
        walk = gone(alike(*first))
        walk.stop(4)
        walk.go(alike(*second))

        for count in range(16):
            pairs = product(range(4), range(10))  # four or more crossed at the first look
            expected = sum(drawn[0].pmf(a) * drawn[1].pmf(b) for a, b in pairs if a + b >= count)
            assert tail(walk, count)[0] == pytest.approx(expected, abs=1e-12)
        assert walk.spent[0] == pytest.approx(drawn[0].sf(3))

    def test_a_boundary_over_four_looks_spends_what_it_may_and_hardly_less(self):
        walk, spent, alive = Walk(), 0.0, {0: 1.0}
        for (together, canary, stable), may_spend in zip(LOOKS, SPENDING, strict=True):
            walk.go(alike(together, canary, stable))
            bound, _ = boundary(walk, ONE, may_spend)
            walk.stop(bound)
            drawn, reached = stats.hypergeom(canary + stable, canary, together), {}
            for (so_far, likely), more in product(alive.items(), range(together + 1)):
                reached[so_far + more] = reached.get(so_far + more, 0.0) + likely * drawn.pmf(more)
            spent += sum(likely for count, likely in reached.items() if count >= bound)
            alive = {count: likely for count, likely in reached.items() if count < bound}
            # One count fewer would have spent too much: nothing is left lying about.
            assert spent <= may_spend < spent + alive[bound - 1]
            assert walk.spent[0] == pytest.approx(spent, abs=1e-11)

    def test_the_chance_of_a_count_is_of_having_crossed_before_or_having_come_as_far_now(self):
        walk = gone(alike(*LOOKS[0]))
        walk.stop(5)
        walk.go(alike(*LOOKS[2]))

        _, chance_of = boundary(walk, ONE, 0.01)

        assert chance_of(10) == pytest.approx(walk.spent[0] + tail(walk, 10)[0])
        assert chance_of(10) > tail(walk, 10)[0]

    def test_kinds_of_luck_count_as_much_as_they_are_likely(self):
        walk = gone(alike(10, 50, 50, [0.0, 0.1], [Luck(), Luck(1.0)]))

        _, chance_of = boundary(walk, np.array([0.7, 0.3]), 0.01)

        assert chance_of(9) == pytest.approx(0.7 * tail(walk, 9)[0] + 0.3 * tail(walk, 9)[1])

    def test_many_looks_with_much_traffic_stay_as_sharp_as_one_of_their_sum(self):
        walk = gone(*[alike(40_000, 10**6, 10**6)] * 50)
        together, canary = 2_000_000, 50 * 10**6
        deviation = sqrt(together / 4 * (1 - together / (2 * canary)))

        assert tail(walk, together / 2 + 3 * deviation)[0] == pytest.approx(stats.norm.sf(3), rel=0.1)

    @pytest.mark.parametrize("first", [0, 1])
    def test_looks_with_little_and_with_much_traffic_mix_in_any_order(self, first):
        shares = [alike(3, 20, 20), alike(40_000, 10**6, 10**6)]

        walk = gone(shares[first], shares[1 - first])

        assert total(walk) == pytest.approx(1)
        points, beyond = walk.points, walk.beyond(walk.points)[0]
        assert points[:-1] @ -np.diff(beyond) == pytest.approx(20_001.5, rel=1e-3)


class TestStop:
    def test_it_spends_exactly_what_it_takes_away(self):
        walk = gone(alike(*LOOKS[0]))
        taken = tail(walk, 4)[0]
        walk.stop(4)

        assert walk.spent[0] == taken
        assert tail(walk, 4)[0] == 0
        assert total(walk)[0] == pytest.approx(1)

    def test_beyond_all_that_luck_can_do_it_takes_nothing(self):
        walk = gone(alike(*LOOKS[0]))
        walk.stop(inf)

        assert walk.spent[0] == 0

    def test_where_everything_is_taken_nothing_goes_on_and_nothing_is_spent_twice(self):
        walk = gone(alike(*LOOKS[0]))
        walk.stop(-1)
        walk.go(alike(*LOOKS[1]))
        walk.stop(-1)

        assert walk.spent[0] == pytest.approx(1)
        assert tail(walk, 0)[0] == 0

    def test_a_boundary_that_may_spend_no_more_is_out_of_reach(self):
        walk = gone(alike(*LOOKS[0]))
        walk.stop(3)

        assert boundary(walk, ONE, walk.spent[0] / 2)[0] == inf


def test_a_copy_goes_its_own_way():
    walk = gone(alike(*LOOKS[0]))
    before = tail(walk, 3)[0]
    other = walk.copy()
    other.stop(2)
    other.go(alike(*LOOKS[2]))

    assert (tail(walk, 3)[0], walk.spent[0]) == (before, 0.0)
    walk.stop(5)
    assert total(other)[0] == pytest.approx(1)


def test_a_walk_that_saw_nothing_never_crosses():
    for may_spend in (1e-12, 0.01, 0.999):
        assert boundary(Walk(), ONE, may_spend)[0] > 0


@settings(max_examples=40)
@given(st.lists(tables(60), min_size=1, max_size=5), st.floats(1e-6, 0.5), st.floats(1e-6, 0.5))
def test_who_may_spend_more_fails_no_later(looks, one, other):
    walk = gone(*(alike(*look[:3]) for look in looks))

    assert boundary(walk, ONE, max(one, other))[0] <= boundary(walk, ONE, min(one, other))[0]


@settings(max_examples=40)
@given(st.lists(tables(2_000), min_size=1, max_size=6), st.floats(1e-4, 0.5))
def test_what_is_left_and_what_was_spent_are_always_everything_and_never_more_than_may_be(looks, most):
    walk = Walk(2)
    for number, (together, canary, stable, _) in enumerate(looks, 1):
        walk.go(alike(together, canary, stable, [0.01, 0.01], [Luck(), Luck(0.25)]))
        may_spend = most * number / len(looks)
        walk.stop(boundary(walk, np.array([0.5, 0.5]), may_spend)[0])
        assert total(walk) == pytest.approx([1, 1])
        assert walk.spent.mean() <= may_spend + 1e-12
