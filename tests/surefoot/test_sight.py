"""What a plan is said to see is what the judge sees."""

from dataclasses import replace
from itertools import pairwise
from math import log, sqrt

import numpy as np
import pytest

from surefoot.judge import Judge
from surefoot.rollout import Harm, Plan, Step
from surefoot.sight import POWER, Foresight, Recent
from surefoot.sight.remedy import Remedy, remedies
from surefoot.sight.slowing import drawn, shape_of
from surefoot.sight.stretches import parts, stretches
from surefoot.verdict import Outcome
from surefoot.vitals import Histogram, Look, Vitals

PLAN = Plan((Step(10, 600), Step(50, 0), Step(100, 300)), bake_s=900, compare_s=120, look_s=30, probes_per_s=5)
CLIMB = Plan((Step(10, 900), Step(50, 600), Step(100, 0)), look_s=60)
OURS = Recent()
USERS = Recent(per_s=10, error_rate=0.005)


def sights(plan, recent=OURS):
    return list(Foresight(plan, recent).sights())


def put_back(plan, recent, upto, *, more=0.0, slower=0.0, seed, rollouts):
    """Return the share of simulated rollouts that the judge itself puts back by the end of a stretch."""
    foresight, generator = Foresight(plan, recent), np.random.default_rng(seed)
    return sum(_judged(foresight, generator, upto, more, slower) for _ in range(rollouts)) / rollouts


def _judged(foresight, generator, upto, more, slower):
    judge = Judge(foresight.terms)
    for stretch in foresight.stretches[: upto + 1]:
        seconds = stretch.seen_s / stretch.looks
        for _ in range(stretch.looks):
            rate = foresight.recent.error_rate
            stable = _side(generator, stretch.stable_per_s * seconds, rate, 1.0 if slower else 0.0, seconds)
            canary = _side(generator, stretch.canary_per_s * seconds, rate + more, slower and 1 + slower, seconds)
            if judge.see(Look(stable, canary, 0.0 if stretch.ours else stretch.percent / 100)):
                return True
    return False


def _side(generator, expected, rate, times, seconds):
    requests = int(generator.poisson(expected))
    latency_ms = Histogram()
    if times:
        drawn_ms = generator.lognormal(log(100), sqrt(log(2)), requests) * times
        latency_ms = Histogram.of((round(float(each), 2), 1) for each in drawn_ms)
    return Vitals(requests, int(generator.binomial(requests, rate)), latency_ms, seconds)


def test_every_stretch_that_is_watched_is_told_in_the_order_of_the_climb():
    assert [(sight.percent, sight.bake) for sight in sights(PLAN)] == [
        (0, False),
        (10, False),
        (100, False),
        (100, True),
    ]


def test_our_own_requests_go_to_both_sides_alike_in_whole_looks():
    (sight,) = sights(Plan((Step(100, 45),), look_s=30, probes_per_s=2))
    assert (sight.requests, sight.stable_requests, sight.ours) == (120, 120, True)


def test_users_come_as_the_traffic_is_split_less_what_the_source_shows_too_late():
    compare, step, whole, bake = sights(PLAN, Recent(per_s=10, lag_s=100, shortest_s=60))
    assert (step.requests, step.stable_requests, step.ours) == (500, 4500, False)
    assert [sight.sees for sight in (compare, step, whole, bake)] == [False, True, False, False]


@pytest.mark.parametrize("recent", [Recent(), Recent(per_s=7, error_rate=0.01, lag_s=180, shortest_s=60)])
def test_parts_add_up_to_the_requests_and_looks_of_their_stretches(recent):
    found = stretches(PLAN, recent)
    made = list(parts(found))
    for number, stretch in enumerate(found):
        of_it = [part for part in made if part.stretch == number]
        assert sum(part.looks for part in of_it) == stretch.looks
        assert abs(sum(part.canary for part in of_it) - stretch.canary) <= 1
        assert of_it[-1].ends_s == pytest.approx(stretch.begins_s + max(stretch.watch_s, stretch.seen_s))
    assert made[-1].look == PLAN.looks_of(recent.shortest_s)
    assert all(before.ends_s < after.ends_s for before, after in pairwise(made))


def test_hours_of_looks_are_not_more_parts_than_can_be_walked():
    assert len(list(parts(stretches(Plan((Step(100, 86_400),), look_s=1), Recent())))) < 160


def test_the_longer_it_is_looked_at_the_smaller_a_harm_is_seen():
    found = sights(CLIMB, USERS)
    assert found[0].more_errors > found[1].more_errors >= CLIMB.harm.error_rate / 2
    assert found[0].slower["p95"] > found[1].slower["p95"] > CLIMB.harm.latency / 2


