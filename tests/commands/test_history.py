"""`surefoot history`: what was released, and how it went."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rollout_told import CANARY, NOON, RELEASE, STABLE

from commands.cli import cli
from commands.history import Past, table
from commands.terminal import Terminal
from surefoot.rollout import Phase
from surefoot.traffic import Traffic
from tasks.store import ledger, rollouts
from tasks.store.database import Store
from tasks.store.rollouts import Attempt

KEY = "shop/production"
A_ROLLOUT = Attempt("r-1", KEY, RELEASE, "run-1", "http://run/1", Traffic.all_on(STABLE), CANARY, 1, NOON, NOON)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    path = tmp_path / "store.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUREFOOT_STORE", str(path))
    opened = Store.open(str(path))
    asyncio.run(opened.migrate())
    return opened


def over(store: Store, name: str, phase: Phase, *, key: str = KEY, ago: timedelta = timedelta(0)) -> None:
    began = datetime.now(UTC) - ago
    store.run_here(rollouts.begin, replace(A_ROLLOUT, id=name, key=key, began_at=began, changed_at=began))
    store.run_here(rollouts.end, name, phase, began + timedelta(minutes=46), fence=1, reason="errors 196 of 4,071")


def history(*words: str) -> Result:
    return CliRunner().invoke(cli, ["history", *words])


def listed(*words: str) -> list[dict[str, object]]:
    result = history(*words, "--json")
    document = json.loads(result.stdout)
    assert document["schema"] == "surefoot.history/1", result.output
    rollouts: list[dict[str, object]] = document["rollouts"]
    return rollouts


def test_the_newest_is_first_and_says_who_said_yes_and_how_long_it_took(store: Store) -> None:
    over(store, "r-1", Phase.PROMOTED, ago=timedelta(days=2))
    over(store, "r-2", Phase.PUT_BACK)
    store.run_here(ledger.append, "approval answered", KEY, {"by": "ana"}, NOON, rollout="r-1")
    newest, why, oldest = history().stdout.splitlines()
    assert newest.startswith("  ↩ ")
    assert newest.endswith(" 46 min")
    assert why.strip() == "errors 196 of 4,071"
    assert "shop production  1.9.0 · 4e1c9aa  promoted  ana" in oldest
    assert [(each["rollout"], each["by"]) for each in listed()] == [("r-2", None), ("r-1", "ana")]


def test_what_went_well_needs_no_reason_and_all_fits_80_columns() -> None:
    past = Past(replace(A_ROLLOUT, phase=Phase.PROMOTED, reason="6 of 6", ended_at=NOON + timedelta(minutes=46)), "ana")
    (line,) = table([past], Terminal(), UTC)
    assert line.startswith("  ✓ 2026-11-20 12:00 shop production  1.9.0 · 4e1c9aa  promoted  ana")
    assert len(line) <= 80


def test_what_is_on_its_way_says_how_far_it_is() -> None:
    past = Past(replace(A_ROLLOUT, phase=Phase.CLIMBING, percent=25), "")
    (line,) = table([past], Terminal(), UTC)
    assert line == "  ● 2026-11-20 12:00 shop production  1.9.0 · 4e1c9aa  climbing, 25 %"


def test_one_service_or_one_place_or_a_time_may_be_asked_for(store: Store) -> None:
    over(store, "r-1", Phase.PROMOTED, ago=timedelta(days=10))
    over(store, "r-2", Phase.PROMOTED, key="shop/staging")
    over(store, "r-3", Phase.PROMOTED, key="basket/staging")
    assert [each["rollout"] for each in listed("shop")] == ["r-2", "r-1"]
    assert [each["rollout"] for each in listed("shop", "production")] == ["r-1"]
    assert [each["rollout"] for each in listed("--since", "7d")] == ["r-3", "r-2"]


def test_twenty_are_shown_unless_a_time_is_given(store: Store) -> None:
    for number in range(25):
        over(store, f"r-{number}", Phase.PROMOTED)
    assert [each["rollout"] for each in listed()] == [f"r-{number}" for number in range(24, 4, -1)]
    assert len(listed("--since", "1h")) == 25


def test_no_rollout_at_all_is_said(store: Store) -> None:
    assert history().stdout == "Nothing was released here yet.\n"
    assert history("--since", "7d").stdout == "Nothing was released here in the last 7d.\n"
    assert listed() == []


@pytest.mark.parametrize("since", ["7", "yesterday", "999999999d"])
def test_a_length_of_time_that_is_none_is_bad_input(store: Store, since: str) -> None:
    result = history("--since", since)
    assert result.exit_code == 2
    assert result.stderr.startswith("--since: ")


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Path:
    """Put the service file of the shop here, which has staging and production."""
    file = tmp_path / "surefoot.yaml"
    file.write_text((Path(__file__).parents[2] / "infra/services/shop.yaml").read_text())
    return file


@pytest.mark.parametrize(("place", "said"), [(("shop", "nope"), "shop nope"), (("shpo",), "shpo")])
def test_a_place_that_no_file_and_no_rollout_has_is_bad_input(shop: Path, place: tuple[str, ...], said: str) -> None:
    result = history(*place)
    assert result.exit_code == 2
    assert result.stderr == f"There is no {said}; there is shop staging, shop production\n"


def test_a_place_that_a_file_or_the_store_has_may_have_no_history(store: Store, shop: Path) -> None:
    over(store, "r-1", Phase.PROMOTED, key="basket/qa", ago=timedelta(days=2))
    for place in (("shop",), ("shop", "production"), ("basket", "qa", "--since", "1d")):
        assert history(*place).exit_code == 0
    shop.write_text("name: [")
    assert history("nope").exit_code == 0, "the file that cannot be read may be the one that has it"
    shop.unlink()
    assert history("shop", "nope").stdout == "Nothing was released here yet.\n"
