"""What a yes is bound to, what counts as an answer, and what evidence comes to."""

import json
from dataclasses import replace

import pytest

from surefoot.approval import Decision, Question, Seen, changed, problem_with, seen_in
from surefoot.check import Check, Request
from surefoot.release import Commit, Image, Release
from surefoot.rollout import Plan, Step
from surefoot.service import ApprovalRule, Environment, Place
from surefoot.verdict import Outcome, Verdict

RELEASE = Release("shop", Image("europe/shop", "sha256:" + "9f" * 32), "1.9.0", "4e1c9aa0", "Cart keeps its order")
CHECK = Check("ready", (Request("/readyz"),))
PLACE = Place("cloud_run", {"region": "europe-west1", "service": "shop"})
PRODUCTION = Environment(
    "shop", "production", PLACE, Plan((Step(10, 60), Step(100, 0))), (CHECK,), ApprovalRule(("ana", "Ben"))
)
LOOK = {"at": "0 %, look 1", "outcome": "PASS", "reason": "errors 0 of 90", "canary": {"p95_ms": 18.5}}
SEEN = (Seen("0 %", Verdict(Outcome.PASS, "errors 0 of 90")),)
QUESTION = Question(
    RELEASE, PRODUCTION, "100 % on shop-1", "gcloud run …", SEEN, (LOOK,), (Commit("4e1c9aa0", "Cart"),)
)


def in_production(**other):
    return replace(QUESTION, environment=replace(PRODUCTION, **other))


OTHERS = {
    "the release or its commits": replace(QUESTION, release=replace(RELEASE, title="Another")),
    "commits": replace(QUESTION, commits=(*QUESTION.commits, Commit("77ab01c", "Tidy"))),
    "the environment": in_production(name="production-2"),
    "the target": in_production(place=Place("cloud_run", {"region": "us-east1", "service": "shop"})),
    "the plan": in_production(plan=Plan((Step(100, 0),))),
    "the checks": in_production(checks=(replace(CHECK, timeout_s=1.0),)),
    "the list of approvers": in_production(approval=ApprovalRule(("ana",))),
    "the command for the way back": replace(QUESTION, undo="kubectl …"),
    "what staging has seen": replace(QUESTION, seen=()),
    "the numbers from staging": replace(QUESTION, looks=({**LOOK, "canary": {"p95_ms": 18.6}},)),
    "the way back was 100 % on shop-1, and is 60 % on shop-2": replace(QUESTION, way_back="60 % on shop-2"),
}


@pytest.mark.parametrize(("words", "other"), OTHERS.items())
def test_whatever_changes_of_what_was_shown_gives_another_hash_and_is_named(words, other):
    assert other.hash != QUESTION.hash
    assert words in changed(QUESTION.parts, other.parts)


def test_the_same_question_has_the_same_hash_however_often_it_is_composed():
    again = replace(QUESTION, environment=replace(PRODUCTION, approval=ApprovalRule(("Ben", "ana"))))
    assert again.hash == QUESTION.hash
    assert len(QUESTION.hash) == 64
    assert QUESTION.short_hash == QUESTION.hash[:8]
    assert changed(QUESTION.parts, again.parts) == ""


def test_what_was_shown_is_compared_after_a_store_has_made_lists_of_its_tuples():
    kept = json.loads(json.dumps(QUESTION.parts))
    assert changed(kept, QUESTION.parts) == ""


def test_what_an_older_version_did_not_keep_counts_as_changed():
    assert changed({"way_back": "100 % on shop-1"}, QUESTION.parts).startswith("the release or its commits changed; ")


def test_the_command_is_not_named_beside_the_way_back_that_it_follows_from():
    other = replace(QUESTION, way_back="100 % on shop-2", undo="gcloud run … shop-2")
    assert changed(QUESTION.parts, other.parts) == "the way back was 100 % on shop-1, and is 100 % on shop-2"


def test_where_no_approval_is_wanted_nobody_is_listed():
    assert in_production(approval=None).parts["approvers"] == []


def test_evidence_is_what_was_smoked_and_the_last_verdict_of_each_step():
    verdicts = [
        {"at": "0 %, look 1", "outcome": "INCONCLUSIVE", "reason": "20 requests are too few"},
        {"at": "0 %, look 2", "outcome": "PASS", "reason": "errors 0 of 90"},
        {"at": "100 %, look 1", "outcome": "FAIL", "reason": "errors 9 of 90"},
    ]
    assert seen_in({"smoked": {"preview": "6 of 6"}, "verdicts": verdicts}) == (
        Seen("smoke, preview", Verdict(Outcome.PASS, "6 of 6")),
        Seen("0 %", Verdict(Outcome.PASS, "errors 0 of 90")),
        Seen("100 %", Verdict(Outcome.FAIL, "errors 9 of 90")),
    )
    assert seen_in({}) == ()


@pytest.mark.parametrize("decision", list(Decision))
@pytest.mark.parametrize("name", ["ana", " Ana ", "BEN"])
def test_an_answer_of_an_approver_counts_however_the_name_is_written(decision, name):
    assert problem_with(decision, name, ApprovalRule(("ana", "Ben"))) == ""


def test_where_nobody_is_listed_anybody_may_answer():
    assert problem_with("approve", "zoe", ApprovalRule()) == ""


@pytest.mark.parametrize(
    ("decision", "name", "why"),
    [
        ("", "", "the answer was empty"),
        ("", "ana", "'' is neither approve nor reject"),
        ("maybe", "ana", "'maybe' is neither approve nor reject"),
        ("approve", "  ", "an answer needs a name"),
        ("approve", " zoe ", "zoe is not among the approvers: ana, Ben"),
    ],
)
def test_an_answer_that_cannot_be_counted_says_why(decision, name, why):
    assert problem_with(decision, name, ApprovalRule(("ana", "Ben"))) == why
