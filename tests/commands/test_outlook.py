"""What `surefoot plan` says, from values."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from rollout_told import CANARY, RELEASE, SHOP, STABLE, production

from commands.outlook import Outlook, as_fields, lines, summary
from commands.terminal import Terminal
from surefoot.release import Revision
from surefoot.rollout import Limits, Step
from surefoot.sight import Recent
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.recent import Known
from tasks.settings import load_service

LIVE = Live("http://shop", Traffic.all_on(STABLE), {STABLE: Revision(STABLE, "image", ready=True)}, "v1")
UNDO = f"gcloud run services update-traffic shop --to-revisions={STABLE}=100"


def outlook(**fields: Any) -> Outlook:
    given = {"image": RELEASE.image, "release": RELEASE, "revision": CANARY, "hash": "a41f02c9" * 8, **fields}
    return Outlook(given.pop("environment", production()), given.pop("live", LIVE), UNDO, **given)


def said(what: Outlook) -> str:
    return "\n".join(lines(what, Terminal()))


def test_what_would_be_done_is_the_climb_with_its_sight_and_the_way_back() -> None:
    text = said(outlook(calls=["GetService shop", "ListRevisions shop"]))
    assert text.splitlines()[0] == "shop → production   1.9.0 · 4e1c9aa" + " " * 31 + "plan a41f02c9"
    assert f"  + revision    {CANARY}\n                from europe/shop@sha256:9f9f9f9f9f9f…, no traffic" in text
    assert "  ~   5 %       10m   3,000 requests to each side: sees 1." in text
    assert "    bake        15m   4,500 requests to each side: sees 1.0 % more failures or" in text
    assert "    sight       2.0 % more failures: caught in more than 99 %, after " in text
    assert "    traffic     5 requests/s of ours to each side, 0 % failing, as the plan says" in text
    assert "    approval    a yes by ana or ben first, within 3d" in text
    assert f"    way back    100 % on {STABLE}, ready\n                surefoot rollback shop production" in text
    assert f"                {UNDO}" in text
    assert "    read        GetService shop\n                ListRevisions shop" in text
    assert text.splitlines()[-1] == (
        "Plan: 1 revision to add, traffic to move in 4 steps, 52 min at least. Nothing was changed."
    )


def test_all_but_commands_and_calls_fits_80_columns() -> None:
    wide = [line for line in said(outlook()).splitlines() if len(line) > 80]
    assert wide == [line for line in wide if "gcloud" in line or line.startswith("Plan: ")]


def test_a_step_that_is_too_short_to_pass_says_so_and_what_will_happen() -> None:
    staging = load_service(SHOP).environments["staging"]
    short = replace(staging.plan, steps=(Step(100, 60.0),), compare_s=0.0, patience_s=3600.0, probes_per_s=2.0)
    held = said(outlook(environment=replace(staging, plan=short)))
    assert "  ! 100 %       1m    120 requests to each side" in held
    assert "too few for a healthy release to pass: it takes " in held
    assert "more, held about " in " ".join(held.split())
    hopeless = " ".join(said(outlook(environment=replace(staging, plan=replace(short, patience_s=5.0)))).split())
    assert "more, held until patience ends, then put back" in hopeless


BY_USERS = Known(Recent(per_s=2, error_rate=0.005), "as in the rollout of 1.8.2, 2026-11-18")


@pytest.mark.slow
def test_a_harm_that_the_plan_cannot_see_is_doubted_and_what_would_see_it_is_proposed() -> None:
    text = said(outlook(known=BY_USERS))
    assert "  ? sight       p95 slower by 25 %: caught in " in text
    assert " of rollouts only" in text
    assert "  ? sight       what would see it: watch " in text
    assert "    traffic     2 requests/s, 0.50 % failing, as in the rollout of 1.8.2" in text
    fields = as_fields(outlook(known=BY_USERS))
    assert fields["harms"]["p95"]["caught"] < 0.8
    assert fields["would_see"][0].startswith("watch ")
    assert fields["would_see"][0] in text


def test_of_users_requests_the_canarys_part_is_told_and_our_own_do_not_see_what_only_users_do() -> None:
    text = said(outlook(known=BY_USERS))
    assert "600 requests of ours to each side: what only users do is" in text
    assert "  !   5 %       10m   60 requests to it of 1,200: sees " in text
    assert "  !  50 %       10m   600 requests to it of 1,200: sees " in text


def test_where_nobody_knows_the_traffic_it_says_so_and_shows_what_some_would_see() -> None:
    nothing = outlook(known=Known(Recent(), ""))
    text = said(nothing)
    assert "  ! traffic     not known: no rollout was seen here yet" in text
    assert "  ~   5 %       10m\n" in text
    table = [line.split() for line in text.splitlines() if line.lstrip().startswith(("requests/s", "sees"))]
    assert table[0] == ["requests/s", "1", "10", "100"]
    assert [row[-1] for row in table[1:]] == ["%", "%"]
    fields = as_fields(nothing)
    assert (fields["sight"], fields["harms"], fields["would_see"], fields["traffic"]["known"]) == ([], {}, [], None)


@pytest.mark.slow
def test_nothing_that_can_be_said_of_sight_is_wider_than_80_columns() -> None:
    for known in (BY_USERS, Known(Recent(per_s=0.01), "as typed"), Known(Recent(), "")):
        wide = [line for line in said(outlook(known=known)).splitlines() if len(line) > 80]
        assert wide == [line for line in wide if "gcloud" in line or line.startswith("Plan: ")]


def test_users_that_are_never_on_both_sides_cannot_be_compared() -> None:
    plan = replace(production().plan, steps=(Step(100, 600.0),), compare_s=0.0)
    text = said(outlook(environment=replace(production(), plan=plan), known=BY_USERS))
    assert "watch a step below 100 %: there users are on both sides" in text


def test_a_step_without_a_watch_is_passed_through() -> None:
    plan = replace(production().plan, steps=(Step(10, 0.0), Step(100, 0.0)), compare_s=0.0, bake_s=0.0)
    text = said(outlook(environment=replace(production(), plan=plan, approval=None)))
    assert text.count("passed through") == 2
    assert "bake" not in text
    assert "approval" not in text


def test_a_revision_that_is_there_already_is_not_added_again() -> None:
    there = {**LIVE.revisions, CANARY: Revision(CANARY, "image", ready=True)}
    found = outlook(live=replace(LIVE, revisions=there))
    assert f"  = revision    {CANARY}\n                is there already, from europe" in said(found)
    assert summary(found).startswith("Plan: no revision to add, ")
    assert as_fields(found)["revision_exists"] is True


def test_without_an_image_it_is_the_climb_of_any() -> None:
    found = outlook(image=None, release=None, revision="", hash="")
    text = said(found)
    assert text.splitlines()[0] == "shop → production"
    assert "  + revision    from an image (--image), no traffic" in text
    fields = as_fields(found)
    assert {fields[name] for name in ("image", "release", "version", "plan_hash", "revision")} == {None}


def test_a_refusal_stands_above_the_last_line() -> None:
    found = outlook(refusal="shop/production still carries the rollout r-0")
    assert "\n  ✗ refused     shop/production still carries the rollout r-0\n" in said(found)
    assert as_fields(found)["refused"] == "shop/production still carries the rollout r-0"


def test_what_the_platform_does_by_itself_stands_below_the_way_back() -> None:
    promises = ("ECS moves users itself", "ECS puts the release back by itself after 27m without one")
    found = outlook(promises=promises, calls=["DescribeServices shop"])
    assert (
        f"                {UNDO}\n"
        "    by itself   ECS moves users itself\n"
        "                ECS puts the release back by itself after 27m without one\n"
        "    read        DescribeServices shop\n"
    ) in said(found)
    assert as_fields(found)["promises"] == promises
    assert "by itself" not in said(outlook())
    assert as_fields(outlook())["promises"] == ()


def test_where_no_revision_is_shown_before_users_get_it_checks_are_made_in_public() -> None:
    shown, hidden = said(outlook()), said(outlook(live=replace(LIVE, previews=False)))
    assert " checks through the preview address, before any user is there" in shown
    assert " checks through the public address, when users are there: no" in hidden
    assert "preview" not in hidden


def test_a_climb_that_nobody_watches_looks_for_no_harm() -> None:
    plan = replace(production().plan, steps=(Step(100, 0.0),), compare_s=0.0, bake_s=0.0)
    text = said(outlook(environment=replace(production(), plan=plan)))
    assert "    harm        not looked for: no step of this climb is watched" in text
    assert "false alarm" not in text


def test_limits_are_named_where_there_are_any() -> None:
    def harm(limits: Limits) -> Iterator[str]:
        environment = replace(production(), plan=replace(production().plan, limits=limits))
        return (line for line in said(outlook(environment=environment)).splitlines() if "limits: " in line)

    assert list(harm(Limits())) == []
    assert next(harm(Limits(0.01, 200, 800))).strip() == "limits: failures 1.0 %, p50 200 ms, p95 800 ms"
    assert next(harm(Limits(p95_ms=800))).endswith("; limits: p95 800 ms")


def test_the_document_has_the_numbers_behind_it() -> None:
    fields = as_fields(outlook())
    assert fields["steps"][0] == {"percent": 5, "watch_seconds": 600.0}
    seen = fields["sight"][1]
    assert (seen["percent"], seen["bake"], seen["watch_seconds"]) == (5, False, 600.0)
    assert (seen["requests_per_side"], seen["stable_requests"], seen["ours"]) == (3000, 3000, True)
    assert 0 < seen["rules_out_more_failures"] < 0.003
    assert seen["put_back_from_failures"] >= 3600 * 0.01
    assert 0.01 <= seen["sees_more_failures"] < 0.02
    assert set(seen["sees_slower"]) == {"p50", "p95"}
    assert (seen["needs_requests"], seen["enough"]) == (3600, True)
    assert fields["harms"]["errors"]["caught"] > 0.99
    assert fields["traffic"] == {"known": "as the plan says", "requests_per_second": None, "error_rate": 0.0}
    assert fields["way_back"] == {STABLE: 100}
    assert fields["undo"] == {"surefoot": "surefoot rollback shop production", "by_hand": UNDO}
    assert fields["approval"] == {"approvers": ("ana", "ben"), "within_seconds": 259200.0}
