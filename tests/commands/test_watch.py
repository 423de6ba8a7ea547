"""`surefoot watch`, where there is nothing to watch."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from commands.cli import cli

SHOP = Path(__file__).parents[2] / "infra/services/shop.yaml"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in an empty folder, so that the store is empty too."""
    monkeypatch.chdir(tmp_path)


def answered(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(cli, ["watch", *words, "--json"])
    document: dict[str, Any] = json.loads(result.stdout)
    assert (document["schema"], document["exit_code"]) == ("surefoot.watch/1", result.exit_code)
    return document


def test_what_was_never_released_is_a_document_too() -> None:
    document = answered(str(SHOP), "production")
    assert (document["service"], document["environment"]) == ("shop", "production")
    assert (document["outcome"], document["run"], document["exit_code"]) == ("Nothing", None, 0)
    assert document["reason"] == "Nothing was ever released to shop production."


def test_nothing_on_its_way_is_a_document_too() -> None:
    assert answered()["reason"] == "Nothing is on its way."


def test_for_a_person_it_is_a_sentence_with_what_to_type_next() -> None:
    result = CliRunner().invoke(cli, ["watch", str(SHOP), "production"])
    assert result.stdout == "Nothing was ever released to shop production.\n"
    assert result.stderr == "Next  surefoot plan shop production\n"
