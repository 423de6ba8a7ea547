"""The judge's verdicts on a whole rollout, look by look."""

import random
from dataclasses import replace
from math import exp
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.judge import Judge
from surefoot.rollout import Limits
from surefoot.terms import Terms
from surefoot.verdict import Outcome
from surefoot.vitals import CLASSES, Histogram, Look, Vitals

# The 200 values between which a log-normal distribution around 20 ms lies evenly.
STEADY = Histogram.of((round(20 * exp(0.3 * NormalDist().inv_cdf((n + 0.5) / 200)), 2), 1) for n in range(200))
TERMS = Terms(10, 0.01, 0.02, {"p50": 0.25, "p95": 0.25}, floor_ms=2.0)
EVERYTHING = replace(
    TERMS,
    latency={"p50": 0.25, "p95": 0.25, "p99": 0.25},
    rare=("p99",),
    classes=("5xx", "timeout", "4xx"),
    scatter=True,
    split=True,
    limits=Limits(0.2, 500.0, 2_000.0, 5_000.0),
)


def side(requests=200, errors=0, latency=STEADY, **more):
    return Vitals(requests, errors, latency, 10.0, **more)


def times(histogram, factor):
    return Histogram.of((ms * factor, number) for ms, number in histogram.counts)


def drawn(rng, requests, rate=0.0, median_ms=20.0, seconds=10.0):
    values, counts = np.unique(np.round(rng.lognormal(np.log(median_ms), 0.3, requests), 1), return_counts=True)
    latency = Histogram(tuple(zip(values.tolist(), counts.tolist(), strict=True)))
    return Vitals(requests, int(rng.binomial(requests, rate)), latency, seconds)


def rollout(looks, terms=TERMS):
    """Return the verdicts of a judge who stops at a failure."""
    judge, verdicts = Judge(terms), []
    for look in looks:
        failed = judge.see(look)
        verdicts.append(judge.verdict)
        assert failed == (verdicts[-1].outcome is Outcome.FAIL)
        if failed:
            break
    return verdicts


def judged(stable, canary, looks=1, terms=TERMS):
    """Return the verdict after so many looks that are alike, or the failure before."""
    return rollout([Look(stable, canary)] * looks, terms)[-1]


