"""Schema and page say what the model says, and nothing that an editor would not understand."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from tasks.settings.reference import DIALECT, json_schema, page

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs/reference"
AGAIN = "write it again: surefoot schema > docs/reference/service-file.schema.json, and --format markdown > ….md"


def _every(schema: Any, key: str) -> bool:
    if isinstance(schema, dict):
        return key in schema or any(_every(each, key) for each in schema.values())
    return isinstance(schema, list) and any(_every(each, key) for each in schema)


def test_the_committed_schema_and_page_are_the_models() -> None:
    assert json.loads((REFERENCE / "service-file.schema.json").read_text()) == json_schema(), AGAIN
    assert (REFERENCE / "service-file.md").read_text() == page(), AGAIN


def test_the_schema_is_draft_07_and_uses_nothing_newer() -> None:
    schema = json_schema()
    assert schema["$schema"] == DIALECT
    jsonschema.Draft7Validator.check_schema(schema)
    newer = ["$defs", "prefixItems", "unevaluatedProperties", "unevaluatedItems", "dependentRequired", "$anchor"]
    assert [key for key in newer if _every(schema, key)] == []


@pytest.mark.parametrize("file", ["infra/services/shop.yaml", "rehearsal/shop.yaml"])
def test_the_examples_are_right_by_the_schema_too(file: str) -> None:
    tree = YAML(typ="safe", pure=True).load((ROOT / file).read_text())
    jsonschema.Draft7Validator(json_schema()).validate(tree)


@pytest.mark.parametrize("file", ["infra/services/shop.yaml", "rehearsal/shop.yaml"])
def test_the_examples_first_line_leads_an_editor_to_the_schema(file: str) -> None:
    first = (ROOT / file).read_text().splitlines()[0]
    path = first.removeprefix("# yaml-language-server: $schema=")
    assert ((ROOT / file).parent / path).resolve() == (REFERENCE / "service-file.schema.json").resolve()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("watch: 10m", "watch: 10"),
        ("watch: 10m", "watch: 10 minuts"),
        ("rollout:", "rolout:"),
        ("token: {env: SLACK_TOKEN}", "token: hunter2"),
        ("{env: SLACK_TOKEN}", "{env: A, prefect: b}"),
        ("kind: cloud_run", "kind: cloudrun"),
        ("    path: /healthz\n", ""),
        ("path: /healthz", "path: /x\n    steps: [{path: /a}]"),
        ("  production:\n", "  Production!:\n"),
    ],
)
def test_an_editor_sees_these_mistakes_too(old: str, new: str, good: str) -> None:
    validator = jsonschema.Draft7Validator(json_schema())
    load = YAML(typ="safe", pure=True).load
    assert validator.is_valid(load(good))
    assert not validator.is_valid(load(good.replace(old, new)))


def test_every_key_of_a_file_has_a_description() -> None:
    schema = json_schema()
    sections = {"file": schema, **schema["definitions"]}
    bare = [
        f"{name}.{key}"
        for name, section in sections.items()
        for key, each in section["properties"].items()
        if not each.get("description")
    ]
    assert bare == []
