"""A rollout as plain lines, and where they are written."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rollout_told import CANARY, NOON, STABLE, URL, Telling, at_25_percent

from commands.events import events, heartbeat
from commands.screen import Lines, screen
from commands.terminal import Terminal
from surefoot.rollout import Phase
from tasks.store.approvals import ApprovalState

PASSED = "errors 4 of 1,902 (0.21 %) vs 68 of 35,960 (0.19 %); p95 184 ms vs 181 ms"


def lines(telling: Telling) -> list[str]:
    return [event.line("shop/production") for event in events(telling.story)]


def test_each_event_is_one_line_with_its_time_first_and_its_place() -> None:
    assert lines(at_25_percent()) == [
        f"12:02:00Z shop/production begins    shop-1-9-0-4e1c9aa-9f9f9f; before: 100 % on {STABLE}",
        f"12:02:21Z shop/production staged    {CANARY} ready after 21 s, no traffic",
        "12:02:29Z shop/production smoke     PASS 5 of 5 through the preview address",
        "12:04:29Z shop/production   0 %     PASS errors 0 of 600 vs 0 of 600; p50 21 ms vs 20 ms; p95 40 ms vs 39 ms",
        "12:04:33Z shop/production   5 %     watching for 10m",
        f"12:14:33Z shop/production   5 %     PASS {PASSED}",
        "12:14:35Z shop/production  25 %     watching for 10m",
    ]


def test_a_way_back_is_told_with_its_reason_and_its_time() -> None:
    telling = at_25_percent().looked(25, "FAIL", "errors").moved(25, "RollBack", "errors 196 of 4,071").restored()
    assert lines(telling.ended(Phase.PUT_BACK, "at 25 %: errors"))[-3:] == [
        "12:18:53Z shop/production  25 %     FAIL errors 196 of 4,071",
        f"12:18:56Z shop/production put back  100 % on {STABLE}, read back after 3.4 s",
        "12:18:56Z shop/production ended     put back: at 25 %: errors",
    ]


def test_questions_and_answers_are_events_too() -> None:
    telling = Telling().entry("approval asked", until="2026-11-23T12:34:49.232936+00:00")
    telling.entry("answer not counted", problem="'eve' is not among the approvers: ana, ben")
    telling.entry("approval answered", decision="approve", by="ana", comment="")
    assert [line[26:] for line in lines(telling)] == [
        f"approval  waits for a yes until Mon 23 Nov 12:34Z: {URL}",
        "answer    not counted: 'eve' is not among the approvers: ana, ben",
        "answer    approve by ana",
    ]


def test_a_question_that_counts_until_today_says_the_time_only() -> None:
    (asked,) = lines(Telling().entry("approval asked", until=f"{NOON:%Y-%m-%d}T22:34:49.232936+00:00"))
    assert asked.endswith(f"waits for a yes until 22:34Z: {URL}")


def test_events_are_only_ever_added() -> None:
    telling, seen = Telling(), []
    for step in (telling.begun, telling.staged, telling.smoked, lambda: telling.shifted(5), telling.restored):
        step()
        now = events(telling.story)
        assert now[: len(seen)] == seen
        seen = now


def test_what_nobody_needs_to_read_is_not_told() -> None:
    telling = Telling().entry("release asked for", release="x").looked(0, "PASS", "x")
    assert lines(telling) == []


@pytest.mark.parametrize(
    ("telling", "said"),
    [
        (at_25_percent(), " 25 %     04:18 of 10:00, INCONCLUSIVE errors 5 of 2,000"),
        (Telling().begun().staged().smoked().shifted(5).after(90), "  5 %     01:30 of 10:00, nothing to say yet"),
        (Telling().question(ApprovalState.ASKED), "approval  still waits for a yes"),
        (Telling().begun(), "staging   nothing to say yet"),
        (Telling().state("Late", "SCHEDULED"), "late      nothing to say yet"),
        (Telling(), "asked     nothing to say yet"),
    ],
)
def test_a_sign_of_life_says_where_it_stands(telling: Telling, said: str) -> None:
    assert heartbeat(telling.story, telling.at).line("p").partition(" p ")[2].startswith(said)


def test_no_event_is_written_twice_and_silence_is_broken_once_a_minute() -> None:
    written = io.StringIO()
    shown = Lines(written)
    telling = Telling()
    shown.show(telling.story, NOON)
    telling.begun()
    shown.show(telling.story, NOON + timedelta(seconds=30))
    shown.show(telling.story, NOON + timedelta(seconds=60))
    assert len(written.getvalue().splitlines()) == 1
    for seconds in (90, 100, 149, 150):
        shown.show(telling.story, NOON + timedelta(seconds=seconds))
    assert written.getvalue().splitlines()[1:] == [
        "12:01:30Z shop/production staging   nothing to say yet",
        "12:02:30Z shop/production staging   nothing to say yet",
    ]


def test_a_terminal_gets_the_tree_and_is_told_what_ctrl_c_does() -> None:
    written = io.StringIO()
    telling = at_25_percent()
    with screen(Terminal(live=True), written) as shown:
        shown.show(telling.story, telling.at)
        shown.show(replace(telling.story, run_url=""), telling.at)
    text = written.getvalue()
    assert "04:18 of 10:00" in text
    assert "Ctrl-C stops watching, not the rollout." in text


def test_a_log_gets_lines() -> None:
    written = io.StringIO()
    with screen(Terminal(), written) as shown:
        shown.show(at_25_percent().story, NOON)
    assert len(written.getvalue().splitlines()) == 7