class TestPass:
    def test_two_sides_that_answer_alike_pass_once_enough_was_seen(self):
        verdict = judged(side(), side(), 3)

        assert verdict.outcome is Outcome.PASS
        assert verdict.reason == "errors 0 of 600 vs 0 of 600; p50 20 ms vs 20 ms; p95 32.6 ms vs 32.6 ms"

    def test_few_good_answers_are_not_enough_and_the_verdict_says_how_many_more_are_needed(self):
        few = side(12, 0, Histogram.of([(20.0, 12)]))

        verdict = judged(few, few)

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert 30 < verdict.needs_requests < 1_000
        assert verdict.needs_s == pytest.approx(verdict.needs_requests * 10 / 12)
        assert f"needs about {verdict.needs_requests:,} more requests" in verdict.reason

    def test_as_many_more_as_it_says_are_enough(self):
        needs = judged(side(), side(), terms=replace(TERMS, error_rate=0.005)).needs_requests

        assert needs
        more = -(-needs // 200)
        assert judged(side(), side(), 1 + more, replace(TERMS, error_rate=0.005)).outcome is Outcome.PASS

    def test_a_difference_that_is_certain_but_harmless_does_not_fail(self):
        both = Histogram(tuple((ms, 5_000) for ms, _ in STEADY.counts))

        verdict = judged(side(1_000_000, 1_000, both), side(1_000_000, 2_000, both), 10)

        assert verdict.outcome is Outcome.PASS

    def test_a_canary_that_is_well_while_stable_is_ill_is_not_held_for_it(self):
        assert judged(side(200, 100), side(), 3).outcome is Outcome.PASS

    @pytest.mark.parametrize("stable_ms", [0.0, 1.0, 5.0])
    def test_a_shift_of_a_millisecond_is_the_probers_own_and_never_harm(self, stable_ms):
        fast, slower = (Histogram.of([(ms, 5_000)]) for ms in (stable_ms, stable_ms + 1))

        assert judged(side(5_000, 0, fast), side(5_000, 0, slower), 10).outcome is not Outcome.FAIL

    def test_what_is_rare_need_not_be_ruled_out(self):
        terms = replace(TERMS, latency={"p50": 0.25, "p99": 0.25})

        assert judged(side(), side(), 3, terms).outcome is Outcome.INCONCLUSIVE
        assert judged(side(), side(), 3, replace(terms, rare=("p99",))).outcome is Outcome.PASS

    def test_what_is_not_asked_is_not_looked_at(self):
        verdict = judged(side(200, 0), side(200, 30), 3, replace(TERMS, error_rate=None))

        assert verdict.outcome is Outcome.PASS
        assert "errors" not in verdict.reason


class TestCannotSay:
    def test_nothing_looked_at_is_inconclusive(self):
        assert Judge(TERMS).verdict.outcome is Outcome.INCONCLUSIVE
        assert Judge(TERMS).verdict.reason == "nothing was looked at yet"

    @pytest.mark.parametrize(("stable", "canary", "who"), [(0, 200, "stable"), (200, 0, "canary"), (0, 0, "stable")])
    @pytest.mark.parametrize("before", [0, 5])
    def test_a_side_without_requests_is_never_a_pass_and_never_blame(self, stable, canary, who, before):
        sides = (side(requests, 0, STEADY if requests else Histogram()) for requests in (stable, canary))

        verdict = rollout([Look(side(), side())] * before + [Look(*sides)] * 3)[-1]

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.reason == f"could not look: {who} got no request"

    @pytest.mark.parametrize("whose", ["stable", "canary"])
    def test_a_window_nobody_could_see_is_inconclusive_and_says_why(self, whose):
        sides = {"stable": side(), "canary": side(200, 200)} | {whose: side(blind="no route to the preview address")}

        verdict = rollout([Look(**sides)] * 10)[-1]

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.reason == "could not look: no route to the preview address"

    def test_an_earlier_blind_window_is_left_out_of_what_was_seen(self):
        blind = Look(side(blind="asleep"), side(200, 200, blind="asleep"))

        verdict = rollout([Look(side(), side()), blind, *[Look(side(), side())] * 3])[-1]

        assert verdict.outcome is Outcome.PASS
        assert verdict.reason.startswith("errors 0 of 800 vs 0 of 800")

    @pytest.mark.parametrize(
        ("blind", "errors", "outcome"),
        [(0, 10, Outcome.FAIL), (3, 10, Outcome.INCONCLUSIVE), (3, 200, Outcome.FAIL)],
        ids=["all was seen", "a third was not", "a third was not, and all fails"],
    )
    def test_the_less_could_be_seen_the_surer_a_failure_has_to_be(self, blind, errors, outcome):
        dark, bad = Look(side(blind="asleep"), side(blind="asleep")), Look(side(200, 0), side(200, errors))

        verdict = rollout([*[Look(side(), side())] * 5, *[dark] * blind, bad, bad])[-1]

        assert verdict.outcome is outcome

    def test_blind_windows_count_as_looks(self):
        judge = Judge(TERMS)
        for _ in range(3):
            judge.see(Look(side(blind="asleep"), side()))

        assert judge.looks == 3

    def test_where_one_of_two_sources_could_not_look_nothing_passes(self):
        judge = Judge(TERMS)
        for _ in range(3):
            judge.see(Look(side(), side()), Look(side(blind="asleep"), side(blind="asleep")))

        assert judge.verdict.reason == "could not look: asleep"

    def test_where_stable_itself_is_ill_nothing_is_compared(self):
        verdict = judged(side(200, 100), side(200, 90), 10)

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "stable itself fails 50 %" in verdict.reason

    def test_requests_without_latencies_do_not_pass_however_good_they_were_before(self):
        looks = [Look(side(), side())] * 5 + [Look(side(), side(200, 1, Histogram()))]

        assert rollout(looks)[-2].outcome is Outcome.PASS
        assert rollout(looks)[-1].reason == "could not look: nobody saw how long canary took"

    def test_no_latency_on_either_side_leaves_nothing_to_compare(self):
        verdict = judged(side(latency=Histogram()), side(latency=Histogram()), 10)

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "no p50 to compare yet" in verdict.reason

    def test_errors_between_harmless_and_certain_say_how_much_more_would_settle_it(self):
        verdict = judged(side(400, 2), side(400, 9))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.needs_requests > 0

    def test_harm_that_cannot_be_told_at_this_traffic_is_said_to_be_so(self):
        verdict = judged(side(10, 1), side(10, 1), terms=replace(TERMS, error_rate=1e-9))

        assert verdict.reason.endswith("; cannot be told at this traffic")
        assert verdict.needs_requests == 0


class TestEverybodyOnTheCanary:
    LEFT = Look(Vitals(seconds=10.0), side(), 1.0)

    def test_what_was_seen_before_and_the_limits_decide(self):
        terms = replace(TERMS, limits=Limits(error_rate=0.05))
        before = [Look(side(), side(), 0.5)] * 5

        assert rollout([*before, self.LEFT], terms)[-1].outcome is Outcome.PASS
        bad = Look(Vitals(seconds=10.0), side(200, 30), 1.0)
        assert rollout([*before, *[bad] * 9], terms)[-1].outcome is Outcome.FAIL

    def test_alone_it_proves_nothing(self):
        assert rollout([self.LEFT] * 10)[-1].outcome is Outcome.INCONCLUSIVE

    def test_a_canary_that_is_ill_is_not_passed_for_having_nothing_beside_it(self):
        before = [Look(side(), side(), 0.5)] * 5

        verdict = rollout([*before, *[Look(Vitals(seconds=10.0), side(200, 200), 1.0)] * 3])[-1]

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.reason == "cannot compare: canary fails 100 % of its requests, and stable gets none"


class TestFail:
    def test_a_canary_that_fails_every_request_fails_at_the_first_look(self):
        verdicts = rollout([Look(side(), side(200, 200))] * 10)

        assert len(verdicts) == 1
        assert "errors 200 of 200 (100 %) vs 0 of 200: " in verdicts[0].reason
        assert " more, by luck in 1 of " in verdicts[0].reason or "less than 1 of a billion" in verdicts[0].reason

    def test_a_failure_names_its_commonest_example(self):
        canary = side(200, 100, examples=(("POST /cart/items → 500", 90), ("GET / → 502", 10)))

        assert " times POST /cart/items → 500; " in judged(side(), canary, 10).reason

    def test_examples_add_up_over_all_looks(self):
        verdicts = rollout([Look(side(), side(200, 60, examples=(("GET / → 502", 60),)))] * 10)

        assert verdicts[-1].outcome is Outcome.FAIL
        assert f"; {60 * len(verdicts)} times GET / → 502" in verdicts[-1].reason

    def test_slowness_is_no_failures_example(self):
        canary = side(latency=times(STEADY, 1.5), examples=(("GET / → 502", 1),))

        assert "502" not in judged(side(), canary, 5).reason

    def test_forty_percent_slower_fails_with_both_levels(self):
        verdict = judged(side(), side(latency=times(STEADY, 1.4)), 5)

        assert verdict.outcome is Outcome.FAIL
        assert "p50 27.9 ms vs 20 ms: " in verdict.reason
        assert " times as slow, by luck in" in verdict.reason

    def test_what_decided_is_named_first_and_the_rest_after_it(self):
        reason = judged(side(), side(latency=times(STEADY, 1.4)), 5).reason

        assert reason.startswith("p")
        assert "; errors 0 of " in reason

    def test_a_canary_beyond_a_limit_fails_even_when_stable_is_beyond_it_too(self):
        verdict = judged(side(), side(), terms=replace(TERMS, limits=Limits(p50_ms=15.0)))

        assert verdict.outcome is Outcome.FAIL
        assert verdict.reason.startswith("p50 20 ms, the limit is 15 ms: certain, by luck in ")

    def test_more_errors_than_the_limit_fail_once_that_is_certain_and_hold_before(self):
        terms = replace(TERMS, limits=Limits(error_rate=0.05))

        assert judged(side(400, 60), side(400, 60), terms=terms).outcome is Outcome.FAIL
        holds = judged(side(400, 22), side(400, 22), terms=terms)
        assert holds.outcome is Outcome.INCONCLUSIVE
        assert "errors 5.5 %, the limit is 5.0 %" in holds.reason

    def test_a_class_of_failures_that_is_nobodys_error_is_seen(self):
        verdict = judged(side(), side(classes=(("4xx", 150),)), 10, EVERYTHING)

        assert verdict.outcome is Outcome.FAIL
        assert verdict.reason.startswith("4xx ")

    def test_answering_a_tenth_of_its_share_fails_where_a_splitter_says_what_that_is(self):
        look = Look(side(500), side(50), 0.5)

        assert rollout([look] * 5, EVERYTHING)[-1].reason.startswith("answered ")
        assert rollout([look] * 5)[-1].outcome is not Outcome.FAIL

    def test_only_the_last_look_bad_is_enough(self):
        looks = [Look(side(), side())] * 12 + [Look(side(), side(200, 150))]

        verdicts = rollout(looks, replace(TERMS, planned_looks=13))

        assert [verdict.outcome for verdict in verdicts[-2:]] == [Outcome.PASS, Outcome.FAIL]

    def test_two_sources_are_one_look(self):
        judge = Judge(TERMS)

        assert judge.see(Look(side(), side(200, 150)), Look(side(), side(200, 200)))
        assert judge.looks == 1
        assert "errors 350 of 400 (88 %) vs 0 of 400" in judge.verdict.reason

    def test_a_failure_shows_both_levels_and_the_boundary(self):
        verdict = judged(side(200, 2), side(200, 100), 10)

        levels, bounds = {name: rest for name, *rest in verdict.levels}, dict(verdict.bounds)
        assert levels["errors"] == pytest.approx([0.5, 0.01])
        assert 0.01 < bounds["errors"] < 0.6


class TestNobodysFault:
    @pytest.mark.parametrize(("bad", "other"), [(60, 66), (400, 410), (1_000, 1_000), (1_990, 2_000), (2_000, 2_000)])
    def test_errors_that_hit_both_sides_alike_are_not_the_canarys_fault(self, bad, other):
        verdicts = rollout(
            [Look(side(2_000, 1), side(2_000, 1))] * 5 + [Look(side(2_000, bad), side(2_000, other))] * 25
        )

        assert verdicts[-1].outcome is not Outcome.FAIL

    def test_two_modes_of_latency_that_both_sides_have_are_not_the_canarys_fault(self):
        rng = np.random.default_rng(36)

        def modes(requests):
            fast = int(rng.binomial(requests, 0.5))
            return side(requests, 0, Histogram.of([(5.0, fast), (500.0, requests - fast)]))

        verdicts = rollout([Look(modes(540), modes(60)) for _ in range(60)], replace(TERMS, planned_looks=60))

        assert verdicts[-1].outcome is not Outcome.FAIL

    def test_what_the_canary_failed_while_nobody_asked_stable_is_not_held_against_it(self):
        alone = Look(Vitals(seconds=10.0), side(200, 200))

        verdicts = rollout([Look(side(), side()), alone, alone, *[Look(side(), side())] * 20])

        assert verdicts[-1].outcome is Outcome.PASS
        assert "errors 0 of 4,200 vs 0 of 4,200" in verdicts[-1].reason

    def test_traffic_that_climbs_during_a_bad_hour_is_not_the_canarys_fault(self):
        calm = [Look(side(950, 1), side(50, 0), 0.05)] * 10
        bad = [Look(side(500, 50), side(500, 50), 0.5)] * 10

        assert rollout([*calm, *bad], EVERYTHING)[-1].outcome is not Outcome.FAIL

    def test_stables_traffic_may_start_late(self):
        late = [Look(Vitals(seconds=10.0), side(50, 2))] * 5 + [Look(side(500, 2), side(50))] * 15

        assert rollout(late)[-1].outcome is Outcome.PASS

    def test_a_dead_stable_beside_a_canary_that_is_well_blames_nobody(self):
        looks = [Look(side(), side())] * 3 + [Look(side(200, 200), side())] * 10

        assert rollout(looks, EVERYTHING)[-1].outcome is not Outcome.FAIL

    @pytest.mark.parametrize("factor", [0.3, 1.0, 1.05])
    def test_coarse_histograms_of_two_sides_that_are_alike_do_not_fail(self, factor):
        coarse = times(Histogram.of([(12.5, 300), (20.0, 640), (95.0, 140)]), 1.0)

        looks = [Look(side(1_080, 0, coarse), side(1_080, 0, times(coarse, factor)), 0.5)] * 20

        assert rollout(looks, EVERYTHING)[-1].outcome is not Outcome.FAIL


class TestNumbers:
    @pytest.mark.parametrize(
        ("stable", "canary"),
        [
            (Vitals(), Vitals()),
            (side(1, 0, Histogram.of([(20.0, 1)])), side(1, 1, Histogram())),
            (side(10**9, 10**6, times(STEADY, 1)), side(10**9, 10**6, times(STEADY, 1))),
            (side(10**9, 10**9), side(1, 0)),
            (side(10**9, 1), side(10**9, 10**9)),
            (side(1, 1), side(10**9, 0)),
            (side(latency=Histogram.of([(0.0, 200)])), side(latency=Histogram.of([(0.0, 200)]))),
            (side(latency=Histogram.of([(0.0, 200)])), side(latency=Histogram.of([(1e12, 200)]))),
            (
                side(latency=Histogram.of([(5.0, 100), (500.0, 100)])),
                side(latency=Histogram.of([(5.0, 99), (500.0, 101)])),
            ),
            (Vitals(200, 0, STEADY), Vitals(200, 100, STEADY)),
            (side(latency=Histogram.of([(20.0, 10**9)])), side(latency=Histogram.of([(30.0, 10**9)]))),
        ],
    )
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
    @pytest.mark.parametrize(
        "terms",
        [
            EVERYTHING,
            replace(EVERYTHING, error_rate=0.0, latency={"p50": 0.0}, floor_ms=0.0, limits=Limits(0.0, 0.0, 0.0, 0.0)),
            replace(EVERYTHING, error_rate=1.0, latency={"p99": 1e9}, limits=Limits(1.0, 1e12, 1e12, 1e12)),
            replace(EVERYTHING, error_rate=1e-12, latency={"p50": 1e-12}, planned_looks=1, false_alarm=0.2),
        ],
    )
    def test_whatever_is_seen_there_is_a_verdict_in_plain_numbers(self, stable, canary, share, terms):
        for verdict in rollout([Look(stable, canary, share)] * 3, terms):
            assert verdict.reason
            words = verdict.reason.replace(",", "").replace(";", "").replace(":", "").split()
            assert not {"inf", "nan", "-0", "-inf"} & set(words)
            numbers = [verdict.needs_s, *(number for _, *more in (*verdict.levels, *verdict.bounds) for number in more)]
            assert np.isfinite(numbers).all()

    @settings(max_examples=60)
    @given(st.integers(0, 10**6), st.integers(1, 25))
    def test_the_same_looks_have_the_same_verdicts(self, seed, number):
        pick = random.Random(seed)
        looks = [Look(some(pick), some(pick), pick.choice([0.0, 0.1, 0.5])) for _ in range(number)]

        assert rollout(looks, EVERYTHING) == rollout(looks, EVERYTHING)

    def test_however_many_looks_there_are_no_more_than_the_budget_is_spent(self):
        terms = Terms(5, limits=Limits(0.1, 25.0, 40.0))
        judge = Judge(terms)
        for _ in range(60):
            judge.see(Look(side(20, 1), side(20, 1)))

        spent = [max(map(float, each._walk.spent)) for each in judge._suspicions]
        assert 0 < sum(spent) <= terms.false_alarm


def some(pick):
    """Return any vitals at all."""
    requests = pick.choice([0, 1, 7, 300, 50_000])
    errors = pick.randint(0, requests) if pick.random() < 0.2 else 0
    latency = Histogram.of((pick.uniform(0, 400), pick.randint(1, 90)) for _ in range(pick.randint(0, 9)))
    classes = tuple((name, pick.randint(0, requests)) for name in CLASSES if pick.random() < 0.2)
    return side(requests, errors, latency, classes=classes, blind="asleep" if pick.random() < 0.1 else "")


def put_back(rollouts, stable, canary, *, looks=15, terms=EVERYTHING, seed=7):
    """Return at how many of so many rollouts the canary fails; both are drawn anew for each look."""
    rng = np.random.default_rng(seed)
    terms = replace(terms, planned_looks=looks)
    return sum(
        rollout([Look(stable(rng), canary(rng)) for _ in range(looks)], terms)[-1].outcome is Outcome.FAIL
        for _ in range(rollouts)
    )


class TestOften:
    def test_a_healthy_release_is_rarely_put_back(self):
        def well(rng):
            return drawn(rng, 40, 0.01)

        # 1 % of 40 are 0.4; four or more would come by luck in 1 of 1,300 suites, and the seed is fixed.
        assert put_back(40, well, well, looks=10) <= 3

    def test_at_ten_requests_a_second_two_percent_more_failures_are_caught(self):
        stable, canary = (lambda rng, rate=rate: drawn(rng, 600, rate, seconds=60.0) for rate in (0.005, 0.025))

        assert put_back(10, stable, canary, terms=replace(EVERYTHING, error_rate=0.01)) >= 9

    def test_at_ten_requests_a_second_half_as_slow_again_is_caught(self):
        assert put_back(12, lambda rng: drawn(rng, 100), lambda rng: drawn(rng, 100, 0.0, 30.0), looks=6) == 12

    @pytest.mark.campaign
    @pytest.mark.parametrize("looks", [10, 30])
    @pytest.mark.parametrize(("requests", "rate"), [(20, 0.005), (100, 0.005), (100, 0.05), (2_000, 0.001)])
    def test_a_healthy_release_is_put_back_in_at_most_one_rollout_of_a_hundred(self, requests, rate, looks):
        def well(rng):
            return drawn(rng, requests, rate)

        # 1 % of 100 are 1; more than 4 would come by luck in 1 of 290 cells, and the seed is fixed.
        assert put_back(100, well, well, looks=looks) <= 4


@pytest.mark.parametrize("planned", [10, 30, 360])
@pytest.mark.parametrize(("canary", "stable"), [(5, 5), (10, 10), (25, 225), (50, 450)])
def test_a_canary_that_fails_every_request_fails_within_three_looks_however_many_are_planned(planned, canary, stable):
    judge = Judge(Terms(planned, error_rate=0.02))
    look = Look(Vitals(stable, 0, seconds=5.0), Vitals(canary, canary, seconds=5.0))

    assert any(judge.see(look) for _ in range(3))
