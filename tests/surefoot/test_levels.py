"""Latencies of both sides on one scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.levels import Levels, Window, milliseconds, quantile_step, row, step_of
from surefoot.vitals import Histogram, Look, Vitals


def side(*counts, seconds=10.0):
    latencies = Histogram.of(counts)
    return Vitals(latencies.total, 0, latencies, seconds)


def level(latencies, q=0.5):
    return milliseconds(quantile_step(np.cumsum(latencies), q))


class TestScale:
    @given(st.floats(0.01, 600_000))
    def test_a_latency_is_found_again_within_half_a_percent(self, latency):
        assert milliseconds(step_of(latency)) == pytest.approx(latency, rel=0.0026)

    @pytest.mark.parametrize(("latency", "kept"), [(0.0, 0.01), (1e-9, 0.01), (1e12, milliseconds(3_599))])
    def test_what_is_beyond_the_scale_is_at_its_end(self, latency, kept):
        histogram = Histogram.of([(latency, 7)])

        assert milliseconds(step_of(latency)) == kept
        assert level(row(histogram)) == kept
        assert row(histogram).sum() == 7

    @given(st.lists(st.tuples(st.floats(0, 1e7), st.integers(1, 10**9)), max_size=20))
    def test_none_gets_lost_and_each_is_where_a_single_one_would_be(self, counts):
        histogram = Histogram.of(counts)

        on_scale = row(histogram)

        assert on_scale.sum() == histogram.total
        assert set(np.flatnonzero(on_scale)) == {step_of(latency) for latency, _ in histogram.counts}

    @given(
        st.lists(st.tuples(st.sampled_from([0.5, 3.0, 20.0, 95.0]), st.integers(1, 50)), min_size=1), st.floats(0, 1)
    )
    def test_a_quantile_is_that_of_the_histogram(self, counts, q):
        histogram = Histogram.of(counts)

        assert level(row(histogram), max(q, 1e-9)) == pytest.approx(histogram.quantile(max(q, 1e-9)), rel=0.003)


class TestLevels:
    def test_stable_is_weighed_as_if_it_had_had_the_canarys_part_of_each_look(self):
        levels = Levels()
        levels.add(Look(side((10.0, 900)), side((10.0, 100))))
        levels.add(Look(side((80.0, 500)), side((80.0, 500))))  # a slow hour, at a larger share

        assert levels.canary == pytest.approx(levels.stable)
        assert levels.canary_total == 600

    def test_stables_answers_tell_as_much_as_its_fewest_beside_the_canary(self):
        levels = Levels()
        levels.add(Look(side((10.0, 900)), side((10.0, 100))))
        assert levels.stable_total == pytest.approx(900)

        levels.add(Look(side((10.0, 100)), side((10.0, 900))))
        assert 111 < levels.stable_total < 1000

    @pytest.mark.parametrize(("stable", "canary"), [((), ((10.0, 5),)), (((10.0, 5),), ()), ((), ())])
    def test_a_look_without_both_sides_compares_nothing(self, stable, canary):
        levels = Levels()
        levels.add(Look(side((10.0, 1)), side((10.0, 1))))
        levels.add(Look(side(*stable), side(*canary)))

        assert levels.window is None
        assert (levels.canary_total, levels.stable_total) == (1, 1)
        assert levels.every.sum() == 1 + sum(number for _, number in canary)

    def test_nothing_seen_is_no_evidence(self):
        assert (Levels().canary_total, Levels().stable_total) == (0, 0)

    def test_windows_add_up_with_their_seconds(self):
        one, other = (Window.of(Look(side((10.0, n)), side((20.0, 2 * n)))) for n in (1, 3))

        both = one + other

        assert (both.stable.sum(), both.canary.sum(), both.seconds) == (4, 8, 20.0)
