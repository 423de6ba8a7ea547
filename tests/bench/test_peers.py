"""The peers' rules as derived anew: public cases, the tests they stand on, and what each is documented to do."""

import numpy as np
import pytest
from judging.peers import (
    NEVER,
    PEERS,
    argo,
    flagger,
    kayenta_at_the_end,
    kayenta_each_minute,
    kayenta_high,
    mann_whitney,
    pipecd,
    pooled,
    rank_interval,
)
from judging.traffic import Cell, Traffic, simulate
from scipy.optimize import brentq
from scipy.stats import fisher_exact, mannwhitneyu, norm, rankdata

SEED = 20261121


def high(canary, stable):
    return bool(kayenta_high(np.array([canary], float), np.array([stable], float))[0])


def kayenta_interval_by_roots(canary, stable, z):
    """Find the shift at which the rank-sum statistic is `z`, as documented: by roots, not by order statistics."""
    n, m = len(canary), len(stable)

    def distance(shift):
        values = np.concatenate([canary - shift, stable])
        ties = np.unique(values, return_counts=True)[1]
        sigma = np.sqrt(n * m / 12 * (n + m + 1 - (ties**3 - ties).sum() / ((n + m) * (n + m - 1))))
        over = rankdata(values)[:n].sum() - n * (n + 1) / 2 - n * m / 2
        return (over - 0.5 * np.sign(over)) / sigma - z

    low, top = (canary.min() - stable.max()), (canary.max() - stable.min())
    if distance(low) <= 0:
        return low
    return top if distance(top) >= 0 else brentq(distance, low, top)


def minutes(errors, requests, *, blind=(), lost=(), spoiled=None):
    """Return one run with these counts a minute, (minute, side), all of them in each minute's last tick."""
    errors, requests = np.array(errors), np.array(requests)
    ticks = np.zeros((2, 1, len(errors) * 12, 2), int)
    ticks[0, 0, 11::12], ticks[1, 0, 11::12] = errors, requests
    dark, down = np.zeros((1, ticks.shape[2]), bool), np.zeros((1, ticks.shape[2]), bool)
    for minute in blind:
        dark[0, minute * 12 : minute * 12 + 12] = True
    for minute in lost:
        down[0, minute * 12 : minute * 12 + 12] = True
    none = np.zeros((1, ticks.shape[2], 2, 0), np.uint16)
    return Traffic(ticks[1], ticks[0], ticks[0, ..., 1], none, dark | down, down, np.full(ticks.shape[2], 0.1))


def canary_of(errors, total=300):
    """Return a run whose canary fails so many of its requests in each minute, and whose stable side none."""
    return minutes([(0, bad) for bad in errors], [(2700, total)] * len(errors))


def put_back_at(rule, traffic):
    return float(rule(traffic)[0])


@pytest.mark.parametrize(("worse", "expected"), [(6, False), (7, False), (8, True), (10, True)])
def test_kayenta_passes_seven_of_ten_points_at_a_hundred_times_the_baseline_and_fails_eight(worse, expected):
    assert high([100.0] * worse + [1.0] * (10 - worse), [1.0] * 10) is expected


def test_kayenta_passes_a_few_failures_where_the_baseline_has_none():
    assert not high([0, 1, 2, 1, 0, 0], [0] * 6)


def test_kayenta_fails_any_clear_shift_however_small():
    rng = np.random.default_rng(SEED)
    stable = rng.normal(100, 0.01, 30)
    assert high(rng.normal(100.05, 0.01, 30), stable)
    assert not high(rng.normal(100, 0.01, 30), stable)


def test_kayenta_does_not_call_a_shift_downwards_high():
    rng = np.random.default_rng(SEED)
    assert not high(rng.normal(50, 1, 30), rng.normal(100, 1, 30))


def test_kayenta_has_nothing_to_say_of_a_side_without_points():
    assert not high([np.nan] * 5, [1.0] * 5)


@pytest.mark.parametrize("seed", range(8))
def test_the_rank_interval_is_the_one_that_roots_of_the_statistic_give(seed):
    rng = np.random.default_rng(seed)
    canary, stable = rng.normal(1, 1, 12), rng.normal(0, 2, 30)
    found = rank_interval(canary[None], stable[None], 0.98)
    z = norm.isf(0.01)
    assert found.low[0] == pytest.approx(kayenta_interval_by_roots(canary, stable, z), abs=1e-6)
    assert found.high[0] == pytest.approx(kayenta_interval_by_roots(canary, stable, -z), abs=1e-6)


