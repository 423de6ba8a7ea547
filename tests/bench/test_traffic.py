"""The simulated traffic: the rates it is asked for, the same runs for the same seed, and looks that add up."""

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
import pytest
from judging.grid import QUESTIONS
from judging.traffic import BLIND, TICK_S, Cell, batches, documents, looks_of, rollouts, simulate

SEED = 20261121
PLAIN = Cell("plain", 10.0)
LATENCY = Cell("latency", 20.0, (0.5,), 10, 10, cv=1.0)


def rates(traffic):
    return traffic.errors.sum(axis=(0, 1)) / traffic.requests.sum(axis=(0, 1))


def test_the_same_seed_brings_the_same_runs_and_another_others():
    one, again, other = (simulate(PLAIN, 3, seed) for seed in (1, 1, 2))
    assert (one.errors == again.errors).all()
    assert (one.errors != other.errors).any()


def test_batches_and_cells_differ_from_each_other():
    one, second = simulate(PLAIN, 0, 1), simulate(PLAIN, 1, 1)
    other = simulate(replace(PLAIN, name="another"), 0, 1)
    assert (one.requests != second.requests).any()
    assert (one.requests != other.requests).any()


def test_the_first_runs_are_the_same_however_many_are_wanted():
    few, more = list(rollouts(PLAIN, 2, SEED)), list(rollouts(PLAIN, 103, SEED))
    assert more[:2] == few
    assert len(more) == 103


@pytest.mark.parametrize(("repeats", "expected"), [(100, [(0, 100)]), (250, [(0, 100), (1, 100), (2, 50)]), (0, [])])
def test_batches_add_up_to_what_is_wanted(repeats, expected):
    assert batches(PLAIN, repeats) == expected


@pytest.mark.parametrize(
    ("change", "stable", "canary"),
    [
        ({}, 0.005, 0.005),
        ({"times": 4.0}, 0.005, 0.02),
        ({"broken": 0.05}, 0.005, 0.05475),
        ({"broken": 1.0}, 0.005, 1.0),
        ({"burst": 1.0}, 0.005, 0.005),
        ({"burst": 4.0, "together": True, "times": 2.0}, 0.005, 0.01),
    ],
)
def test_requests_fail_at_the_rates_that_the_cell_names(change, stable, canary):
    traffic = simulate(replace(PLAIN, per_s=50.0, **change), 0, SEED)
    assert traffic.requests.sum() == pytest.approx(50 * 1800 * 100, rel=0.01)
    assert rates(traffic) == pytest.approx([stable, canary], rel=0.05)


def test_what_a_release_spoils_is_its_failures_beyond_stables():
    traffic = simulate(replace(PLAIN, times=4.0), 0, SEED)
    assert traffic.spoiled.sum() / traffic.requests[..., 1].sum() == pytest.approx(0.015, rel=0.05)
    assert not simulate(replace(PLAIN, burst=1.0, outages=True), 0, SEED).spoiled.any()


def spread(traffic, ticks):
    """Return variance over mean of stable's errors in so many ticks: 1 for a Poisson process."""
    errors = traffic.errors[..., 0].reshape(100, -1, ticks).sum(axis=2)
    return errors.var(axis=1).mean() / errors.mean()


def test_bursts_spread_failures_wider_than_chance_over_as_long_as_they_last():
    often = {"per_s": 50.0, "looks": 360, "lasts_s": 60}
    plain, bursts = (simulate(replace(PLAIN, **often, burst=shape), 0, SEED) for shape in (0.0, 4.0))
    assert spread(plain, 12) == pytest.approx(1, abs=0.1)
    # A mean of 13.5 in a minute, and a gamma rate of shape 4: variance over mean is 1 + 13.5 / 4.
    assert spread(bursts, 12) == pytest.approx(1 + 13.5 / 4, rel=0.1)


def test_bursts_hit_each_side_for_itself_or_both_together():
    def alike(*, together):
        traffic = simulate(replace(PLAIN, per_s=200.0, shares=(0.5,), burst=1.0, together=together), 0, SEED)
        minutes = traffic.errors.reshape(100, 30, 12, 2).sum(axis=2)
        return np.corrcoef(minutes[..., 0].ravel(), minutes[..., 1].ravel())[0, 1]

    assert abs(alike(together=False)) < 0.1
    assert alike(together=True) > 0.9


