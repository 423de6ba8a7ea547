"""A rollout as a tree, from values."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from click import unstyle
from rollout_told import CANARY, NOON, STABLE, URL, Telling, at_25_percent, production, side

from commands.row import Row, broken
from commands.terminal import Sign, Terminal
from commands.tree import rows, tree
from surefoot.rollout import Phase
from tasks.store.approvals import ApprovalState

AT_25_PERCENT = """\
shop → production   1.9.0 · 4e1c9aa · "Cart keeps its order"      running 18:53

  ✓ approved    ana, 12:00, for plan a41f02c9
  ✓ staged      shop-1-9-0-4e1c9aa; ready after 21 s, no traffic
  ✓ smoke       5 of 5 through the preview address
  ✓   0 %       02:00  PASS  errors 0 of 600 vs 0 of 600; p50 21 ms vs 20 ms
                p95 40 ms vs 39 ms
  ✓   5 %       10:00  PASS  errors 4 of 1,902 (0.21 %) vs 68 of 35,960 (0.19 %)
                p95 184 ms vs 181 ms
  ●  25 %       04:18 of 10:00  ━━━━━━━━━━━━━━━━━━━━╸───────────────────────────
      canary    errors     9 of   4,071  0.22 %    p95 186 ms
      stable    errors    23 of  12,205  0.19 %    p95 182 ms
      judge     look 2 of 120: INCONCLUSIVE, needs about 1,900 more requests
  ○  50 %       10m
  ○ 100 %       5m
  ○ bake        15m more at 100 %

  way back      shop-1-8-2-77ab01c: surefoot rollback shop production
  run           http://127.0.0.1:4200/runs/flow-run/0193-7c2e
