"""`surefoot validate`, as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commands.cli import cli
from commands.terminal import Terminal
from commands.validate import annotations, validate
from tasks.settings.mistake import Mistake

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "infra/services/shop.yaml"
# The file of docs and design: four mistakes of four kinds.
BAD = """\
# yaml-language-server: $schema=service.schema.json
name: shop
checks: [{name: up, path: /healthz}]
environments:
  production:
    target: {kind: cloud_run, project: acme-shop, region: europe-west1, service: shop}
    rollout:
      steps:
        - {traffic: 5%, watch: 10 minuts}
        - {traffic: 50%, watch: 10m}
        - {traffic: 25%, watch: 10m}
        - {traffic: 100%, watch: 5m}
    aproval: {approvers: [ana], within: 3d}
    notices:
      slack: {channel: "#shop-releases", token: hunter2hunter2}
"""
ON_A_TERMINAL = """\
shop.yaml:9:32 environments.production.rollout.steps[0].watch:
  '10 minuts' is not a length of time; write 10m, 90s or 1h30m
    9 |         - {traffic: 5%, watch: 10 minuts}
      |                                ^^^^^^^^^

shop.yaml:11:21 environments.production.rollout.steps[2].traffic:
  25 % comes after 50 %; steps only climb. Move it up, or drop it
   10 |         - {traffic: 50%, watch: 10m}
   11 |         - {traffic: 25%, watch: 10m}
      |                     ^^^

shop.yaml:13:5 environments.production.aproval:
  unknown; did you mean approval? Without it, production has no approver
   13 |     aproval: {approvers: [ana], within: 3d}
      |     ^^^^^^^

shop.yaml:15:49 environments.production.notices.slack.token:
  a secret written out; it has been read by every clone. Revoke it, then refer
  to it: {env: SLACK_TOKEN} or {prefect: slack-token}
   15 |       slack: {channel: "#shop-releases", token: ****}
      |                                                 ^^^^

4 mistakes in 1 file. Nothing was changed or sent.
How the file is written: surefoot schema, docs/reference/service-file.md
"""

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(BAD)
    return lambda *words, **more: CliRunner().invoke(more.pop("command", cli), list(words), **more)


def test_on_a_terminal_each_mistake_has_its_excerpt_and_the_secret_is_not_in_it(run: Run) -> None:
    result = run("shop.yaml", command=validate, obj=Terminal(live=True))
    assert result.stdout == ON_A_TERMINAL
    assert result.exit_code == 2


def test_in_a_pipe_each_mistake_is_one_line_and_the_rest_is_told_beside(run: Run) -> None:
    result = run("validate", "shop.yaml")
    lines = result.stdout.splitlines()
    assert len(lines) == 4
    assert lines[2] == (
        "shop.yaml:13:5 environments.production.aproval: unknown; did you mean approval? "
        "Without it, production has no approver"
    )
    assert result.stderr.startswith("4 mistakes in 1 file.")
    assert result.exit_code == 2


def test_a_good_file_is_said_to_be_good_with_what_to_do_next(run: Run) -> None:
    result = run("validate", str(SHOP))
    assert result.stdout == f"  ✓ {SHOP}   shop: staging, production\n"
    assert result.stderr == "1 file, no mistake. Nothing was changed or sent.\nNext  surefoot plan shop production\n"
    assert result.exit_code == 0


def test_json_is_one_document_with_every_mistake(run: Run) -> None:
    result = run("validate", "--json", "shop.yaml", str(SHOP))
    document = json.loads(result.stdout)
    assert list(document) == ["schema", "mistakes", "files"]
    assert (document["schema"], document["mistakes"]) == ("surefoot.validate/1", 4)
    bad, good = document["files"]
    assert bad["mistakes"][0] == {
        "line": 9,
        "column": 32,
        "path": "environments.production.rollout.steps[0].watch",
        "message": "'10 minuts' is not a length of time; write 10m, 90s or 1h30m",
    }
    assert (bad["service"], good["service"], good["environments"]) == (None, "shop", ["staging", "production"])
    assert result.exit_code == 2
    assert result.stderr == ""


def test_show_prints_every_value_in_force_and_where_it_stands(run: Run) -> None:
    lines = run("validate", "--show", str(SHOP)).stdout.splitlines()
    assert any(line.split() == ["name", "shop", "line", "7"] for line in lines)
    assert any(line.split() == ["environments.staging.rollout.look", "5s", "default"] for line in lines)
    values = json.loads(run("validate", "--show", "--json", str(SHOP)).stdout)["files"][0]["in_force"]
    assert {"path": "environments.staging.rollout.look", "value": "5s", "line": None} in values


def test_github_gets_annotations_with_paths_from_the_repositorys_root(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    result = run("validate", "--format", "github", str(tmp_path / "shop.yaml"))
    lines = result.stdout.splitlines()
    assert lines[2].startswith(
        "::error file=shop.yaml,line=13,col=5,title=surefoot::environments.production.aproval: unknown; did you mean"
    )
    assert "25 %25 comes after" in lines[1]
    assert result.exit_code == 2


def test_what_github_would_lose_is_counted_in_the_last_annotation(tmp_path: Path) -> None:
    mistakes = [Mistake("a:b,c.yaml", line, 1, "name", "100 %\nbad") for line in range(1, 14)]
    lines = list(annotations(mistakes, tmp_path))
    assert len(lines) == 10
    assert lines[0] == "::error file=a%3Ab%2Cc.yaml,line=1,col=1,title=surefoot::name: 100 %25%0Abad"
    assert lines[-1] == "::error title=surefoot::and 4 more: surefoot validate lists them all"
    assert len(list(annotations(mistakes[:10], tmp_path))) == 10


def test_a_file_that_is_not_there_is_bad_input(run: Run) -> None:
    result = run("validate", "none.yaml")
    assert result.stdout == "none.yaml: cannot be read: no such file\n"
    assert result.exit_code == 2


def test_without_a_file_it_says_what_was_looked_for(run: Run) -> None:
    result = run("validate")
    assert result.stderr.startswith("No service file here (looked for surefoot.yaml, infra/services/*.yaml).")
    assert result.exit_code == 2


def test_without_an_argument_the_files_that_are_here_are_checked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").rename(tmp_path / "surefoot.yaml")
    assert "surefoot.yaml:9:32" in run("validate").stdout
