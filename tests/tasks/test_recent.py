"""Recent traffic is what the last rollout that saw any has seen of it."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from surefoot.release import Image, Release
from surefoot.rollout import Phase
from surefoot.service import VitalsRule
from surefoot.sight import Recent
from surefoot.traffic import Traffic
from surefoot.vitals import Histogram, Look, Vitals
from tasks.recent import Known, known_from, typed
from tasks.settings import load_service
from tasks.store import ledger, rollouts
from tasks.store.database import Store
from tasks.store.rollouts import Attempt

SHOP = Path(__file__).parents[2] / "infra/services/shop.yaml"
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
OURS = load_service(SHOP).environments["production"]
USERS = replace(OURS, vitals=VitalsRule("cloud_monitoring", {"lag": "3m"}))
LATENCY = Histogram(((20.0, 90), (40.0, 10)))
STEP = Look(Vitals(540, 3, LATENCY, 60.0), Vitals(60, 1, LATENCY, 60.0), 0.1)
COMPARED = Look(Vitals(300, 0, LATENCY, 60.0), Vitals(300, 0, LATENCY, 60.0))
WHOLE = Look(Vitals(0, 0, seconds=60.0), Vitals(900, 0, LATENCY, 60.0), 1.0)
BLIND = Look(Vitals(seconds=60.0, blind="late"), Vitals(seconds=60.0, blind="late"), 0.1)


@pytest.fixture
async def store(tmp_path):
    opened = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    await opened.migrate()
    yield opened
    await opened.close()


def keep(store, name, *looks):
    release = Release("shop", Image("europe/shop", "sha256:" + "9f" * 32), "1.8.2", "77ab01c0", "")
    attempt = Attempt(name, "shop/production", release, "run", "", Traffic.all_on("old"), "new", 1, NOON, NOON)
    store.run_here(rollouts.begin, attempt)
    for first, *also in looks:
        fields = {"seen": asdict(first), "also": [asdict(each) for each in also]}
        store.run_here(ledger.append, "look", "shop/production", fields, NOON, rollout=name)
    store.run_here(rollouts.end, name, Phase.PROMOTED, NOON, fence=1)


@pytest.mark.anyio
async def test_users_are_those_of_both_sides_while_both_had_some(store):
    keep(store, "r-1", [COMPARED], [STEP], [STEP], [BLIND], [WHOLE, COMPARED])
    known = store.run_here(known_from, USERS)
    assert known.source == "as in the rollout of 1.8.2, 2026-11-18"
    assert known.recent.per_s == pytest.approx(10)
    assert known.recent.error_rate == pytest.approx(3 / 540)
    assert known.recent.latency_ms.total == 200
    assert (known.recent.lag_s, known.recent.shortest_s) == (180.0, 60.0)


@pytest.mark.anyio
async def test_our_own_requests_tell_how_stable_answers_them_and_the_plan_how_many_there_are(store):
    keep(store, "r-1", [replace(COMPARED, stable=Vitals(300, 3, LATENCY, 60.0))], [COMPARED])
    recent = store.run_here(known_from, OURS).recent
    assert (recent.per_s, recent.error_rate, recent.latency_ms.total) == (None, 0.005, 200)


@pytest.mark.anyio
async def test_a_rollout_that_ended_before_users_were_there_is_passed_over(store):
    keep(store, "r-1", [STEP])
    keep(store, "r-2", [COMPARED])
    assert store.run_here(known_from, USERS).recent.per_s == pytest.approx(10)


def test_where_no_rollout_was_seen_our_own_requests_are_known_and_users_are_not():
    assert known_from(None, OURS) == Known(Recent(), "as the plan says")
    unknown = known_from(None, USERS)
    assert unknown.source == ""
    assert unknown.recent.lag_s == 180.0


def test_what_is_typed_is_taken_instead():
    unknown = known_from(None, USERS)
    assert typed(USERS, None, None, unknown) is unknown
    said = typed(USERS, 10.0, 0.005, unknown)
    assert (said.source, said.recent.per_s, said.recent.error_rate, said.recent.lag_s) == (
        "as typed",
        10.0,
        0.005,
        180.0,
    )
    assert typed(USERS, None, 0.01, unknown).source == ""
    failing = typed(OURS, None, 0.01, known_from(None, OURS))
    assert (failing.source, failing.recent.error_rate) == ("as the plan says, failures as typed", 0.01)