def test_the_rank_interval_leaves_out_missing_points():
    rng = np.random.default_rng(SEED)
    canary, stable = rng.normal(1, 1, 12), rng.normal(0, 1, 30)
    holes = np.insert(canary, [3, 7], np.nan)
    assert rank_interval(holes[None], stable[None], 0.98).low == rank_interval(canary[None], stable[None], 0.98).low


@pytest.mark.parametrize("n", [8, 12, 30])
def test_mann_whitney_is_near_the_exact_test_also_with_ties(n):
    rng = np.random.default_rng(SEED)
    canary, stable = rng.poisson(2.0, (40, n)).astype(float), rng.poisson(1.5, (40, n)).astype(float)
    expected = mannwhitneyu(canary, stable, alternative="greater", method="asymptotic", axis=1).pvalue
    assert mann_whitney(canary, stable) == pytest.approx(expected)
    canary, stable = rng.normal(0.5, 1, (40, n)), rng.normal(0, 1, (40, n))
    exact = mannwhitneyu(canary, stable, alternative="greater", method="exact", axis=1).pvalue
    assert mann_whitney(canary, stable) == pytest.approx(exact, abs=0.01)


def test_mann_whitney_says_nothing_of_values_that_are_all_alike_or_missing():
    alike, missing = np.ones((1, 12)), np.full((1, 12), np.nan)
    assert mann_whitney(alike, alike) == 1
    assert mann_whitney(missing, alike) == 1


def test_the_pooled_test_is_fishers():
    traffic = simulate(Cell("any", 10.0, times=3), 0, SEED)
    chances = pooled(traffic)
    for run, minute in [(0, 4), (1, 29), (2, 12)]:
        seen = slice(0, (minute + 1) * 12)
        stable, canary = traffic.errors[run, seen].sum(axis=0)
        all_stable, all_canary = traffic.requests[run, seen].sum(axis=0)
        table = [[canary, all_canary - canary], [stable, all_stable - stable]]
        assert chances[run, minute] == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-6)


def test_the_pooled_test_of_latencies_is_mann_whitney_on_all_requests():
    traffic = simulate(Cell("slow", 20.0, (0.5,), 2, 2, cv=0.5, slower=0.02), 0, SEED)
    levels = np.arange(traffic.latency.shape[-1])
    stable, canary = (np.repeat(levels, traffic.latency[0, :, side].sum(axis=0, dtype=int)) for side in (0, 1))
    expected = mannwhitneyu(canary, stable, alternative="greater", method="asymptotic").pvalue
    assert pooled(traffic)[0, -1] == pytest.approx(expected, rel=1e-6)


# Whole-stage wrong rollbacks of a Mann-Whitney test at 0.05 each minute, ten points a side, by number of looks.
@pytest.mark.parametrize(
    ("looks", "limit_0", "limit_1"), [(6, 0.24, 0.02), (12, 0.42, 0.08), (30, 0.73, 0.39), (60, 0.94, 0.78)]
)
def test_mann_whitney_each_minute_puts_back_good_releases_as_often_as_is_known(looks, limit_0, limit_1):
    rng = np.random.default_rng(SEED)
    runs, points = 800, 10
    canary, stable = rng.standard_normal((2, runs * looks, points))
    failed = (mann_whitney(canary, stable) < 0.05).reshape(runs, looks).sum(axis=1)
    for limit, known in ((0, limit_0), (1, limit_1)):
        # Both figures are of 800 rollouts: four standard errors of their difference.
        error = 4 * np.sqrt(2 * known * (1 - known) / runs)
        assert (failed > limit).mean() == pytest.approx(known, abs=error)


@pytest.mark.parametrize(("looks", "known"), [(2, 0.247), (3, 0.043), (5, 0.003)])
def test_kayenta_alarms_wrongly_as_often_as_is_known_at_few_points(looks, known):
    rng = np.random.default_rng(SEED)
    canary, stable = rng.lognormal(0, 0.5, (2, 3000, looks))
    # The known figures count shifts either way.
    either = kayenta_high(canary, stable) | kayenta_high(stable, canary)
    assert either.mean() == pytest.approx(known, abs=0.02)


