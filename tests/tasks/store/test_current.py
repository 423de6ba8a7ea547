"""Where everything stands, read without what is slow to start."""

import subprocess
import sys
from datetime import timedelta

import pytest

from surefoot.errors import ConfigError, SurefootError
from surefoot.rollout import Phase
from tasks.store import approvals, lease, releases, rollouts
from tasks.store.current import current

KEY = "shop/production"


def test_a_store_that_was_never_written_is_empty_and_is_not_made(tmp_path):
    assert current(f"sqlite:///{tmp_path / 'none.db'}") == []
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_tables_is_empty(empty_url, tmp_path):
    (tmp_path / "empty.db").touch()

    assert current(empty_url) == []


def test_nothing_was_ever_deployed(url):
    assert current(url) == []


def test_a_rollout_on_its_way_stands_beside_what_it_replaces(url, store, now, attempt_of, release_of):
    for name, version in (("r1", "1.8.2"), ("r2", "1.9.0")):
        store.run_here(rollouts.begin, attempt_of(name, release=release_of(version)))
        if name == "r1":
            store.run_here(rollouts.end, name, Phase.PROMOTED, now, fence=1)
    store.run_here(lease.acquire, KEY, "run-2", now, ttl_s=30)
    then = now + timedelta(minutes=4)
    store.run_here(rollouts.advance, "r2", Phase.CLIMBING, 25, then, fence=1, reason="looking")

    (place,) = current(url)

    assert (place.service, place.environment, place.version, place.commit) == ("shop", "production", "1.9.0", "4e1c9aa")
    assert (place.phase, place.percent, place.reason, place.run_url) == ("climbing", 25, "looking", "http://run/1")
    assert (place.began, place.since, place.ended) == (now, then, None)
    assert (place.stable_version, place.stable_release) == ("1.8.2", release_of("1.8.2").id)
    assert (place.lease_holder, place.lease_until) == ("run-2", now + timedelta(seconds=30))


def test_who_waits_for_a_person_is_seen_before_the_first_rollout(url, store, now, release_of):
    store.run_here(releases.register, KEY, release_of(), now, "run-1")
    record = store.run_here(
        approvals.ask, key=KEY, release_id=release_of().id, run_id="run-1", plan_hash="a4", shown={},
        until=now + timedelta(days=3), now=now, run_url="http://run/1",
    )  # fmt: skip

    (place,) = current(url)
    assert (place.rollout, place.percent, place.since) == ("", 0, None)
    assert (place.waiting_release, place.waiting_url) == (release_of().id, "http://run/1")
    assert place.waiting_until == now + timedelta(days=3)

    store.run_here(approvals.answer, record.id, approve=False, by="ana", comment="", now=now)
    assert current(url)[0].waiting_release == ""


def test_places_come_in_the_order_of_their_names(url, store, now, release_of):
    for key in ("shop/staging", "basket/production", KEY):
        store.run_here(releases.register, key, release_of(), now, "run-1")

    assert [(place.service, place.environment) for place in current(url)] == [
        ("basket", "production"), ("shop", "production"), ("shop", "staging")
    ]  # fmt: skip


def test_a_file_that_is_no_store_is_said(tmp_path):
    (tmp_path / "store.db").write_text("not a database, but long enough to look at " * 20)

    with pytest.raises(SurefootError, match=r"store\.db cannot be read"):
        current(str(tmp_path / "store.db"))


def test_a_server_that_is_down_is_said_without_its_password():
    with pytest.raises(SurefootError, match="see that it runs") as refused:
        current("postgresql://surefoot:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in str(refused.value)

    with pytest.raises(ConfigError) as refused:
        current("postgresql://surefoot:hunter2@127.0.0.1:port/x?nonsense=1")
    assert "hunter2" not in str(refused.value)


def test_reading_loads_nothing_that_is_slow_to_start():
    slow = "{'sqlalchemy', 'alembic', 'pydantic', 'prefect', 'numpy', 'psycopg', 'slack_sdk', 'aiohttp'}"
    look = f"import sys, tasks.store.current; print(sorted({slow} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