"""


def drawn(telling: Telling, **terminal: object) -> str:
    return "\n".join(tree(telling.story, Terminal(**terminal), telling.at, UTC)) + "\n"


def row(telling: Telling, name: str) -> Row:
    return next(row for row in rows(telling.story, telling.at, UTC) if row.name.strip() == name)


def test_the_plan_is_the_tree_what_was_what_is_and_what_is_to_come() -> None:
    assert drawn(at_25_percent()) == AT_25_PERCENT


def test_no_line_is_wider_than_80_columns_but_an_address() -> None:
    lines = [line for line in drawn(at_25_percent(), signs=False).splitlines() if URL not in line]
    assert max(map(len, lines)) <= 80


def test_colours_say_nothing_that_the_signs_do_not() -> None:
    assert unstyle(drawn(at_25_percent(), color=True)) == AT_25_PERCENT


def test_without_signs_there_are_letters_and_the_columns_hold() -> None:
    lines = drawn(at_25_percent(), signs=False).splitlines()
    assert lines[2].startswith("  ok approved    ana")
    assert lines[10].startswith("       canary    errors")


def test_before_a_worker_has_it_somebody_is_told_what_is_waited_for() -> None:
    fresh = replace(Telling().story, release=None)
    telling = Telling(production())
    telling.story = fresh
    telling.state("Scheduled", "SCHEDULED").after(5)
    assert row(telling, "asked") == Row(Sign.NOW, "asked", ("a worker takes it soon",), "00:05")
    telling.state("Late", "SCHEDULED").after(75)
    assert row(telling, "asked").sign is Sign.BLIND
    assert "surefoot up" in row(telling, "asked").lines[0]


def test_a_question_shows_by_when_who_and_where_to_answer() -> None:
    text = drawn(Telling().question(ApprovalState.ASKED))
    assert "● approval    waits for a yes by ana or ben, until Mon 23 Nov 12:00, for plan" in text
    assert "open the run (below), press Resume" in text
    assert text.count(URL) == 1


def test_a_question_of_a_store_we_cannot_see_is_told_by_prefects_state() -> None:
    telling = Telling().state("Suspended", "PAUSED")
    assert row(telling, "approval") == Row(
        Sign.NOW, "approval", ("waits for a yes: open the run (below), press Resume",)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "name", "sign"),
    [
        (ApprovalState.APPROVED, "approved", Sign.GOOD),
        (ApprovalState.REFUSED, "refused", Sign.BAD),
        (ApprovalState.TIMED_OUT, "timed out", Sign.BAD),
        (ApprovalState.SUPERSEDED, "superseded", Sign.BAD),
    ],
)
def test_an_answer_says_who_when_and_why(state: ApprovalState, name: str, sign: Sign) -> None:
    found = row(Telling().question(state, "ana", "not on a Friday"), name)
    assert found == Row(sign, name, ("ana, 12:00, for plan a41f02c9", "not on a Friday"))


def test_an_environment_without_approval_has_no_row_for_it() -> None:
    telling = Telling(replace(production(), approval=None))
    assert "approv" not in drawn(telling)


def test_a_revision_that_never_became_ready_says_why() -> None:
    telling = Telling().begun().entry("stage: intended", "a1", revision=CANARY)
    assert row(telling, "staged") == Row(Sign.NOW, "staged", (f"{CANARY} is starting, no traffic",))
    telling.entry("stage: failed", "a1", problem="exited with code 3")
    assert row(telling, "staged") == Row(Sign.BAD, "staged", ("exited with code 3",))


def test_smoke_that_failed_is_not_smoke_that_could_not_look() -> None:
    failed, blind = (Telling().begun().staged().smoked("preview", outcome, "x") for outcome in ("FAIL", "INCONCLUSIVE"))
    assert (row(failed, "smoke").sign, row(blind, "smoke").sign) == (Sign.BAD, Sign.BLIND)


def test_a_step_beyond_its_time_is_held_and_is_not_drawn_as_progress() -> None:
    telling = at_25_percent().after(600)
    found = row(telling, "25 %")
    assert (found.sign, found.share) == (Sign.UNCLEAR, None)
    assert found.lines == ("14:18 of 10:00, held: nobody can say yet",)


def test_a_window_in_which_nobody_could_look_is_not_counted() -> None:
    telling = at_25_percent().looked(25, "INCONCLUSIVE", "could not look: no route", side(0, 0, 0, "no route"))
    details = dict(row(telling, "25 %").details)
    assert details["canary"].split() == ["errors", "9", "of", "4,071", "0.22", "%", "p95", "186", "ms"]
    assert details["judge"] == "look 3 of 120: INCONCLUSIVE, could not look: no route"


def test_a_step_without_a_look_yet_says_so() -> None:
    telling = Telling().begun().staged().smoked().shifted(5).after(10)
    assert row(telling, "5 %").details == (("judge", "nothing was looked at yet"),)


def test_after_the_last_step_the_bake_goes_on_at_100_percent() -> None:
    telling = at_25_percent().shifted(100).after(300).looked(100, "PASS", "fine").moved(100, "Advance", "fine")
    assert row(telling, "bake").sign is Sign.TO_COME
    telling.after(30).looked(100, "PASS", "fine").after(30)
    assert (row(telling, "bake").sign, row(telling, "bake").lines) == (Sign.NOW, ("01:00 of 15:00",))
    assert row(telling, "100 %").lines == ("05:00  PASS  fine",)


def test_a_step_that_is_only_passed_through_hands_over_to_the_bake() -> None:
    plan = replace(production().plan, steps=(replace(production().plan.steps[-1], watch_s=0.0),), bake_s=60.0)
    telling = Telling(replace(production(), plan=plan)).begun().staged().smoked().shifted(100)
    assert row(telling, "100 %") == Row(Sign.GOOD, "100 %", ("reached",))
    telling.after(20).looked(100, "PASS", "fine")
    assert row(telling, "bake").lines == ("00:20 of 01:00",)


def test_what_was_put_back_says_why_where_users_are_and_how_long_it_took() -> None:
    reason = "errors 196 of 4,071 (4.8 %) vs 23 of 12,205 (0.19 %)"
    telling = at_25_percent().looked(25, "FAIL", reason).moved(25, "RollBack", reason).restored()
    telling.ended(Phase.PUT_BACK, f"at 25 %: {reason}")
    assert row(telling, "25 %") == Row(Sign.BAD, " 25 %", (f"04:18  FAIL  {reason}",))
    assert row(telling, "put back") == Row(Sign.BACK, "put back", (f"100 % on {STABLE}; read back",), "3.4 s")
    text = drawn(telling)
    assert "○" not in text
    assert "way back" not in text
    assert "took 18:56" in text


def test_patience_that_ran_out_is_unclear_not_bad() -> None:
    telling = at_25_percent().moved(25, "RollBack", "still unclear after 1800 s")
    assert row(telling, "25 %") == Row(Sign.UNCLEAR, " 25 %", ("04:18  INCONCLUSIVE  still unclear after 1800 s",))


def test_a_question_in_the_middle_is_shown_where_it_is_asked() -> None:
    telling = at_25_percent().moved(25, "Ask", "still unclear after 1800 s")
    assert row(telling, "25 %") == Row(Sign.UNCLEAR, " 25 %", ("04:18  asks a person: still unclear after 1800 s",))


def test_what_ended_in_the_middle_of_a_step_says_that_nobody_could_say() -> None:
    telling = at_25_percent().restored().ended(Phase.PUT_BACK, "stopped by a person")
    assert row(telling, "25 %").sign is Sign.BLIND


def test_what_no_user_saw_says_so() -> None:
    telling = Telling().begun().staged().smoked("preview", "FAIL", "4 of 5").ended(Phase.PUT_BACK, "smoke")
    assert row(telling, "put back").lines == (f"100 % on {STABLE}; no user has seen it",)


def test_what_is_live_was_read_back() -> None:
    telling = at_25_percent().shifted(100).smoked("public").ended(Phase.PROMOTED)
    assert row(telling, "seen").lines == ("5 of 5 through the public address",)
    assert row(telling, "live").lines == (f"100 % on {CANARY}, read back",)


def test_a_way_back_that_failed_is_the_last_row() -> None:
    telling = at_25_percent().ended(Phase.NOT_PUT_BACK, "PERMISSION_DENIED")
    assert rows(telling.story, telling.at, UTC)[-1] == Row(Sign.BAD, "not put back", ("PERMISSION_DENIED",))


def test_a_run_that_climbs_again_shows_its_last_climb_only() -> None:
    telling = at_25_percent().entry("run started again", run="x").staged().smoked().shifted(5)
    assert row(telling, "25 %").sign is Sign.TO_COME
    assert row(telling, "5 %").sign is Sign.NOW


def test_a_process_that_is_gone_is_said_and_by_whom_it_will_be_looked_after() -> None:
    telling = at_25_percent().state("Crashed", "CRASHED")
    assert row(telling, "run").sign is Sign.BLIND
    assert "watchdog" in row(telling, "run").lines[0]


def test_a_release_that_waits_for_its_turn_says_so() -> None:
    telling = Telling().question(ApprovalState.APPROVED, "ana").state("Running")
    assert row(telling, "begins").sign is Sign.NOW


def test_an_answer_on_its_way_is_no_question_any_more() -> None:
    telling = Telling().question(ApprovalState.ASKED).state("Scheduled", "SCHEDULED")
    assert row(telling, "approval").lines == ("answered; a worker takes the run soon",)
    assert [each.name for each in rows(telling.story, telling.at, UTC) if each.sign is Sign.NOW] == ["approval"]


def test_a_run_that_was_refused_announces_nothing() -> None:
    telling = Telling().state("Refused", "FAILED", "drift")
    assert [each.name for each in rows(telling.story, telling.at, UTC)] == []


def test_a_long_way_back_has_its_command_on_a_line_of_its_own() -> None:
    telling = Telling().begun()
    before = replace(telling.story.attempt.before, shares=(("shop-" + "9" * 55, 100),))
    telling.story = replace(telling.story, attempt=replace(telling.story.attempt, before=before))
    assert "\n                surefoot rollback shop production\n" in drawn(telling)


def test_a_long_address_has_a_line_of_its_own_and_is_never_cut() -> None:
    telling, url = Telling(), "http://prefect.example.com:4200/runs/flow-run/0193f3a0-0000-7000-8000-000000000000"
    telling.story = replace(telling.story, run_url=url)
    assert f"\n  run\n  {url}\n" in drawn(telling)


def test_a_title_that_has_no_room_is_cut() -> None:
    telling = Telling()
    telling.story = replace(telling.story, release=replace(telling.story.release, title="a long story " * 20))
    head = drawn(telling.after(61)).splitlines()[0]
    assert len(head) <= 80
    assert head.endswith('…"  running 01:01')


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one; two", ["one; two"]),
        ("a" * 15 + "; " + "b" * 15, ["a" * 15, "b" * 15]),
        ("word " * 8, ["word word word word", "word word word word"]),
        ("x" * 40, ["x" * 40]),
        ("", [""]),
    ],
)
def test_a_text_is_broken_at_its_parts_first_and_never_in_a_word(text: str, lines: list[str]) -> None:
    assert broken(text, 20) == lines


def test_a_bar_takes_the_room_that_is_left() -> None:
    telling = at_25_percent()
    telling.at = NOON + timedelta(days=1)
    (line,) = Row(Sign.NOW, "x", ("04:18 of 10:00",), share=0.5).show(Terminal())
    assert len(line) == 80