@pytest.mark.parametrize(("per_s", "lowest", "highest"), [(0.5, 0, 0), (2, 0, 0.02), (10, 0.43, 0.63), (50, 0.98, 1)])
def test_kayenta_catches_fourfold_errors_as_often_as_is_known(per_s, lowest, highest):
    cell = Cell(f"known {per_s}", per_s, times=4)
    back = np.concatenate([kayenta_at_the_end(simulate(cell, batch, SEED)) for batch in range(3)])
    assert lowest <= np.isfinite(back).mean() <= highest


def test_kayenta_looks_from_the_fifth_point_on():
    assert put_back_at(kayenta_each_minute, canary_of([100, 110, 120, 130, 140, 150, 160])) == 300
    assert put_back_at(kayenta_each_minute, canary_of([0] * 7)) == NEVER


def test_argo_aborts_at_the_fourth_measurement_below_95_percent():
    assert put_back_at(argo, canary_of([0, 16, 16, 15, 16, 15, 16, 0])) == 7 * 60
    assert put_back_at(argo, canary_of([300, 300, 300, 0, 0])) == NEVER


def test_argo_counts_no_traffic_as_failed():
    assert put_back_at(argo, minutes([(0, 0)] * 5, [(100, 0)] * 5)) == 4 * 60


def test_argo_aborts_at_the_fifth_query_on_end_that_fails_and_forgives_a_short_silence():
    assert put_back_at(argo, minutes([(0, 0)] * 6, [(100, 100)] * 6, blind=[2, 3])) == 3 * 60 + 40
    short = minutes([(0, 0)] * 6, [(100, 100)] * 6)
    short.blind[0, 35:43] = True
    assert put_back_at(argo, short) == NEVER


@pytest.mark.parametrize("threshold", [5, 10])
def test_flagger_puts_back_at_so_many_failed_checks_and_never_forgets_one(threshold):
    assert put_back_at(flagger(threshold), canary_of([4] * 12)) == threshold * 60
    assert put_back_at(flagger(threshold), canary_of([4, 3] * 12)) == (2 * threshold - 1) * 60
    assert put_back_at(flagger(threshold), canary_of([3] * 30)) == NEVER


def test_flagger_counts_no_traffic_and_no_answer_as_failed_checks():
    assert put_back_at(flagger(5), minutes([(0, 0)] * 8, [(100, 0)] * 8)) == 5 * 60
    assert put_back_at(flagger(5), minutes([(0, 0)] * 8, [(100, 100)] * 8, blind=range(8))) == 5 * 60


def test_flagger_puts_back_a_canary_whose_p99_is_above_half_a_second():
    slow = simulate(Cell("slow", 20.0, (0.5,), 10, 10, base=0.0, cv=0.5, slower=5.0), 0, SEED)
    assert set(flagger(5)(slow)) == {300}


@pytest.mark.parametrize(("limit", "expected"), [(0, 60), (1, 120)])
def test_pipecd_puts_back_when_more_checks_fail_than_the_limit(limit, expected):
    broken = simulate(Cell("broken", 50.0, broken=0.5), 0, SEED)
    assert set(pipecd(limit)(broken)) == {expected}


def test_pipecd_counts_a_query_that_fails_and_points_on_one_side_only_as_failures_and_passes_none_at_all():
    rate = [(0, 0)] * 4
    assert put_back_at(pipecd(1), minutes(rate, [(100, 100)] * 4, blind=[1, 3])) == 4 * 60
    assert put_back_at(pipecd(1), minutes(rate, [(100, 0)] * 4)) == 2 * 60
    assert put_back_at(pipecd(0), minutes(rate, [(0, 0)] * 4)) == NEVER


def test_what_was_never_recorded_is_a_missing_point_and_no_failure_of_the_canary():
    errors = [(0, 0)] * 10 + [(0, 300)] * 10 + [(0, 0)] * 10
    lost = minutes(errors, [(2700, 300)] * 30, lost=range(10, 20))
    assert put_back_at(kayenta_at_the_end, lost) == NEVER
    assert pooled(lost)[0, -1] == 1


@pytest.mark.parametrize("rule", PEERS.values(), ids=PEERS)
def test_every_rule_sees_a_release_that_fails_everything(rule):
    broken = simulate(Cell("all broken", 50.0, broken=1.0), 0, SEED)
    assert np.isfinite(rule(broken)).all()