def test_an_outage_hits_both_sides_for_one_to_three_looks():
    traffic = simulate(replace(PLAIN, per_s=200.0, shares=(0.5,), outages=True), 0, SEED)
    minutes = traffic.errors.reshape(100, 30, 12, 2).sum(axis=2) / traffic.requests.reshape(100, 30, 12, 2).sum(axis=2)
    out = (minutes > 0.15).all(axis=2)
    assert set(out.sum(axis=1)) == {1, 2, 3}
    assert minutes[out].min() > 0.15
    assert minutes[out].max() < 0.65
    assert minutes[~out].max() < 0.1


def test_the_canarys_share_climbs_step_by_step():
    cell = replace(PLAIN, per_s=50.0, shares=(0.05, 0.25, 0.5))
    looks = next(rollouts(cell, 1, SEED))
    assert [look.share for look in looks[::10]] == pytest.approx([0.05, 0.25, 0.5])
    for look in looks:
        of_both = look.canary.requests / (look.canary.requests + look.stable.requests)
        assert of_both == pytest.approx(look.share, abs=0.05)


@pytest.mark.parametrize("looks", [5, 30, 360])
def test_looks_of_any_length_add_up_to_the_same_run(looks):
    traffic = simulate(LATENCY if looks != 360 else PLAIN, 0, SEED)
    seen = reduce(add, looks_of(traffic, 7, looks if looks != 5 else 10))
    assert seen.stable.requests == traffic.requests[7, :, 0].sum()
    assert seen.canary.errors == traffic.errors[7, :, 1].sum()
    assert seen.canary.latency_ms.total == traffic.latency[7, :, 1].sum()
    assert seen.stable.seconds == traffic.shares.size * TICK_S


@pytest.mark.parametrize("cv", [0.5, 1.0])
def test_latencies_have_the_mean_the_spread_and_the_shift_that_the_cell_names(cv):
    looks = [next(rollouts(replace(LATENCY, cv=cv, slower=slower), 1, SEED)) for slower in (0.0, 0.2)]
    alike, slower = (reduce(add, each) for each in looks)
    values, counts = np.array(alike.canary.latency_ms.counts).T
    mean = np.average(values, weights=counts)
    assert mean == pytest.approx(60, rel=0.1)
    # Waves of a minute, a tenth of the level, stand beside the requests' own spread.
    assert np.sqrt(np.average((values - mean) ** 2, weights=counts)) / mean == pytest.approx(cv, rel=0.2)
    shift = slower.canary.latency_ms.quantile(0.5) / slower.stable.latency_ms.quantile(0.5)
    assert shift == pytest.approx(1.2, rel=0.05)


def test_two_sides_that_are_alike_drift_apart_a_little_from_run_to_run():
    traffic = simulate(replace(LATENCY, per_s=200.0, cv=0.5, drift=0.02), 0, SEED)
    levels = np.arange(traffic.latency.shape[-1])
    counts = traffic.latency.sum(axis=1)
    means = (counts * levels).sum(axis=-1) / counts.sum(axis=-1)
    assert 0.01 * (means[:, 1] - means[:, 0]).std() == pytest.approx(0.02, rel=0.5)


def test_a_source_that_is_down_loses_the_middle_third_and_a_flaky_one_some_looks():
    down, flaky = (next(rollouts(replace(PLAIN, source=source), 1, SEED)) for source in ("down", "flaky"))
    assert [number for number, look in enumerate(down) if look.stable.blind] == list(range(10, 20))
    assert 3 <= sum(bool(look.canary.blind) for look in flaky) <= 15
    assert not any(look.stable.requests for look in down if look.stable.blind)


def test_a_cell_that_is_like_another_differs_only_in_how_it_is_seen():
    heard, silent = (simulate(replace(PLAIN, name=name, source=name, like="one"), 0, SEED) for name in ("", "down"))
    assert (heard.errors == silent.errors).all()
    assert silent.down.any()
    assert not heard.blind.any()


def test_a_document_says_what_the_looks_say():
    cell = replace(PLAIN, source="down", looks=3)
    limits = {"error_rate": {"harm": 0.015}}
    document, looks = next(documents(cell, 1, SEED, limits)), next(rollouts(cell, 1, SEED))
    assert document["planned_looks"] == 3
    assert document["limits"] == limits
    assert document["looks"][1]["canary"] == {"blind": BLIND}
    assert document["looks"][2]["stable"]["requests"] == looks[2].stable.requests


def test_no_two_cells_of_a_question_have_one_name():
    for question in QUESTIONS:
        names = [cell.name for cell in question.cells]
        assert len(names) == len(set(names))


def test_looks_of_every_cell_have_whole_ticks_and_whole_steps():
    for cell in (cell for question in QUESTIONS for cell in question.cells):
        assert cell.ticks % cell.looks == 0, cell.name
        assert cell.looks % len(cell.shares) == 0 or len(cell.shares) == 1, cell.name
