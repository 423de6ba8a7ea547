"""`surefoot` itself: what it offers, how it fails, and how fast it says so."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from commands import exits
from commands.cli import cli
from commands.menu import COMMANDS, SECTIONS, Menu, examples
from commands.mishap import explain, report
from surefoot import errors

HEAVY = ("pydantic", "ruamel.yaml", "prefect", "sqlalchemy", "numpy", "scipy", "aiohttp", "google", "rich", "grpc")
SECRET = "xoxb-" + "1234567890-abcdefghij"
SHOP = Path(__file__).parents[2] / "infra/services/shop.yaml"
NOW = datetime(2026, 11, 2, 3, 12, 44, tzinfo=UTC)


def surefoot(*words: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    path = Path(sys.executable).parent
    return subprocess.run(
        [path / "surefoot", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environ},
    )


def test_help_shows_every_command_in_the_order_of_a_day_and_the_exit_codes() -> None:
    text = surefoot("--help").stdout
    assert [line[:-1] for line in text.splitlines() if re.fullmatch(r"[A-Z][a-z ]+:", line)][1:] == list(SECTIONS)
    assert re.findall(r"^  ([a-z]+) +[a-zA-Z]", text, re.MULTILINE)[-len(COMMANDS) :] == list(COMMANDS)
    assert "5 refused (drift, lease, freeze)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_takes_less_than_four_tenths_of_a_second() -> None:
    # Of computing: the clock on the wall also counts what the machine does besides.
    assert min(_seconds(lambda: surefoot("--help")) for _ in range(5)) < 0.4


def _seconds(run: Callable[[], object]) -> float:
    before = os.times()
    run()
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


@pytest.mark.parametrize("words", [["--help"], ["validate", "--help"], ["schema", "--help"], []])
def test_nothing_heavy_is_loaded_to_say_what_there_is(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys, atexit; from commands.__main__ import main\n"
        f"atexit.register(lambda: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr))\n"
        f"sys.argv = ['surefoot', *{words!r}]; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stderr == "[]\n"


def test_alone_it_says_what_was_looked_for_and_what_to_type(tmp_path: Path) -> None:
    run = surefoot(cwd=tmp_path)
    lines = run.stdout.splitlines()
    assert run.returncode == 0
    assert re.fullmatch(r"Surefoot \S+ · one step at a time, looking before the next", lines[0])
    assert lines[2] == "No service file here (looked for surefoot.yaml, infra/services/*.yaml)."
    assert [line.split("  ")[1].strip() for line in lines[4:]] == [
        "surefoot demo",
        "surefoot init --from cloud-run|ecs",
        "surefoot --help",
    ]


def test_alone_beside_a_service_file_it_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "surefoot.yaml").touch()
    assert "1 service file here: surefoot.yaml" in surefoot(cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["deplpy"], "there is no command 'deplpy'; did you mean deploy?"),
        (["zzz"], "there is no command 'zzz'; expected one of 15, such as demo, rehearsal"),
        (["validate", "--shwo"], "'--show'"),
        (["validate", "--format", "yaml"], "'text', 'json', 'github'"),
    ],
)
def test_a_slip_of_the_fingers_is_bad_input_with_what_was_probably_meant(typed: list[str], said: str) -> None:
    result = CliRunner().invoke(cli, typed)
    assert said in result.stderr
    assert result.exit_code == 2


def test_a_misspelt_variable_is_bad_input_too(tmp_path: Path) -> None:
    run = surefoot("validate", cwd=tmp_path, SUREFOOT_STOR="x")
    assert (run.returncode, run.stderr) == (2, "SUREFOOT_STOR: unknown; did you mean SUREFOOT_STORE?\n")


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (errors.ConfigError("x"), 2),
        (errors.Unhealthy("x"), 3),
        (errors.Cancelled("x"), 3),
        (errors.LeaseHeld("x"), 5),
        (errors.Drift("x"), 5),
        (errors.Superseded("x"), 5),
        (errors.NotApproved("x"), 5),
        (errors.GateClosed("x"), 5),
        (errors.RollbackFailed("x"), 1),
        (errors.Unavailable("x"), 1),
        (errors.StageFailed("x"), 1),
    ],
)
def test_what_is_raised_on_purpose_is_its_own_sentence_and_exit_code(problem: errors.SurefootError, code: int) -> None:
    result = _run_raising(problem)
    assert (result.exit_code, result.stderr, exits.exit_code(problem)) == (code, "x\n", code)


def test_ctrl_c_stops_with_its_own_code_and_no_traceback() -> None:
    result = _run_raising(KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "\nStopped.\n")


def test_a_bug_is_called_one_without_a_traceback_and_its_report_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = _run_raising(ValueError(f"cannot post with {SECRET}"))
    assert result.exit_code == 1
    assert result.stderr.startswith("This is a bug in Surefoot: ValueError: cannot post with ****\n")
    assert "Traceback" not in result.stderr
    (file,) = tmp_path.glob("surefoot-*.txt")
    assert "Traceback" in file.read_text()
    assert SECRET not in file.read_text() + result.stderr
    assert file.stat().st_mode & 0o077 == 0


def test_twice_verbose_shows_where_the_bug_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = _run_raising(ValueError(SECRET), "-vv")
    assert "Traceback" in result.stderr
    assert SECRET not in result.stderr


def test_a_report_that_cannot_be_written_does_not_hide_the_bug(tmp_path: Path) -> None:
    text = explain(ValueError("oops"), ["plan"], NOW, tmp_path / "none")
    assert text.startswith("This is a bug in Surefoot: ValueError: oops\n  report  could not be written: ")


def test_a_report_says_what_was_typed_when_and_by_which_versions() -> None:
    lines = report(ValueError("oops"), ["deploy", "--token", f"token={SECRET}"], NOW).splitlines()
    assert re.fullmatch(r"surefoot \S+, Python 3\.\d+\.\d+, \w+", lines[0])
    assert lines[1:3] == ["at 2026-11-02T03:12:44+00:00", "surefoot deploy --token token=****"]


def test_an_epilogue_has_examples_and_exit_codes() -> None:
    assert examples(("why", "surefoot x"), codes="0 done") == (
        "\b\nExamples:\n  # why\n  surefoot x\n\n\b\nExit codes: 0 done"
    )


@pytest.mark.parametrize("name", [name for name in COMMANDS if find_spec(COMMANDS[name][0].partition(":")[0])])
def test_each_command_has_help_with_an_example_and_exit_codes_on_one_screen(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"surefoot {name}" in result.stdout.partition("Examples:")[2]
    assert re.search(r"^  Exit codes: 0 \w", result.stdout, re.MULTILINE)
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24


def test_a_reader_that_goes_away_does_no_harm() -> None:
    path = Path(sys.executable).parent
    run = subprocess.run(f"{path}/surefoot schema | head -1", shell=True, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("{\n", "")


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (
            PermissionError(13, "Permission denied", "/x/store.db"),
            "cannot read or write /x/store.db: Permission denied",
        ),
        (NotADirectoryError(20, "Not a directory", b"/x"), "cannot read or write /x: Not a directory"),
        (OSError(28, "No space left on device", "a.yaml"), "cannot write a.yaml: No space left on device"),
        (OSError(28, "No space left on device"), "this machine refused: No space left on device"),
    ],
)
def test_what_the_machine_refuses_is_a_sentence_and_no_bug(problem: OSError, said: str) -> None:
    result = _run_raising(problem)
    assert (result.exit_code, result.stderr) == (1, f"{said}\n")


def test_an_error_of_a_call_without_a_path_is_a_bug_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert _run_raising(OSError(9, "Bad file descriptor")).stderr.startswith("This is a bug in Surefoot: OSError")


@pytest.mark.parametrize(
    ("problem", "error", "code"),
    [
        (errors.ConfigError("no such environment"), "no such environment", 2),
        (errors.LeaseHeld("somebody is at it"), "somebody is at it", 5),
        (errors.Unavailable("it does not answer"), "it does not answer", 1),
        (PermissionError(13, "Permission denied", "/x"), "cannot read or write /x: Permission denied", 1),
        (click.BadParameter("nonsense"), "Invalid value: nonsense", 2),
    ],
)
def test_where_a_document_was_asked_for_an_error_is_one_too(problem: Exception, error: str, code: int) -> None:
    result = _run_raising(problem, "plan", "--json")
    assert json.loads(result.stdout) == {"schema": "surefoot.plan/1", "error": error, "exit_code": code}
    assert error in result.stderr
    assert result.exit_code == code
    assert _run_raising(problem, "plan").stdout == ""


@pytest.mark.parametrize("command", ["plan", "deploy", "status", "rollback", "watch", "history", "judge"])
def test_every_command_that_has_documents_answers_bad_input_with_one(command: str, tmp_path: Path) -> None:
    run = surefoot(command, "no-such-service", "no-such-place", "a-word-too-many", "--json", cwd=tmp_path)
    document = json.loads(run.stdout)
    assert (document["schema"], document["exit_code"], run.returncode) == (f"surefoot.{command}/1", 2, 2)
    assert document["error"] in run.stderr


def test_a_command_without_documents_answers_with_none() -> None:
    for words in (["up", "--json"], ["deplpy", "--json"]):
        result = CliRunner().invoke(cli, words)
        assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["schema", "--help", "watch"])
def test_a_stream_that_is_closed_is_no_terminal(command: str, closed: str, tmp_path: Path) -> None:
    run = _in_a_shell(f"{command} {closed}", tmp_path)
    assert run.returncode == 0
    assert "Error" not in run.stderr


def test_with_no_keyboard_nobody_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "surefoot.yaml"
    file.write_text(re.sub(r"\n    approval:.*?(?=\n    \w|\Z)", "", SHOP.read_text(), flags=re.DOTALL))
    run = _in_a_shell(f"deploy shop production --image r/shop@sha256:{'a' * 64} <&-", tmp_path)
    assert (run.returncode, run.stderr) == (
        2,
        "This reaches users, and there is no terminal to ask at; say --yes if it is meant.\n",
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", ["schema", "--help"])
def test_an_answer_that_could_not_be_written_is_said(command: str, tmp_path: Path) -> None:
    run = _in_a_shell(f"{command} >/dev/full", tmp_path)
    assert (run.returncode, run.stderr) == (1, "cannot write standard output: No space left on device\n")


def test_a_reader_that_goes_away_does_not_change_how_it_went(tmp_path: Path) -> None:
    for file, code in ((SHOP, 0), (tmp_path / "none.yaml", 2)):
        read, write = os.pipe()
        os.close(read)  # before the first line, so that no buffer of a pipe can hide it
        command = [Path(sys.executable).parent / "surefoot", "validate", file, "--show"]
        run = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path)
        os.close(write)
        assert run.returncode == code
        assert "Broken" not in run.stderr


def _in_a_shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", f"surefoot {command}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": path, "LANG": "C.UTF-8"},
    )


@pytest.mark.parametrize("imported", ["click", "commands.streams", "commands.status", "sqlite3"])
def test_ctrl_c_while_it_is_still_loading_is_one_like_any_other(imported: str, tmp_path: Path) -> None:
    code = (
        "import sys, os, signal\n"
        "class Pressed:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {imported!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "sys.argv = ['surefoot', 'status']\n"
        "(''.join(c for c in 'nobody')).encode()\n"
        "from commands.__main__ import main; main()"
    )
    (tmp_path / "store.db").touch()
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "SUREFOOT_STORE": "store.db"},
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (130, "\nStopped.\n")


def _run_raising(problem: BaseException, *words: str) -> Result:
    words = words if "plan" in words else (*words, "plan")

    class Broken(Menu):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return click.Command(cmd_name, callback=broken, params=[click.Option(["--json", "as_json"], is_flag=True)])

    def broken(as_json: bool) -> None:
        raise problem

    return CliRunner().invoke(Broken("surefoot", callback=cli.callback, params=cli.params), words)
