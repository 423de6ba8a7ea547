"""`surefoot status`: quick, and true to the store."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import pytest
from click.testing import CliRunner, Result
from rollout_told import CANARY, NOON, RELEASE, STABLE

from commands.cli import cli
from commands.status import row
from commands.terminal import Sign
from surefoot.rollout import Phase
from surefoot.traffic import Traffic
from tasks.store import approvals, lease, rollouts
from tasks.store.current import Current
from tasks.store.database import Store
from tasks.store.rollouts import Attempt

KEY = "shop/production"
HEAVY = ("sqlalchemy", "alembic", "pydantic", "prefect", "numpy", "scipy", "psycopg", "rich", "aiohttp", "ruamel.yaml")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    path = tmp_path / "store.db"
    monkeypatch.setenv("SUREFOOT_STORE", str(path))
    monkeypatch.chdir(tmp_path)
    opened = Store.open(str(path))
    asyncio.run(opened.migrate())
    return opened


def begun(store: Store, name: str = "r-1", key: str = KEY) -> Attempt:
    attempt = Attempt(name, key, RELEASE, "run-1", "http://run/1", Traffic.all_on(STABLE), CANARY, 1, NOON, NOON)
    store.run_here(rollouts.begin, attempt)
    return attempt


def status(*words: str) -> Result:
    return CliRunner().invoke(cli, ["status", *words])


def place(**fields: object) -> Current:
    """Return a place at 25 %, with what a test wants changed."""
    whole: dict[str, object] = {
        **dict.fromkeys(Current.__slots__, ""),
        "service": "shop",
        "environment": "production",
        "version": "1.9.0",
        "phase": "climbing",
        "percent": 25,
        "began": NOON,
        "since": NOON,
        "ended": None,
        "waiting_until": None,
        "lease_until": None,
        "stable_version": "1.8.2",
        "reason": "looking",
        "run_url": "http://run/1",
        **fields,
    }
    return Current(**whole)  # type: ignore[arg-type]


def test_nothing_slow_is_loaded_and_half_a_second_is_enough(store: Store, tmp_path: Path) -> None:
    begun(store)
    code = (
        "import sys, atexit; from commands.__main__ import main\n"
        f"atexit.register(lambda: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr))\n"
        "sys.argv = ['surefoot', 'status', 'shop', 'production']; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stderr.splitlines()[-1] == "[]"

    command = [Path(sys.executable).parent / "surefoot", "status"]

    def seconds() -> float:
        began = perf_counter()
        subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)
        return perf_counter() - began

    assert min(seconds() for _ in range(5)) < 0.5


def test_every_place_is_one_line_with_its_sign(store: Store) -> None:
    begun(store)
    store.run_here(rollouts.advance, "r-1", Phase.CLIMBING, 25, NOON, fence=1)
    begun(store, "r-2", "shop/staging")
    store.run_here(rollouts.end, "r-2", Phase.PROMOTED, NOON, fence=1)
    result = status()
    # How long it has been decides where the line is broken, and a break takes the semicolon's place.
    climbing, second = result.stdout.rstrip("\n").rsplit("\n", 1)
    assert climbing.startswith("  ● shop production 1.9.0 is climbing, at 25 %, for ")
    assert " ".join(climbing.split()).endswith(" before: what was there")
    assert second.startswith("  ✓ shop staging    1.9.0 is live since ")
    assert result.stderr == "Next  surefoot watch shop production\n"
    assert result.exit_code == 0


def test_one_place_says_why_and_where_to_look(store: Store) -> None:
    begun(store)
    store.run_here(rollouts.end, "r-1", Phase.PUT_BACK, NOON, fence=1, reason="at 25 %: errors 196 of 4,071")
    result = status("shop", "production")
    assert "  ↩ shop production " in result.stdout
    assert "why       at 25 %: errors 196 of 4,071" in result.stdout
    assert "run       http://run/1" in result.stdout
    assert result.stderr == "Next  surefoot history shop production\n"


def test_the_document_has_a_place_with_times_in_utc_and_null_for_what_is_not_known(store: Store) -> None:
    begun(store)
    document = json.loads(status("--json").stdout)
    (found,) = document["places"]
    assert document["schema"] == "surefoot.status/1"
    assert (found["service"], found["began"], found["ended"]) == ("shop", "2026-11-20T12:00:00Z", None)
    assert found["stable_version"] is None
    assert found["percent"] == 0


def test_what_waits_for_a_person_says_so_with_its_page(store: Store) -> None:
    store.run_here(
        approvals.ask, key=KEY, release_id=RELEASE.id, run_id="run-1", plan_hash="a4", shown={},
        until=datetime.now(UTC) + timedelta(days=3), now=NOON, run_url="http://run/1",
    )  # fmt: skip
    result = status()
    assert f"waits     {RELEASE.id} waits for a yes, until " in result.stdout
    assert "http://run/1" in result.stdout
    assert result.stderr == "Next  surefoot watch shop production\n"


def test_a_process_that_is_gone_is_told_from_one_that_is_at_work(store: Store) -> None:
    begun(store)
    store.run_here(lease.acquire, KEY, "run-1", NOON, ttl_s=30)
    assert "silent    its process, since " in status().stdout
    store.run_here(lease.acquire, KEY, "run-1", datetime.now(UTC), ttl_s=600)
    assert "silent" not in status().stdout


def test_where_nothing_was_ever_released_the_next_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = status()
    assert (result.stdout, result.exit_code) == ("", 0)
    assert result.stderr == "Nothing was ever released from here.\nNext  surefoot plan SERVICE ENVIRONMENT\n"
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_not_known_is_bad_input(store: Store) -> None:
    begun(store)
    result = status("shop", "qa")
    assert result.exit_code == 2
    assert result.stderr == "Nothing was released to shop qa yet; there is shop production\n"


@pytest.mark.parametrize(
    ("phase", "sign", "words"),
    [
        ("promoted", Sign.GOOD, "1.9.0 is live since 12:00"),
        ("put back", Sign.BACK, "1.8.2 is live; 1.9.0 was put back, since 12:00"),
        ("not put back", Sign.BAD, "1.9.0 is NOT put back: it still has 25 %, since 12:00"),
        ("refused", Sign.BAD, "1.8.2 is live; 1.9.0 was refused, since 12:00"),
    ],
)
def test_each_end_has_its_sign_and_its_words(phase: str, sign: Sign, words: str) -> None:
    found = row(place(phase=phase, ended=NOON), NOON, zone=UTC)
    assert (found.sign, found.lines) == (sign, (words,))


def test_what_is_on_its_way_says_how_far_for_how_long_and_what_was_before() -> None:
    found = row(place(), NOON + timedelta(minutes=4), zone=UTC)
    assert found.lines == ("1.9.0 is climbing, at 25 %, for 4 min; before: 1.8.2",)
    assert row(place(percent=0, phase="staging"), NOON, zone=UTC).lines == (
        "1.9.0 is staging, for 0.0 s; before: 1.8.2",
    )


def test_a_place_that_was_only_asked_for_has_rolled_nothing_out() -> None:
    assert row(place(began=None, since=None), NOON).lines == ("nothing was rolled out yet",)
