"""Recorded rollouts: how their file is read, what is refused, and how the work is spread."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from surefoot.errors import ConfigError
from surefoot.judge import Judge
from surefoot.rollout import Limits
from surefoot.terms import Terms
from surefoot.verdict import Outcome
from surefoot.vitals import Histogram, Look, Vitals
from tasks.cases.crew import HandLost, spread
from tasks.cases.model import Case
from tasks.cases.reading import answers_of
from tasks.cases.shares import share
from tasks.cases.text import place, text_of


def side(requests: int = 1080, errors: int = 5, **more: Any) -> dict[str, Any]:
    return {"requests": requests, "errors": errors, **more}


def look(stable: Any = None, canary: Any = None, **more: Any) -> dict[str, Any]:
    return {"seconds": 60, "stable": stable or side(), "canary": canary or side(120, 1), **more}


def rollout(*looks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"limits": {"error_rate": {"harm": 0.015}}, "looks": list(looks), **more}


BAD = rollout(*[look(canary=side(120, 30))] * 10)
WELL = rollout(*[look(canary=side(1000, 4))] * 10)


def answers(document: Any, processes: int | None = None) -> list[dict[str, Any]]:
    text = document if isinstance(document, str) else json.dumps(document)
    return [answer.fields() for answer in answers_of(text, "r.json", lambda done, share: None, processes)]


def refused(document: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        answers(document)
    return str(caught.value).splitlines()


def test_a_file_becomes_the_terms_and_looks_of_the_core() -> None:
    pairs = [[20.0, 640], [12.5, 300], [20.0, 1], [95, 0]]
    seen = look(stable=side(latency_ms=pairs, classes={"timeout": 1, "5xx": 3}), canary={"blind": "gone"}, share=0.1)
    limits = {"error_rate": {"harm": "1.5%", "limit": 0.02}, "p95_ms": {"harm": 0.2, "limit": 400}}
    case = Case.model_validate_json(json.dumps(rollout(seen, limits=limits, planned_looks=30, false_alarm=0.02)))
    assert case.terms() == Terms(
        30, 0.02, 0.015, {"p95": 0.2}, classes=("5xx", "timeout"), split=True, limits=Limits(0.02, p95_ms=400.0)
    )
    stable = Vitals(
        1080, 5, Histogram(((12.5, 300), (20.0, 641))), 60.0, classes=(("timeout", 1), ("5xx", 3))
    )  # fmt: skip
    assert case.looks[0].look() == Look(stable, Vitals(seconds=60.0, blind="gone"), 0.1)


def test_what_is_left_out_has_its_default() -> None:
    terms = Case.model_validate_json(json.dumps(rollout(look(), look()))).terms()
    assert terms == Terms(2, 0.01, 0.015)
    assert Case.model_validate_json(json.dumps(rollout())).terms().planned_looks == 1


def test_an_answer_is_what_the_core_says_and_fails_at_its_look() -> None:
    judge = Judge(Terms(10, error_rate=0.015))
    failed = next(n for n in range(1, 11) if judge.see(Look(Vitals(1080, 5, seconds=60), Vitals(120, 30, seconds=60))))
    (answer,) = answers(BAD)
    assert answer == {
        "outcome": "FAIL",
        "look": failed,
        "reason": judge.verdict.reason,
        "needs": {"requests": 0, "seconds": 0},
    }
    assert failed < 10


def test_what_comes_after_a_failure_changes_nothing() -> None:
    assert answers({**BAD, "looks": [*BAD["looks"], *WELL["looks"]], "planned_looks": 10}) == answers(BAD)


def test_what_is_unclear_says_what_it_needs_or_that_nobody_knows() -> None:
    (unclear,) = answers(rollout(look(canary=side(200, 1)), planned_looks=10))
    assert unclear["outcome"] == Outcome.INCONCLUSIVE
    assert unclear["needs"]["requests"] > 0
    assert unclear["needs"]["seconds"] > 0
    nothing = {"requests": None, "seconds": None}
    (blind,) = answers({**rollout(), "looks": [{"seconds": 60, "stable": side(), "canary": None}]})
    assert (blind["look"], blind["reason"], blind["needs"]) == (1, "could not look: nobody saw canary", nothing)
    (empty,) = answers(rollout())
    assert (empty["outcome"], empty["look"], empty["needs"]) == ("INCONCLUSIVE", 0, nothing)


def test_a_latency_limit_without_latencies_never_lets_it_pass() -> None:
    (answer,) = answers({**WELL, "limits": {"error_rate": {"harm": 0.015}, "p95_ms": {"harm": "20%"}}})
    assert answers(WELL)[0]["outcome"] == "PASS"
    assert answer["outcome"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("canary.errors", -1, "-1 is not a whole number, 0 or more"),
        ("canary.errors", True, "true is not a whole number, 0 or more"),
        ("canary.errors", "3", '"3" is not a whole number, 0 or more'),
        ("canary.errors", 2.5, "2.5 is not a whole number, 0 or more"),
        ("canary.errors", 121, "121 cannot be: there were 120 requests"),
        ("canary.requests", 10**400, None),
        ("canary.requests", float("nan"), "NaN is not a whole number, 0 or more"),
        ("canary.latency_ms[0]", [12.5], "[12.5] is not a pair [milliseconds, how many]"),
        ("canary.latency_ms[0]", [1, 2, 3], "[1, 2, 3] is not a pair [milliseconds, how many]"),
        ("canary.latency_ms[0]", 7, "7 is not a pair [milliseconds, how many]"),
        ("canary.latency_ms[0]", [], "[] is not a pair [milliseconds, how many]"),
        ("canary.latency_ms[0][0]", 0, "0 is not a latency in milliseconds, above 0"),
        ("canary.latency_ms[0][0]", -3.5, "-3.5 is not a latency in milliseconds, above 0"),
        ("canary.latency_ms[0][0]", float("inf"), "Infinity is not a latency in milliseconds, above 0"),
        ("canary.latency_ms[0][1]", -2, "-2 is not a whole number, 0 or more"),
        ("canary.latency_ms", "fast", '"fast" is not a list of pairs [milliseconds, how many]'),
        ("canary.classes", {"5xy": 1}, "{\"5xy\": 1} has '5xy', which is no class of failures; did you mean 5xx?"),
        ("canary.classes", {"5xx": 200}, '{"5xx": 200} cannot be: 200 5xx of 120 requests'),
        ("canary.classes.5xx", -1, "-1 is not a whole number, 0 or more"),
        ("canary.eror", 1, "unknown; did you mean errors?"),
        ("canary", 5, "5 is not an object with requests and errors, or null where nobody could look"),
        ("canary", {"requests": 3}, '{"requests": 3} has no errors; where nobody could look: blind'),
        ("seconds", -1, "-1 is not a number of seconds, 0 or more"),
        ("seconds", False, "false is not a number of seconds, 0 or more"),
        ("share", 1.5, "1.5 is not the canary's share of the traffic, 0 to 1"),
        ("cannary", None, "unknown; did you mean canary?"),
    ],
)
def test_what_is_wrong_in_a_look_is_named_by_its_path_with_what_would_be_right(
    path: str, value: Any, said: str | None
) -> None:
    seen = look(canary=side(120, 1, latency_ms=[[12.5, 30]], classes={"5xx": 1}))
    _put(seen, path, value)
    found, count = refused([WELL, rollout(look(), seen)])
    where, _, message = found.partition(": ")
    assert where.startswith("r.json:1:")
    assert where.endswith(f" [1].looks[1].{path}")
    assert said in (None, message)
    assert count == "1 mistake; nothing was judged"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"false_alarm": 0}, "false_alarm: 0 is not a chance above 0 and at most 0.5, such as 0.01"),
        ({"false_alarm": 0.51}, "false_alarm: 0.51 is not a chance above 0 and at most 0.5, such as 0.01"),
        ({"planned_looks": 0}, "planned_looks: 0 is not a whole number, 1 or more"),
        ({"planned_looks": True}, "planned_looks: true is not a whole number, 1 or more"),
        ({"plannedlooks": 3}, "plannedlooks: unknown; did you mean planned_looks?"),
        ({"looks": 3}, "looks: 3 is not a list of looks"),
        ({"looks": [3]}, "looks[0]: 3 is not an object with seconds, stable and canary"),
        ({"limits": {}}, "limits: {} names nothing to look at; write error_rate, p50_ms, p95_ms or p99_ms"),
        ({"limits": {"p95": {"harm": 1}}}, "limits.p95: unknown; did you mean p95_ms?"),
        ({"limits": {"p95_ms": 0.2}}, 'limits.p95_ms: 0.2 is not an object such as {"harm": 0.015}'),
        ({"limits": {"p95_ms": {"harm": 0}}}, 'limits.p95_ms.harm: 0 has to be above 0; write 0.015 or "1.5%"'),
        ({"limits": {"p95_ms": {"ham": 1}}}, "limits.p95_ms.ham: unknown; did you mean harm?"),
        ({"limits": {"p95_ms": {"harm": 1, "limit": 0}}}, "limits.p95_ms.limit: 0 is not a latency in milliseconds"),
        ({"limits": {"error_rate": {"harm": -1}}}, "limits.error_rate.harm: -1 has to be above 0"),
        ({"limits": {"error_rate": {"harm": "120%"}}}, 'limits.error_rate.harm: "120%" is more than 100 %; write'),
        ({"limits": {"error_rate": {"harm": True}}}, "limits.error_rate.harm: true is neither a number nor a percent"),
        ({"limits": {"error_rate": {}}}, 'limits.error_rate.harm: is missing; it is a worsening such as 0.015 or "1.5'),
    ],
)
def test_what_is_wrong_in_the_terms_is_named_too(change: dict[str, Any], said: str) -> None:
    messages = refused({**WELL, **change})[:-1]
    assert any(message.partition(" ")[2].startswith(said) for message in messages), messages


def test_all_mistakes_come_at_once_each_with_its_line_and_twenty_are_enough() -> None:
    bad = look(canary=side(1, 2))
    text = json.dumps([WELL, rollout(bad), {**WELL, "looks": 5}, 7], indent=1)
    *found, count = refused(text)
    lines = text.splitlines()
    at = [each.split(" ")[0].split(":")[1:] for each in found]
    assert [lines[int(line) - 1][int(column) - 1 :].rstrip(",") for line, column in at] == ["2", "5", "7"]
    assert count == "3 mistakes; nothing was judged"
    assert found[2].endswith(" [3]: 7 is not a rollout: an object with limits and looks")
    *many, more = refused([rollout(bad)] * 400)
    assert (len(many), more) == (20, "more than 20 mistakes; nothing was judged")


def test_a_place_that_is_not_there_is_shown_as_far_as_it_is() -> None:
    text = '{"a": [1,\n  {"b \\"}": [], "c": 2}]}'
    assert place(text, 0, ("a", 1, "c")) == (2, 22)
    assert place(text, 0, ("a", 1, "d", "e")) == (2, 3)
    assert place(text, 0, ("a", 9)) == (1, 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "r.json: the list is empty; there is no rollout to judge"),
        ("[{}\n {}]", "r.json:2:2: this is not JSON: expecting ',' delimiter"),
        ('{"a": }', "r.json:1:7: this is not JSON: expecting value"),
        ("[{}] x", "r.json:1:6: this is not JSON: extra data; several rollouts are a list"),
        ("[{},", "r.json:1:5: this is not JSON: expecting value"),
        ("[" * 100_000, "r.json: nested too deep; a rollout has at most seven levels"),
        ('{"a": ' + "[" * 500 + "]" * 500 + "}", "r.json:1:1: cannot be read: recursion limit exceeded"),
        ("9" * 10_000, "r.json: a number is too long"),
    ],
)
def test_what_is_no_list_of_rollouts_is_one_sentence(text: str, said: str) -> None:
    assert refused(text)[0].startswith(said)


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(ConfigError, match=r"^r\.json:2: byte 3 \(0xff\) is not UTF-8; save the file as UTF-8$"):
        text_of(b"{}\n\xff", "r.json")
    with pytest.raises(ConfigError, match="the file is empty"):
        text_of(b" \n", "r.json")
    assert text_of(b"\xef\xbb\xbf{}", "r.json") == "{}"


@pytest.mark.parametrize("text", ["1", "100 %", "1.0"])
def test_all_of_it_may_be_written_in_three_ways(text: str) -> None:
    assert share(text, 1.0) == 1.0


COUNTS = st.integers(0, 10**6)
SIDES = st.builds(
    lambda requests, part, pairs: side(requests, int(requests * part), latency_ms=pairs),
    COUNTS, st.floats(0, 1), st.lists(st.tuples(st.floats(1e-6, 1e9), COUNTS), max_size=4),
)  # fmt: skip
LOOKS = st.builds(
    lambda seconds, stable, canary, share: {"seconds": seconds, "stable": stable, "canary": canary, "share": share},
    st.floats(0, 1e5), st.none() | SIDES, st.none() | SIDES, st.none() | st.floats(0, 1),
)  # fmt: skip


# Found by drawing: looks that hardly last, and latencies from a millisecond to eleven days.
HARDLY_A_LOOK = {
    "seconds": 5e-324,
    "stable": side(0, 0, latency_ms=[(1.0, 1)]),
    "canary": side(0, 0, latency_ms=[(2.0, 5)]),
}
FAR_APART = [
    {"seconds": 7e4, "stable": None, "canary": side(220, 186, latency_ms=[(1.1, 5307), (4e8, 131072)])},
    {"seconds": 4e-195, "stable": side(156611, 0, latency_ms=[(3e8, 2122), (8.0, 207528)]), "canary": None},
    {
        "seconds": 1e-144,
        "stable": side(1446, 1022, latency_ms=[(1e9, 30000)]),
        "canary": side(101948, 32152, latency_ms=[(1.2, 989), (9e8, 626493)]),
    },
    {"seconds": 4e4, "stable": None, "canary": side(362879, 352889, latency_ms=[(6e8, 24315)])},
]


@settings(max_examples=60)
@given(st.lists(LOOKS, max_size=4))
@example([HARDLY_A_LOOK])
@example(FAR_APART)
def test_whatever_is_well_formed_gets_an_answer(looks: list[dict[str, Any]]) -> None:
    limits = {"error_rate": {"harm": 0.01, "limit": 0.2}, "p50_ms": {"harm": "10%"}, "p99_ms": {"harm": 2, "limit": 9}}
    (answer,) = answers({"limits": limits, "looks": looks})
    assert answer["outcome"] in list(Outcome)
    assert answer["look"] <= len(looks)


def test_two_processes_give_the_same_answers_in_the_same_order() -> None:
    document = [BAD, WELL, rollout()] * 20
    assert answers(document, 2) == answers(document, 1)


def test_a_mistake_in_another_process_is_found_as_well() -> None:
    with pytest.raises(ConfigError, match=r"\[40\]\.looks: 5 is not a list of looks"):
        answers([*[WELL] * 40, {**WELL, "looks": 5}], 2)


def pid_of(job: int) -> int:
    if job < 0:
        raise ValueError(job)
    if not job:
        os._exit(9)
    return os.getpid()


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_no_process_outlives_the_work_however_it_ends() -> None:
    results = spread(pid_of, iter([1] * 6), 2)
    pids = {next(results), next(results)}
    results.close()
    assert os.getpid() not in pids
    assert not any(map(alive, pids))


def test_what_the_work_raises_is_raised_here_and_a_lost_process_is_said() -> None:
    with pytest.raises(ValueError, match="-1"):
        list(spread(pid_of, [1, -1], 1))
    with pytest.raises(HandLost, match=r"was ended from outside \(exit code 9\)"):
        list(spread(pid_of, [1, 0, 1], 1))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here")
def test_a_parent_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    (tmp_path / "worked.py").write_text(
        "import os, signal\n"
        "from tasks.cases.crew import spread\n"
        "def pid_of(job): return os.getpid()\n"
        "if __name__ == '__main__':\n"
        "    results = spread(pid_of, range(9), 2)\n"
        "    print(next(results), next(results), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, tmp_path / "worked.py"], stdout=subprocess.PIPE, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(root)}, timeout=60,
    )  # fmt: skip
    # Its standard output is closed only when the last process that has inherited it is gone, so `run` waited for all.
    assert run.returncode == -9
    assert not any(alive(int(pid)) for pid in run.stdout.split())


def _put(document: Any, path: str, value: Any) -> None:
    *parts, last = [
        int(part) if part.isdigit() else part for part in path.replace("[", ".").replace("]", "").split(".")
    ]
    for part in parts:
        document = document[part]
    document[last] = value
