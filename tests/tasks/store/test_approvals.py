"""A yes opens the way once, for the run and the plan it was given to."""

from datetime import timedelta

import pytest

from surefoot.errors import NotNow
from tasks.store import approvals
from tasks.store.approvals import ApprovalState

KEY = "shop/production"


@pytest.fixture
def ask(store, now):
    def ask(run_id="run-1", plan_hash="a41f02c9", key=KEY):
        return store.run_here(
            approvals.ask, key=key, release_id="shop-1", run_id=run_id, plan_hash=plan_hash,
            shown={"plan": [10, 50, 100]}, until=now + timedelta(days=3), now=now, run_url="http://run/1",
        )  # fmt: skip

    return ask


@pytest.fixture
def answer(store, now):
    def answer(record, *, approve=True, by="ana", after_s=0.0):
        then = now + timedelta(seconds=after_s)
        return store.run_here(approvals.answer, record.id, approve=approve, by=by, comment="fine", now=then)

    return answer


def test_asking_twice_is_one_question(store, ask):
    first = ask()

    assert ask() == first
    assert store.run_here(approvals.waiting, KEY) == [first]
    assert store.run_here(approvals.waiting, "shop/staging") == []
    assert (first.state, first.shown) == (ApprovalState.ASKED, {"plan": [10, 50, 100]})


def test_a_yes_is_valid_for_its_run_and_plan_only(store, ask, answer):
    approved = answer(ask())

    assert (approved.state, approved.by, approved.comment) == (ApprovalState.APPROVED, "ana", "fine")
    assert store.run_here(approvals.valid, "run-1", "a41f02c9") == approved
    assert store.run_here(approvals.valid, "run-2", "a41f02c9") is None
    assert store.run_here(approvals.valid, "run-1", "ffffffff") is None


def test_what_stands_in_a_place_is_open_or_an_unused_yes(store, now, ask, answer):
    said_yes, said_no, unanswered = answer(ask("run-1")), answer(ask("run-2"), approve=False), ask("run-3")
    ask("run-4", key="shop/staging")

    assert said_no.state is ApprovalState.REFUSED
    assert store.run_here(approvals.standing, KEY) == [said_yes, unanswered]
    store.run_here(approvals.spend, said_yes.id, "run-1", "a41f02c9", now)
    assert store.run_here(approvals.standing, KEY) == [unanswered]


def test_a_changed_plan_asks_again_and_the_old_yes_is_worth_nothing(store, ask, answer):
    answer(ask())
    changed = ask(plan_hash="b0b0b0b0")

    assert changed.state is ApprovalState.ASKED
    assert store.run_here(approvals.valid, "run-1", "a41f02c9") is None
    assert store.run_here(approvals.waiting) == [changed]


def test_a_no_stays_a_no(store, ask, answer):
    refused = answer(ask(), approve=False)

    with pytest.raises(NotNow, match=r"refused since 12:00:00 UTC, by ana"):
        answer(refused, by="ben")
    assert store.run_here(approvals.valid, "run-1", "a41f02c9") is None


def test_the_same_answer_twice_is_one(ask, answer):
    first = answer(ask())

    assert answer(first, after_s=60) == first


def test_an_answer_after_the_deadline_is_a_no(store, ask, answer):
    late = answer(ask(), after_s=3 * 86400 + 1)

    assert late.state is ApprovalState.TIMED_OUT
    assert store.run_here(approvals.valid, "run-1", "a41f02c9") is None


def test_a_yes_is_spent_once_and_a_crashed_run_may_come_back_for_it(store, now, ask, answer):
    record = answer(ask())
    spent = store.run_here(approvals.spend, record.id, "run-1", "a41f02c9", now)

    assert spent.state is ApprovalState.SPENT
    assert store.run_here(approvals.spend, record.id, "run-1", "a41f02c9", now) == spent
    assert store.run_here(approvals.valid, "run-1", "a41f02c9") == spent
    with pytest.raises(NotNow, match="ask again"):
        store.run_here(approvals.spend, record.id, "run-2", "a41f02c9", now)
    with pytest.raises(NotNow, match="a41f02c9, not ffffffff"):
        store.run_here(approvals.spend, record.id, "run-1", "ffffffff", now)


def test_only_a_yes_can_be_spent(store, now, ask):
    with pytest.raises(NotNow, match="only a yes"):
        store.run_here(approvals.spend, ask().id, "run-1", "a41f02c9", now)


@pytest.mark.parametrize("how", [ApprovalState.CANCELLED, ApprovalState.SUPERSEDED, ApprovalState.TIMED_OUT])
def test_a_closed_question_is_not_waited_for_and_takes_no_answer(store, now, ask, answer, how):
    closed = store.run_here(approvals.close, ask().id, how, now)

    assert closed.state is how
    assert store.run_here(approvals.waiting) == []
    with pytest.raises(NotNow):
        answer(closed)


def test_what_has_ended_is_not_closed_again(store, now, ask, answer):
    refused = answer(ask(), approve=False)

    assert store.run_here(approvals.close, refused.id, ApprovalState.CANCELLED, now) == refused
    with pytest.raises(ValueError, match="approved"):
        store.run_here(approvals.close, refused.id, ApprovalState.APPROVED, now)


def test_a_question_nobody_asked_is_refused(store, now):
    with pytest.raises(NotNow, match="nothing-like-it"):
        store.run_here(approvals.answer, "nothing-like-it", approve=True, by="ana", comment="", now=now)
