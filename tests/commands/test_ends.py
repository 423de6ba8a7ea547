"""How a run ended: its exit code, and the last words."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from rollout_told import CANARY, NOON, RELEASE, STABLE, URL, Telling, at_25_percent

from commands.clock import at, mmss
from commands.ends import Outcome, closing, fields, next_commands, outcome, waiting
from commands.story import sent
from surefoot.rollout import Phase
from tasks.store.approvals import ApprovalState

DEPLOY = f"surefoot deploy shop production --image {RELEASE.image}"
HISTORY = "surefoot history shop production"


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("Done", "COMPLETED", 0),
        ("PutBack", "FAILED", 3),
        ("NotPutBack", "FAILED", 1),
        ("Cancelled", "CANCELLED", 3),
        ("Refused", "FAILED", 5),
        ("Superseded", "CANCELLED", 5),
        ("NotApproved", "CANCELLED", 5),
        ("TimedOut", "CANCELLED", 5),
        ("Interfered", "FAILED", 5),
        ("BadInput", "FAILED", 2),
        ("Failed", "FAILED", 1),
    ],
)
def test_the_name_of_a_runs_state_is_its_exit_code(name: str, kind: str, code: int) -> None:
    assert outcome(at_25_percent().state(name, kind, "why").story) == Outcome(name, "why", code)


@pytest.mark.parametrize(("name", "code"), [("PutBack", 1), ("Cancelled", 5)])
def test_where_nothing_was_begun_nothing_was_put_back(name: str, code: int) -> None:
    ended = outcome(Telling().state(name, "FAILED", "why").story)
    assert ended is not None
    assert ended.code == code


@pytest.mark.parametrize("kind", ["RUNNING", "PENDING", "SCHEDULED", "PAUSED", "CANCELLING"])
def test_a_run_that_goes_on_has_not_ended(kind: str) -> None:
    assert outcome(at_25_percent().state("x", kind).story) is None


@pytest.mark.parametrize(
    ("phase", "name", "code"),
    [
        (Phase.PROMOTED, "Done", 0),
        (Phase.PUT_BACK, "PutBack", 3),
        (Phase.NOT_PUT_BACK, "NotPutBack", 1),
        (Phase.REFUSED, "Refused", 5),
    ],
)
def test_without_prefect_and_after_a_crash_the_store_says_how_it_ended(phase: Phase, name: str, code: int) -> None:
    telling = at_25_percent().ended(phase, "why")
    assert outcome(telling.story) == Outcome(name, "why", code)
    assert outcome(telling.state("Crashed", "CRASHED").story) == Outcome(name, "why", code)
    assert outcome(telling.state("Running").story) is None


def test_a_cancel_after_the_promotion_came_too_late() -> None:
    telling = at_25_percent().ended(Phase.PROMOTED, "seen").state("Cancelled", "CANCELLED", "stopped")
    assert outcome(telling.story) == Outcome("Done", "seen", 0)


def test_a_crash_is_no_end_while_the_watchdog_has_not_been_there() -> None:
    assert outcome(at_25_percent().state("Crashed", "CRASHED").story) is None


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (ApprovalState.REFUSED, "NotApproved"),
        (ApprovalState.TIMED_OUT, "TimedOut"),
        (ApprovalState.SUPERSEDED, "Superseded"),
        (ApprovalState.CANCELLED, "Cancelled"),
    ],
)
def test_without_prefect_a_question_that_was_not_answered_yes_is_an_end(state: ApprovalState, name: str) -> None:
    ended = outcome(Telling().question(state, "ana", "no").story)
    assert ended == Outcome(name, "no", 5)


@pytest.mark.parametrize("state", [ApprovalState.ASKED, ApprovalState.APPROVED, ApprovalState.SPENT])
def test_a_question_that_stands_is_no_end(state: ApprovalState) -> None:
    assert outcome(Telling().question(state).story) is None


def test_what_went_well_is_one_sentence_and_the_way_to_look_at_it() -> None:
    telling = at_25_percent().ended(Phase.PROMOTED)
    ended = outcome(telling.story)
    assert ended is not None
    assert closing(telling.story, ended) == ["shop 1.9.0 is live in production, 18 min 53 s after it was asked for."]
    assert next_commands(telling.story, ended) == (HISTORY,)


def test_what_was_put_back_says_where_users_are_why_and_how_to_try_again() -> None:
    telling = at_25_percent().ended(Phase.PUT_BACK, "at 25 %: errors 196 of 4,071")
    ended = outcome(telling.story)
    assert ended is not None
    assert closing(telling.story, ended) == [
        f"Put back: shop 1.9.0 in production. Users are on {STABLE} again, since {at(telling.at)}.",
        "Why  at 25 %: errors 196 of 4,071",
    ]
    assert next_commands(telling.story, ended) == (HISTORY, DEPLOY)


def test_what_no_user_saw_is_said_to_be_so() -> None:
    telling = Telling().begun().ended(Phase.PUT_BACK, "smoke")
    ended = outcome(telling.story)
    assert ended is not None
    assert closing(telling.story, ended)[0].endswith(f"No user has seen it; they are on {STABLE}.")


def test_a_way_back_that_failed_names_what_to_type_by_hand() -> None:
    telling = at_25_percent().ended(Phase.NOT_PUT_BACK, "PERMISSION_DENIED")
    ended = outcome(telling.story)
    assert ended is not None
    assert closing(telling.story, ended, "gcloud run …") == [
        "NOT put back: shop 1.9.0 still has 25 % of production",
        "Why  PERMISSION_DENIED",
        "",
        "Do this now, from an account that may:",
        "  gcloud run …",
        "The watchdog keeps trying every minute, and says in Slack when it is true.",
    ]
    assert next_commands(telling.story, ended)[0] == "surefoot rollback shop production"


def test_what_waits_says_for_whom_and_where() -> None:
    story = Telling().question(ApprovalState.ASKED).story
    ended = waiting(story)
    assert ended.code == 4
    until = at(story.approval.until) if story.approval else ""
    assert closing(story, ended) == [
        f"shop 1.9.0 in production waits for a yes, until {until}: open the run, press Resume",
        f"  {URL}",
    ]
    assert waiting(replace(story, approval=None)).reason == "waits for a yes"
    assert next_commands(story, ended) == ("surefoot watch shop production",)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Refused", "Refused, nothing was changed: shop 1.9.0 in production"),
        ("Superseded", "Superseded, nothing to do: shop 1.9.0 in production"),
        ("Interfered", "Stopped, somebody else wrote; nothing of theirs was changed: shop 1.9.0 in production"),
        ("Odd", "Odd: shop 1.9.0 in production"),
    ],
)
def test_every_other_end_has_a_headline_and_its_reason(name: str, words: str) -> None:
    assert closing(Telling().story, Outcome(name, "because")) == [words, "Why  because"]


def test_a_cancel_says_where_users_are() -> None:
    ended = Outcome("Cancelled", "")
    assert closing(at_25_percent().story, ended) == [f"Cancelled: shop 1.9.0 in production; users are on {STABLE}."]
    assert closing(Telling().story, ended) == ["Cancelled: shop 1.9.0 in production; nothing had changed."]
    assert closing(Telling().story, Outcome("PutBack")) == ["Not released: shop 1.9.0 in production"]


def test_the_document_has_all_of_it() -> None:
    telling = at_25_percent().ended(Phase.PUT_BACK, "errors")
    ended = outcome(telling.story)
    assert ended is not None
    assert fields(telling.story, ended) == {
        "service": "shop",
        "environment": "production",
        "outcome": "PutBack",
        "reason": "errors",
        "exit_code": 3,
        "release": RELEASE.id,
        "version": "1.9.0",
        "commit": "4e1c9aa0",
        "image": str(RELEASE.image),
        "run": telling.story.run_id,
        "run_url": URL,
        "rollout": "r-1",
        "reached_percent": 25,
        "began": "2026-11-20T12:02:00Z",
        "ended": "2026-11-20T12:18:53Z",
    }
    nothing = fields(replace(Telling().story, release=None, run_url=""), Outcome("Refused"))
    assert {nothing[name] for name in ("release", "run_url", "rollout", "began", "ended")} == {None}


def test_a_share_is_that_of_the_revision_itself_not_of_one_whose_name_begins_so() -> None:
    entry = at_25_percent().story.entries[-4]
    assert (
        sent(replace(entry, kind="shift: done", fields={"traffic": f"75 % on {CANARY}-x, 25 % on {CANARY}"}), CANARY)
        == 25
    )
    assert sent(replace(entry, kind="shift: done", fields={"traffic": f"100 % on {CANARY}-x"}), CANARY) == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (-3, "00:00"), (258, "04:18"), (3599, "59:59"), (3858, "1:04:18")]
)
def test_a_clock_has_hours_only_where_there_are_any(seconds: float, text: str) -> None:
    assert mmss(seconds) == text


def test_a_moment_of_today_is_a_time_and_another_has_its_day() -> None:
    assert at(NOON, NOON, UTC) == "12:00"
    assert at(NOON, NOON + timedelta(days=1), UTC) == "Fri 20 Nov 12:00"
