"""`surefoot schema`, as it is typed."""

import json
from pathlib import Path

from click.testing import CliRunner

from commands.cli import cli

REFERENCE = Path(__file__).parents[2] / "docs/reference"


def test_it_prints_the_schema_that_is_committed() -> None:
    result = CliRunner().invoke(cli, ["schema"])
    assert result.stdout == (REFERENCE / "service-file.schema.json").read_text()
    assert CliRunner().invoke(cli, ["schema", "--json"]).stdout == result.stdout
    assert json.loads(result.stdout)["$schema"].startswith("http://json-schema.org/draft-07/")


def test_it_prints_the_page_that_is_committed() -> None:
    result = CliRunner().invoke(cli, ["schema", "--format", "markdown"])
    assert result.stdout == (REFERENCE / "service-file.md").read_text()