@pytest.mark.slow
@pytest.mark.parametrize("stretch", [0, 1])
def test_so_many_more_failures_are_caught_in_eight_of_ten_rollouts(stretch):
    seen = sights(CLIMB, USERS)[stretch].more_errors
    assert 0.7 <= put_back(CLIMB, USERS, stretch, more=seen, seed=11, rollouts=200) <= 0.9


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("per_s", [3, 10, 30])
@pytest.mark.parametrize("stretch", [0, 1])
def test_at_any_traffic_so_many_more_failures_are_caught_in_eight_of_ten_rollouts(per_s, stretch):
    recent = replace(USERS, per_s=per_s)
    seen = sights(CLIMB, recent)[stretch].more_errors
    assert 0.7 <= put_back(CLIMB, recent, stretch, more=seen, seed=12, rollouts=400) <= 0.9


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["p95", "p50"])
def test_so_much_slower_is_caught_in_eight_of_ten_rollouts_or_a_few_more_by_another_quantile(name):
    seen = sights(CLIMB, USERS)[1].slower[name]
    assert 0.7 <= put_back(CLIMB, USERS, 1, slower=seen, seed=13, rollouts=200) <= 0.98


def test_what_only_users_meet_is_not_seen_by_our_own_requests():
    compare, *_ = sights(PLAN, USERS)
    assert (compare.more_errors, compare.slower) == (None, {"p95": None, "p50": None})


def test_a_healthy_release_passes_with_as_many_requests_as_said():
    few = Plan((Step(100, 30),), look_s=30, probes_per_s=5)
    (short,) = sights(few)
    assert not short.enough
    assert short.needs_s == pytest.approx((short.needs - 150) / 5)
    (enough,) = sights(replace(few, steps=(Step(100, 60 * (1 + short.needs_s // 60) + 60),)))
    assert enough.enough
    assert enough.needs <= enough.so_far


def test_where_it_is_enough_the_judge_passes_a_healthy_release():
    for sight in sights(PLAN):
        judge = Judge(Foresight(PLAN, Recent()).terms)
        healthy = Vitals(sight.so_far, 0, drawn(shape_of(Histogram()), sight.so_far), sight.watch_s)
        judge.see(Look(healthy, healthy))
        assert (judge.verdict.outcome is Outcome.PASS) is sight.enough


def test_a_window_without_requests_sees_nothing_and_nothing_can_pass():
    (sight,) = sights(Plan((Step(100, 1),), look_s=1, probes_per_s=0.1))
    assert (sight.requests, sight.fails_at, sight.clears, sight.enough) == (0, 0, 1.0, False)
    assert (sight.more_errors, sight.slower["p95"]) == (None, None)


def test_nothing_is_seen_where_nothing_is_watched():
    foresight = Foresight(Plan((Step(100, 0),)), Recent())
    assert list(foresight.sights()) == []
    assert (foresight.chance("errors").power, foresight.least("errors")) == (0.0, None)


def test_half_of_what_is_caught_is_caught_by_the_median_and_a_larger_harm_sooner():
    small, large = (
        Foresight(replace(CLIMB, harm=Harm(error_rate=harm)), USERS).chance("errors") for harm in (0.02, 0.1)
    )
    assert small.power > POWER
    assert 0 < large.median_s < small.median_s < 1500
    assert large.percent == 10


def test_known_latencies_are_taken_instead_of_usual_ones():
    steady = Histogram.of((float(ms), 10) for ms in range(60, 140))
    found, usual = (sights(CLIMB, replace(USERS, latency_ms=each))[0] for each in (steady, Histogram()))
    assert found.slower["p50"] < usual.slower["p50"]


def test_drawn_latencies_are_as_many_and_as_slow_as_their_shape():
    latencies = drawn(shape_of(Histogram()), 2_000)
    assert latencies.total == 2_000
    assert latencies.quantile(0.5) == pytest.approx(100, rel=0.01)
    assert latencies.quantile(0.95) == pytest.approx(100 * np.exp(1.6449 * sqrt(log(2))), rel=0.02)
    assert drawn(shape_of(Histogram()), 0).total == 0


def test_what_is_proposed_sees_the_harm():
    blind, recent = Plan((Step(10, 600), Step(100, 0)), look_s=60), Recent(per_s=10, error_rate=0.005)
    assert Foresight(blind, recent).chance("errors").power < POWER
    found = remedies(blind, recent, ("errors",))
    assert found
    for remedy in found:
        watches = {10: 600.0, 100: 0.0} | {remedy.percent: remedy.watch_s}
        better = replace(blind, steps=tuple(Step(each, watches[each]) for each in sorted(watches)))
        assert Foresight(better, recent).chance("errors").power >= POWER


def test_our_own_requests_are_seen_better_by_more_of_them_or_for_longer_at_no_other_percent():
    blind = Plan((Step(10, 60), Step(100, 0)), look_s=10, probes_per_s=2)
    more, longer = remedies(blind, Recent(), ("p95",))
    assert (more.percent, more.watch_s) == (0, 0.0)
    assert more.probes_per_s > 2
    assert longer == Remedy(10, longer.watch_s)
    assert longer.watch_s > 60


def test_where_users_are_never_on_both_sides_no_watch_is_proposed():
    assert remedies(Plan((Step(100, 600),), look_s=60), USERS, ("errors",)) == ()
