"""`surefoot judge`: recorded rollouts, and those of the ledger again."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rollout_told import CANARY, NOON, RELEASE, STABLE

from commands.cli import cli
from commands.progress import progress
from commands.terminal import Terminal
from surefoot.judge import Judge
from surefoot.rollout import Phase
from surefoot.terms import Terms
from surefoot.traffic import Traffic
from surefoot.vitals import Histogram, Look, Vitals
from tasks.store import ledger, rollouts
from tasks.store.database import Store
from tasks.store.rollouts import Attempt

KEY = "shop/production"
ROLLOUT = f"{KEY}/{CANARY}/0193-7c2"
A_ROLLOUT = Attempt(ROLLOUT, KEY, RELEASE, "run-1", "http://run/1", Traffic.all_on(STABLE), CANARY, 1, NOON, NOON)
TERMS = Terms(10, error_rate=0.05, latency={"p99": 0.5}, rare=("p99",), classes=("5xx",), floor_ms=2.0)
# Some failures more are no harm on these.
MILD = replace(TERMS, error_rate=0.5)
LATENCY = Histogram(((12.5, 100), (20.0, 860), (95.0, 40)))


def judge(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["judge", *words], input=stdin)


def recorded(errors: int, looks: int = 10) -> dict[str, Any]:
    seen = {
        "seconds": 60,
        "stable": {"requests": 1000, "errors": 4},
        "canary": {"requests": 1000, "errors": errors},
    }
    return {"limits": {"error_rate": {"harm": "1.5%"}}, "looks": [seen] * looks}


def file_of(folder: Path, document: Any) -> str:
    path = folder / "rollouts.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_of_one_rollout_one_object_comes_back_of_a_list_a_list(tmp_path: Path) -> None:
    one = judge(file_of(tmp_path, recorded(4)), "--json")
    answer = json.loads(one.stdout)
    assert (one.exit_code, list(answer)) == (0, ["outcome", "look", "reason", "needs"])
    assert (answer["outcome"], answer["look"], answer["needs"]) == ("PASS", 10, {"requests": 0, "seconds": 0})
    many = judge("--json", file_of(tmp_path, [recorded(4), recorded(250), recorded(4, looks=0)]))
    assert (many.exit_code, many.stderr) == (0, "")
    assert json.loads(many.stdout)[0] == answer
    assert [each["outcome"] for each in json.loads(many.stdout)] == ["PASS", "FAIL", "INCONCLUSIVE"]
    assert isinstance(json.loads(judge(file_of(tmp_path, [recorded(4)]), "--json").stdout), list)


def test_a_person_reads_a_line_for_each_and_how_many_there_are(tmp_path: Path) -> None:
    result = judge(file_of(tmp_path, [recorded(4), recorded(250), recorded(4, looks=0)]))
    lines = result.stdout.splitlines()
    assert lines[0].startswith("  ✓ 1, look 10  PASS errors 40 of 10,000 (0.40 %)")
    assert any(line.startswith("  ✗ 2, look ") and "FAIL errors" in line for line in lines)
    assert "  ? 3, no look  INCONCLUSIVE nothing was looked at yet" in lines
    assert lines[-1] == "3 rollouts, 1 PASS, 1 FAIL, 1 INCONCLUSIVE"
    assert max(map(len, lines)) <= 80
    (alone, *more) = judge(file_of(tmp_path, recorded(4))).stdout.splitlines()
    assert alone.startswith("  ✓ look 10     PASS errors")
    assert more == []


def test_a_dash_reads_standard_input() -> None:
    assert json.loads(judge("-", "--json", stdin=json.dumps(recorded(250))).stdout)["outcome"] == "FAIL"
    wrong = judge("-", stdin="{")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("standard input:1:2: this is not JSON: ")


def test_bad_input_is_said_with_its_place_and_no_answer_is_given(tmp_path: Path) -> None:
    document = [recorded(4), recorded(1001)]
    result = judge(file_of(tmp_path, document), "--json")
    assert result.exit_code == 2
    assert f"{tmp_path}/rollouts.json:1:" in result.stderr
    assert "[1].looks[9].canary.errors: 1001 cannot be: there were 1000 requests\n" in result.stderr
    assert result.stderr.endswith("10 mistakes; nothing was judged\n")
    assert json.loads(result.stdout)["exit_code"] == 2


@pytest.mark.parametrize(
    ("file", "why"),
    [("none.json", "No such file or directory"), (".", "Is a directory"), ("a\0b", "embedded null byte")],
)
def test_a_file_that_cannot_be_read_is_bad_input(file: str, why: str) -> None:
    result = judge(file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"cannot read {file}: {why}; name a file of rollouts, or - for standard input\n"


def test_progress_is_shown_where_somebody_looks_on_and_taken_away_again() -> None:
    times = iter([0.0, 0.1, 0.3, 0.3, 0.4])
    stream = io.StringIO()
    with progress(Terminal(live=True), stream, lambda: next(times)) as tell:
        tell(16, 0.1)
        assert stream.getvalue() == ""
        tell(1600, 0.5)
        assert stream.getvalue().endswith(" 50 %, 1,600 judged")
        tell(1616, 0.5)
    assert stream.getvalue().endswith("judged\r\x1b[K")
    with progress(Terminal(), silent := io.StringIO(), lambda: 9.0) as tell:
        tell(1, 1.0)
    assert silent.getvalue() == ""


def test_ctrl_c_ends_it_and_its_processes(tmp_path: Path) -> None:
    file = file_of(tmp_path, [recorded(4, looks=200)] * 400)
    command = [Path(sys.executable).parent / "surefoot", "judge", file]
    run = subprocess.Popen(
        ["sh", "-c", 'echo $$; exec "$@"', "sh", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    group = int(run.stdout.readline()) if run.stdout else 0
    # The two that judge, and the one with which multiprocessing tracks them.
    assert _comes_true(lambda: len(_in_group(group)) >= 4 or run.poll() is not None)
    os.killpg(group, signal.SIGINT)  # as a terminal does: to all of them
    stdout, stderr = run.communicate(timeout=60)
    assert (run.returncode, stdout, stderr) == (130, "", "\nStopped.\n")
    assert _comes_true(lambda: not _in_group(group))


def _comes_true(said: Callable[[], bool]) -> bool:
    return any(said() for _ in range(20_000))


def _in_group(group: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # it has just ended
        if its_group == str(group) and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    path = tmp_path / "store.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUREFOOT_STORE", str(path))
    opened = Store.open(str(path))
    asyncio.run(opened.migrate())
    return opened


def look(errors: int = 12) -> Look:
    return Look(Vitals(1000, 8, LATENCY, 30.0), Vitals(1000, errors, LATENCY, 30.0, classes=(("5xx", errors),)))


def keep(store: Store, *looks: Look, rollout: str = ROLLOUT, terms: Terms | None = TERMS) -> list[str]:
    """Write a rollout down as a watch does, up to its failure; return the outcomes."""
    store.run_here(rollouts.begin, replace(A_ROLLOUT, id=rollout))
    if terms:
        store.run_here(ledger.append, "terms", KEY, {"terms": asdict(terms)}, NOON, rollout=rollout)
    judge, outcomes = Judge(terms or TERMS), []
    for number, seen in enumerate(looks, 1):
        failed = judge.see(seen)
        fields = {"what": f"5 %, look {number}", **asdict(judge.verdict), "seen": asdict(seen)}
        store.run_here(ledger.append, "look", KEY, fields, NOON, rollout=rollout)
        outcomes.append(str(judge.verdict.outcome))
        if failed:
            break
    return outcomes


def ends(terms: Terms, *looks: Look) -> tuple[str, int]:
    """Return how these looks end on these terms, and at which."""
    judge = Judge(terms)
    any(judge.see(seen) for seen in looks)
    return str(judge.verdict.outcome), judge.looks


def test_what_was_judged_is_judged_the_same_again(store: Store) -> None:
    outcomes = keep(store, *[look(250)] * 10)
    result = judge("replay", ROLLOUT)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0, result.output
    assert lines[0] == f"{ROLLOUT}, on its own terms"
    assert [line.split()[-2:] for line in lines[2:-2]] == [[outcome, "same"] for outcome in outcomes]
    assert lines[-1] == f"{len(outcomes)} looks, {len(outcomes)} as recorded"
    assert "FAIL" in outcomes
    assert max(map(len, lines)) <= 80


def test_a_place_means_its_latest_rollout_and_the_document_has_it_all(store: Store) -> None:
    keep(store, look(), rollout="an-older-one")
    store.run_here(rollouts.end, "an-older-one", Phase.PROMOTED, NOON, fence=1)
    outcomes = keep(store, *[look(8)] * 10)
    document = json.loads(judge("replay", KEY, "--json").stdout)
    assert (document["schema"], document["rollout"]) == ("surefoot.judge.replay/1", ROLLOUT)
    assert [(each["recorded"], each["replayed"], each["same"]) for each in document["looks"]] == [
        (outcome, outcome, True) for outcome in outcomes
    ]
    assert (document["terms"]["latency"], document["changed"]) == ({"p99": 0.5}, False)
    assert (document["as_recorded"], document["end"]["outcome"], document["end"]["look"]) == (10, "PASS", 10)


def test_what_was_recorded_otherwise_is_marked(store: Store) -> None:
    keep(store, look())
    fields = {"what": "5 %, look 2", "outcome": "FAIL", "reason": "", "seen": asdict(look())}
    store.run_here(ledger.append, "look", KEY, fields, NOON, rollout=ROLLOUT)
    lines = judge("replay", KEY).stdout.splitlines()
    assert any("FAIL" in line and "now " in line for line in lines)
    assert lines[-1] == "2 looks, 1 as recorded"


def test_what_if_it_had_been_stricter_shows_where_it_would_have_ended(store: Store) -> None:
    looks = [look(60)] * 10
    assert "FAIL" not in keep(store, *looks, terms=MILD)
    lines = judge("replay", KEY, "--harm", "errors=1%").stdout.splitlines()
    document = json.loads(judge("replay", KEY, "--harm", "errors=1%", "--harm", "p50=9%", "--json").stdout)
    at, left = document["end"]["look"], document["not_replayed"]
    assert (document["end"]["outcome"], at) == ends(replace(MILD, error_rate=0.01), *looks)
    assert (at + left, len(document["looks"]), document["changed"]) == (10, at, True)
    assert lines[0].endswith(", on other terms")
    assert lines[-1].startswith(f"It would have been put back at look {at}")
    assert "now FAIL" in "\n".join(lines)
    assert document["terms"]["error_rate"] == 0.01
    assert document["terms"]["latency"] == {"p50": 0.09, "p99": 0.5}


def test_what_if_it_had_been_milder_shows_that_it_would_have_gone_on(store: Store) -> None:
    outcomes = keep(store, *[look(60)] * 10)
    assert outcomes[-1] == "FAIL"
    last = judge("replay", KEY, "--harm", "errors=50%").stdout.splitlines()[-1]
    assert last.startswith("It would not have been put back: ")
    assert last.endswith(f" at look {len(outcomes)}.")


def test_the_chance_and_the_looks_may_be_others_too(store: Store) -> None:
    looks = [look(40)] * 10
    looks = looks[: len(keep(store, *looks))]  # what came after its failure was never seen
    for words, terms in (
        (("--false-alarm", "50%"), replace(TERMS, false_alarm=0.5)),
        (("--planned-looks", "200"), replace(TERMS, planned_looks=200)),
    ):
        end = json.loads(judge("replay", KEY, *words, "--json").stdout)["end"]
        assert (end["outcome"], end["look"]) == ends(terms, *looks)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shop/prodction"], f"There is no rollout shop/prodction; did you mean {KEY}?\n"),
        ([KEY, "--harm", "erors=1%"], "--harm: 'erors' is unknown; did you mean errors?\n"),
        ([KEY, "--harm", "p95"], "--harm: '' is neither a number nor a percentage; write 0.015 or \"1.5%\"\n"),
        ([KEY, "--false-alarm", "60%"], "--false-alarm: '60%' is more than 50 %; write 0.015 or \"1.5%\"\n"),
        ([KEY], f"{ROLLOUT} was never looked at; there is nothing to judge\n"),
    ],
)
def test_what_cannot_be_replayed_is_bad_input(store: Store, words: list[str], said: str) -> None:
    keep(store)
    result = judge("replay", *words)
    assert (result.exit_code, result.stderr) == (2, said)


def test_a_rollout_from_before_terms_were_kept_says_so(store: Store) -> None:
    keep(store, look(), terms=None)
    assert "did not keep its terms" in judge("replay", KEY).stderr


def test_where_nothing_was_ever_released_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUREFOOT_STORE", str(tmp_path / "none.db"))
    result = judge("replay", KEY)
    assert (result.exit_code, result.stderr) == (
        2,
        f"There is no rollout {KEY}: nothing was ever released from here\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_the_help_of_both_fits_one_screen_with_examples_and_codes() -> None:
    for words in (["--help"], ["replay", "--help"]):
        lines = judge(*words).stdout.splitlines()
        assert len(lines) <= 24
        assert max(map(len, lines)) <= 80
        assert any(line.startswith("    surefoot judge ") for line in lines)
        assert lines[-1].startswith("  Exit codes: 0 an answer was given, whichever")


@pytest.mark.parametrize(
    ("words", "said"), [([], "'FILE'"), (["a", "b"], "unexpected extra argument"), (["replay"], "'ROLLOUT'")]
)
def test_a_word_too_few_or_too_many_is_bad_input(words: list[str], said: str) -> None:
    result = judge(*words)
    assert (result.exit_code, said in result.stderr) == (2, True)
