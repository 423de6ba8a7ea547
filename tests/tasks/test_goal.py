"""Where an operator's way back leads, from values."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from surefoot.errors import NotNow
from surefoot.release import Image, Release, Revision
from surefoot.rollout import Mark, Phase
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.goal import goal
from tasks.store.rollouts import Attempt

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "shop/production"
# The newest first, as a target lists them.
NAMES = ("shop-1-9", "shop-1-8", "shop-1-7")
RELEASE = Release("shop", Image("europe/shop", "sha256:" + "9f" * 32), "1.9.0", "4e1c9aa")


def live(on: str, *, unready: str = "", mark: Mark | None = None) -> Live:
    revisions = {name: Revision(name, "image", name != unready) for name in NAMES}
    return Live("http://shop", Traffic.all_on(on), revisions, "v1", mark=mark)


def rollout(before: str, canary: str, phase: Phase) -> Attempt:
    ended = NOON if phase.ended else None
    return Attempt("r", KEY, RELEASE, "run", "", Traffic.all_on(before), canary, 1, NOON, NOON, phase, ended_at=ended)


PROMOTED = rollout("shop-1-8", "shop-1-9", Phase.PROMOTED)


def test_a_rollout_at_work_goes_back_to_where_it_came_from_whatever_the_ledger_says() -> None:
    mark = Mark("r", Traffic.all_on("shop-1-7"), "shop-1-9", 25, NOON, 1)
    assert goal(KEY, live("shop-1-9", mark=mark), [PROMOTED], "") == Traffic.all_on("shop-1-7")


def test_what_was_promoted_goes_back_to_what_it_replaced() -> None:
    skipped = rollout("shop-1-7", "shop-1-9", Phase.PROMOTED)
    assert goal(KEY, live("shop-1-9"), [skipped], "") == Traffic.all_on("shop-1-7")


def test_after_a_way_back_the_goal_is_where_users_are() -> None:
    back = rollout("shop-1-8", "shop-1-9", Phase.PUT_BACK)
    older = rollout("shop-1-7", "shop-1-8", Phase.PROMOTED)
    assert goal(KEY, live("shop-1-8"), [back, older], "") == Traffic.all_on("shop-1-8")


def test_a_rollout_that_has_not_moved_anybody_yet_leaves_users_where_they_are() -> None:
    begun = rollout("shop-1-8", "shop-1-9", Phase.STAGING)
    older = rollout("shop-1-7", "shop-1-8", Phase.PROMOTED)
    assert goal(KEY, live("shop-1-8"), [begun, older], "") == Traffic.all_on("shop-1-8")


def test_a_way_back_that_failed_is_gone_again() -> None:
    failed = rollout("shop-1-7", "shop-1-9", Phase.NOT_PUT_BACK)
    assert goal(KEY, live("shop-1-9"), [failed], "") == Traffic.all_on("shop-1-7")
    assert goal(KEY, live("shop-1-9", unready="shop-1-7"), [failed], "") == Traffic.all_on("shop-1-8")


def test_what_was_replaced_and_is_not_ready_is_no_way_back_but_the_next_older_is() -> None:
    assert goal(KEY, live("shop-1-9", unready="shop-1-8"), [PROMOTED], "") == Traffic.all_on("shop-1-7")


def test_without_a_store_it_is_the_newest_ready_revision_before_the_one_that_serves() -> None:
    assert goal(KEY, live("shop-1-9"), (), "") == Traffic.all_on("shop-1-8")


def test_without_a_store_nobody_goes_back_twice_without_saying_where_to() -> None:
    said = "users are on shop-1-8, which is not the newest.*--to: shop-1-9, shop-1-8, shop-1-7"
    with pytest.raises(NotNow, match=said):
        goal(KEY, live("shop-1-8"), (), "")


def test_from_a_revision_that_is_not_ready_any_more_it_is_the_newest_that_is() -> None:
    assert goal(KEY, live("shop-1-8", unready="shop-1-8"), (), "") == Traffic.all_on("shop-1-9")


def test_there_is_not_always_a_way_back() -> None:
    alone = replace(live("shop-1-9"), revisions={"shop-1-9": Revision("shop-1-9", "image", ready=True)})
    with pytest.raises(NotNow, match="no older revision that is ready; name one with --to"):
        goal(KEY, alone, (), "")


@pytest.mark.parametrize("to", ["shop-1-7", "1-7"])
def test_a_revision_is_named_whole_or_in_part(to: str) -> None:
    assert goal(KEY, live("shop-1-9"), (), to) == Traffic.all_on("shop-1-7")


@pytest.mark.parametrize("to", ["shop-2", "shop-1-8"])
def test_a_name_has_to_mean_one_revision_that_is_ready(to: str) -> None:
    with pytest.raises(NotNow, match=f"no revision that is ready has '{to}' in its name; there are shop-1-9, shop-1-7"):
        goal(KEY, live("shop-1-9", unready="shop-1-8"), (), to)


def test_a_whole_name_is_meant_even_where_others_begin_so() -> None:
    more = live("shop-1-9")
    revisions = {"shop-1-7-a": Revision("shop-1-7-a", "image", ready=True), **more.revisions}
    assert goal(KEY, replace(more, revisions=revisions), (), "shop-1-7") == Traffic.all_on("shop-1-7")


def test_a_part_of_a_name_counts_among_the_ready_only_and_says_when_it_is_not_one() -> None:
    found = live("shop-1-9", unready="shop-1-8")
    retried = replace(found, revisions={**found.revisions, "shop-1-8-b": Revision("shop-1-8-b", "image", ready=True)})
    assert goal(KEY, retried, [], "1-8") == Traffic.all_on("shop-1-8-b")
    with pytest.raises(NotNow, match="'1-' is part of 3 revisions that are ready: shop-1-9, shop-1-7, shop-1-8-b"):
        goal(KEY, retried, [], "1-")
