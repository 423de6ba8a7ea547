"""What `surefoot plan` says, from values."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rollout_told import CANARY, RELEASE, SHOP, STABLE, production

from commands.outlook import Outlook, as_fields, lines, summary
from commands.terminal import Terminal
from surefoot.release import Revision
from surefoot.rollout import Limits, Step
from surefoot.target import Live
from surefoot.traffic import Traffic
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
    assert "  ~   5 %       10m   3,000 requests a side: put back from 30 failures (1.0 %)" in text
    assert "    bake        15m   4,500 requests a side: put back from " in text
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
    short = replace(staging.plan, steps=(Step(100, 10.0),), compare_s=0.0, patience_s=600.0, probes_per_s=2.0)
    held = said(outlook(environment=replace(staging, plan=short)))
    assert "  ! 100 %       10s   20 requests a side, too few: it takes 133 to pass" in held
    assert "held about 56 s more" in held
    hopeless = said(outlook(environment=replace(staging, plan=replace(short, patience_s=5.0))))
    assert "held until patience ends, then put back" in hopeless


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
    assert fields["sight"][1] == {
        "percent": 5,
        "bake": False,
        "watch_seconds": 600.0,
        "requests_per_side": 3000,
        "put_back_from_failures": 30,
        "rules_out_more_failures": fields["sight"][1]["rules_out_more_failures"],
        "needs_requests": 133,
        "enough": True,
    }
    assert 0 < fields["sight"][1]["rules_out_more_failures"] < 0.001
    assert fields["way_back"] == {STABLE: 100}
    assert fields["undo"] == {"surefoot": "surefoot rollback shop production", "by_hand": UNDO}
    assert fields["approval"] == {"approvers": ("ana", "ben"), "within_seconds": 259200.0}
