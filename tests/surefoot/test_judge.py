"""The judge's decisions on values, and its formulas against published numbers and scipy."""

import random
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from surefoot.judge import (
    difference_bound,
    errors_text,
    fisher_tail,
    judge,
    quantile_bounds,
    ratio_bounds,
    wilson,
)
from surefoot.rollout import Harm, Limits
from surefoot.verdict import Outcome
from surefoot.vitals import Histogram, Look, Vitals

STEADY = Histogram.of((float(ms), 40) for ms in range(18, 23))
HARM = Harm(error_rate=0.02, latency=0.25, false_alarm=0.01)
NONE = Limits()


def side(requests=200, errors=0, latency=STEADY, **more):
    return Vitals(requests, errors, latency, 10.0, **more)


def judged(stable, canary, look=1, planned=10, limits=NONE):
    return judge([Look(stable, canary)], HARM, limits, look, planned)


def drawn(generator, requests, rate, median_ms):
    errors = sum(generator.random() < rate for _ in range(requests))
    return side(
        requests,
        errors,
        Histogram.of((round(generator.lognormvariate(0, 0.3) * median_ms, 1), 1) for _ in range(requests)),
    )


class TestJudge:
    def test_two_sides_that_answer_alike_pass_once_enough_was_seen(self):
        assert judged(side(), side()).outcome is Outcome.PASS

    def test_few_good_answers_are_not_enough_and_the_verdict_says_how_many_more_are_needed(self):
        few = Histogram.of([(20.0, 12)])

        verdict = judged(side(12, 0, few), side(12, 0, few))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert 30 < verdict.needs_requests < 1_000
        assert f"needs about {verdict.needs_requests} more requests" in verdict.reason

    def test_nothing_looked_at_is_inconclusive(self):
        assert judge([], HARM, NONE, 1, 10).outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize(("stable", "canary", "who"), [(0, 200, "stable"), (200, 0, "canary")])
    def test_a_side_without_requests_is_never_a_pass_and_never_blame(self, stable, canary, who):
        none = Histogram()

        verdict = judged(side(stable, 0, STEADY if stable else none), side(canary, 0, STEADY if canary else none))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert f"{who} got no request" in verdict.reason

    def test_a_window_nobody_could_see_is_inconclusive_and_says_why(self):
        verdict = judged(side(), side(blind="no route to the preview address"))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "no route to the preview address" in verdict.reason

    def test_an_earlier_blind_window_is_left_out_of_what_was_seen(self):
        blind = Look(side(0, 0, Histogram(), blind="asleep"), side(0, 0, Histogram(), blind="asleep"))

        assert judge([blind, Look(side(), side())], HARM, NONE, 2, 10).outcome is Outcome.PASS

    def test_a_canary_that_fails_every_request_fails_at_the_first_look(self):
        verdict = judged(side(), side(200, 200))

        assert verdict.outcome is Outcome.FAIL
        assert "errors 200 of 200 (100 %) vs 0 of 200" in verdict.reason

    def test_a_failure_names_its_commonest_example(self):
        verdict = judged(side(), side(200, 20, examples=(("POST /cart/items → 500", 18), ("GET / → 502", 2))))

        assert "18 of the 20: POST /cart/items → 500" in verdict.reason

    def test_errors_that_hit_both_sides_alike_are_not_the_canarys_fault(self):
        assert judged(side(2_000, 60), side(2_000, 66)).outcome is not Outcome.FAIL

    def test_a_difference_that_is_certain_but_harmless_does_not_fail(self):
        both = Histogram.of((float(ms), 20_000) for ms in range(18, 23))

        verdict = judged(side(1_000_000, 1_000, both), side(1_000_000, 2_000, both))

        assert verdict.outcome is Outcome.PASS

    def test_where_stable_itself_is_ill_nothing_is_compared(self):
        verdict = judged(side(200, 100), side(200, 90))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "stable itself fails 50 %" in verdict.reason

    def test_a_canary_that_is_well_while_stable_is_ill_is_not_held_for_it(self):
        assert judged(side(200, 100), side(200, 0)).outcome is Outcome.PASS

    def test_forty_percent_slower_fails_with_both_levels(self):
        slower = Histogram.of((ms * 1.4, number) for ms, number in STEADY.counts)

        verdict = judged(side(), side(latency=slower))

        assert verdict.outcome is Outcome.FAIL
        assert "p50 28 ms vs 20 ms" in verdict.reason

    def test_a_canary_beyond_a_limit_fails_even_when_stable_is_beyond_it_too(self):
        verdict = judged(side(), side(), limits=Limits(p50_ms=15.0))

        assert verdict.outcome is Outcome.FAIL
        assert verdict.reason.startswith("p50 20 ms, the limit is 15 ms")

    def test_more_errors_than_the_limit_fail_once_that_is_certain_and_hold_before(self):
        limits = Limits(error_rate=0.05)

        assert judged(side(400, 60), side(400, 60), limits=limits).outcome is Outcome.FAIL
        assert judged(side(400, 22), side(400, 22), limits=limits).outcome is Outcome.INCONCLUSIVE

    def test_a_quantile_that_only_looks_beyond_its_limit_holds(self):
        few = Histogram.of([(10.0, 12), (30.0, 13)])

        verdict = judged(side(25, 0, few), side(25, 0, few), limits=Limits(p50_ms=20.0, p95_ms=1_000.0))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "p50 30 ms, the limit is 20 ms" in verdict.reason

    def test_a_shift_of_a_millisecond_is_the_probers_own_and_never_harm(self):
        fast, slower = Histogram.of([(1.0, 5_000)]), Histogram.of([(2.0, 5_000)])

        assert judged(side(5_000, 0, fast), side(5_000, 0, slower)).outcome is Outcome.PASS

    def test_requests_that_all_failed_without_an_answer_have_no_latency_to_compare(self):
        verdict = judged(side(), side(5, 1, Histogram()))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "no p50: nothing was answered" in verdict.reason

    def test_errors_between_harmless_and_certain_say_how_much_more_would_settle_it(self):
        verdict = judged(side(400, 2), side(400, 10), look=3)

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.needs_requests > 0

    def test_harm_that_cannot_be_told_at_this_traffic_is_said_to_be_so(self):
        verdict = judge([Look(side(10, 1), side(10, 1))], Harm(error_rate=1e-6), NONE, 1, 10)

        assert "cannot be told at this traffic" in verdict.reason

    def test_a_healthy_release_is_put_back_in_at_most_one_rollout_of_a_hundred(self):
        generator, wrong = random.Random(7), 0
        for _ in range(120):
            looks = []
            for number in range(1, 16):
                looks.append(Look(drawn(generator, 40, 0.005, 20), drawn(generator, 40, 0.005, 20)))
                if judge(looks, HARM, NONE, number, 15).outcome is Outcome.FAIL:
                    wrong += 1
                    break

        # 1 % of 120 are 1.2; five or more would come by luck in 1 of 140 suites, and the seed is fixed.
        assert wrong <= 4


class TestFormulas:
    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 300), st.integers(1, 300), st.data())
    def test_fishers_tail_is_scipys(self, total, other_total, data):
        bad, other_bad = data.draw(st.integers(0, total)), data.draw(st.integers(0, other_total))
        table = [[bad, total - bad], [other_bad, other_total - other_bad]]

        assert fisher_tail(bad, total, other_bad, other_total) == pytest.approx(
            fisher_exact(table, alternative="greater").pvalue, rel=1e-6, abs=1e-12
        )

    def test_newcombes_bound_is_the_published_one(self):
        # Newcombe 1998, table II, example (a): 56 of 70 against 48 of 80, method 10, 95 %: 0.0524 to 0.3339.
        assert difference_bound(56, 70, 48, 80, sure=0.975) == pytest.approx(0.3339, abs=5e-5)
        assert -difference_bound(48, 80, 56, 70, sure=0.975) == pytest.approx(0.0524, abs=5e-5)

    def test_wilsons_bounds_are_the_published_ones(self):
        # Newcombe, Statistics in Medicine 17 (1998) 857, table I: 81 of 263, 0.2553 to 0.3662; 0 of 20, 0 to 0.1611.
        assert wilson(81, 263, 0.975) == pytest.approx((0.2553, 0.3662), abs=5e-5)
        assert wilson(0, 20, 0.975) == pytest.approx((0.0, 0.1611), abs=5e-5)

    def test_too_few_values_do_not_bound_a_quantile(self):
        assert quantile_bounds(Histogram.of([(5.0, 3)]), 0.95, 0.01)[1] == inf
        assert quantile_bounds(Histogram.of([(5.0, 3)]), 0.05, 0.01)[0] == 0.0
        assert ratio_bounds(Histogram.of([(5.0, 3)]), Histogram.of([(5.0, 3)]), 0.5, 0.001) == (0.0, inf)

    def test_the_bounds_of_a_ratio_hold_the_true_ratio_about_as_often_as_they_say(self):
        generator, missed = random.Random(11), 0
        for _ in range(400):
            stable, canary = drawn(generator, 150, 0, 20).latency_ms, drawn(generator, 150, 0, 26).latency_ms
            missed += ratio_bounds(canary, stable, 0.5, 0.05)[1] < 1.3

        assert missed / 400 < 0.08

    def test_errors_are_told_with_thousands_marked_and_rates_only_where_there_are_any(self):
        text = errors_text(Look(side(35_960, 68), side(1_902, 0)))

        assert text == "errors 0 of 1,902 vs 68 of 35,960 (0.19 %)"
