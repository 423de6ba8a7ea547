"""What people are told, event by event."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot import notice
from surefoot.notice import Kind, Subject, as_document, read_notice
from surefoot.release import Commit, Image, Release

NOON = datetime(2026, 3, 2, 12, 3, tzinfo=UTC)
IMAGE = Image("europe/shop", "sha256:" + "9f" * 32)
COMMITS = (Commit("4e1c9aa", "Cart keeps its order", "Ana"), Commit("77ab01c", "Tidy", "Ben"))
SUBJECT = Subject(
    "r1",
    Release("shop", IMAGE, "1.9.0", "4e1c9aa", "Cart keeps its order", COMMITS),
    "production",
    run_url="http://run/1",
    compare_url="http://compare/1",
    steps=(5, 25, 50, 100),
    previous="1.8.2",
    plan_hash="a41f02c9ffff",
    approved="ana 14:02",
    mention="<@U1>",
)


def every_notice(subject=SUBJECT, said="errors 196 of 4,071"):
    return (
        notice.asked(subject, NOON),
        notice.started(subject, NOON),
        notice.staged(subject, NOON, said, 21.0, said),
        notice.advanced(subject, NOON, 5, said, NOON),
        notice.held(subject, NOON, 25, said),
        notice.put_back(subject, NOON, percent=25, reason=said, seconds=3.4, again=said, examples=(said,), seen=said),
        notice.not_put_back(subject, NOON, percent=25, problem=said, command=said),
        notice.promoted(subject, NOON, 2760.0, 0, said),
        notice.superseded(subject, said, 25),
        notice.refused(subject, said, said),
        notice.timed_out(subject, 259200.0),
        notice.cancelled(subject, NOON, 25, said),
        notice.stranded(subject, NOON, 25, NOON, said),
        notice.interfered(subject, NOON, 25, said),
        notice.stage_failed(subject, NOON, said),
    )


def all_text(told):
    messages = [told.message, *([told.page] if told.page else [])]
    return [
        *(text for message in messages for text in (message.text, *message.sections, *message.context)), *told.thread
    ]  # fmt: skip


def test_every_event_has_its_notice_and_all_share_one_message():
    told = every_notice()

    assert {each.kind for each in told} == set(Kind)
    assert {each.subject for each in told} == {"r1"}
    assert all(each.message.text and each.message.sections for each in told)


def test_only_what_somebody_has_to_see_now_is_posted_in_the_channel():
    paged = {each.kind for each in every_notice() if each.page}

    assert paged == {
        Kind.ASKED, Kind.PUT_BACK, Kind.NOT_PUT_BACK, Kind.STRANDED, Kind.INTERFERED, Kind.STAGE_FAILED
    }  # fmt: skip


def test_a_page_calls_somebody_where_there_is_something_to_do_and_the_edited_message_never_does():
    for each in every_notice():
        assert "<@U1>" not in "".join(each.message.sections)
        if each.page:
            assert ("<@U1>" in each.page.sections[0]) is (each.kind is not Kind.STAGE_FAILED)


def test_a_release_on_its_way_looks_as_it_should():
    told = notice.advanced(SUBJECT, NOON, 25, "errors 0.22 % vs 0.19 %", NOON)

    assert told.message.text == "shop 1.9.0 → production: at 25 %, all well so far"
    assert told.message.sections == (
        (
            ":large_yellow_circle: *shop 1.9.0 → production*   at *25 %*, all well so far\n"
            "_Cart keeps its order_ by Ana and 1 more"
        ),
        (
            "✓ 5 %  →  *● 25 %*  →  ○ 50 %  →  ○ 100 %\n"
            "errors 0.22 % vs 0.19 % · next move about <!date^1772452980^{time}|12:03 UTC>"
        ),
    )
    assert told.message.context == (
        "<http://run/1|Run>", "<http://compare/1|2 commits>", "approved by ana 14:02", "plan a41f02c9"
    )  # fmt: skip
    assert told.thread == ("<!date^1772452980^{time}|12:03 UTC> at 25 %: errors 0.22 % vs 0.19 %",)


def test_what_was_put_back_says_why_what_it_cost_how_long_it_took_and_how_to_try_again():
    told = notice.put_back(
        SUBJECT, NOON, percent=25, reason="errors 196 of 4,071 (4.8 %) vs 23 of 12,205 (0.19 %)", seconds=3.4,
        failed=188, over_s=258.0, examples=("194 of the 196: POST /cart/items → 500",), seen="seen by probes",
        again="surefoot deploy shop production --image shop@sha256:9f3c", logs_url="http://logs/1",
    )  # fmt: skip

    assert told.page.header == "Put back: shop 1.9.0 in production"
    assert told.page.text == "PUT BACK shop 1.9.0 in production. Users are on 1.8.2. Nothing to do now."
    assert told.page.sections == (
        (
            "*Users are on 1.8.2 again since <!date^1772452980^{time_secs}|12:03:00 UTC>, seen by probes. "
            "Nothing to do now.* <@U1>"
        ),
        "*Why*   at 25 %, errors 196 of 4,071 (4.8 %) vs 23 of 12,205 (0.19 %)\n194 of the 196: POST /cart/items → 500",
        (
            "*Cost*  about 188 requests failed because of it, over 4 min 18 s\n"
            "*Took*  3.4 s from the verdict to 100 % on 1.8.2"
        ),
    )
    assert "<http://logs/1|The logs of that moment>" in told.page.context
    assert told.thread[-1] == "To try 1.9.0 again: `surefoot deploy shop production --image shop@sha256:9f3c`"
    assert ":leftwards_arrow_with_hook:" in told.message.sections[0]


def test_what_no_user_saw_is_said_so_and_a_cost_that_nobody_counted_is_left_out():
    told = notice.put_back(SUBJECT, NOON, percent=0, reason="smoke 5 of 6", seconds=1.0, again="surefoot deploy")

    assert "*Why*   before any user saw it, smoke 5 of 6" in told.page.sections[1]
    assert "*Cost*" not in told.page.sections[2]


def test_when_the_way_back_fails_its_error_and_the_command_by_hand_are_the_page():
    command = "gcloud run services update-traffic shop --to-revisions old=100"
    told = notice.not_put_back(SUBJECT, NOON, percent=25, problem="PERMISSION_DENIED", command=command)

    assert told.page.header == "NOT put back: shop 1.9.0 in production"
    assert told.page.sections[0] == "*shop 1.9.0 still has 25 % of production* <@U1>"
    assert f"```{command}```" in told.page.sections[2]
    assert command in told.page.text


def test_a_question_says_until_when():
    told = notice.asked(SUBJECT, NOON)

    assert told.page.sections[0] == (
        "*shop 1.9.0* waits for you: <http://run/1|look and decide>, "
        "until <!date^1772452980^{date_short_pretty} {time}|Monday 12:03 UTC> <@U1>"
    )


def test_what_was_left_alone_says_since_when_and_what_happens_now():
    told = notice.stranded(SUBJECT, NOON, 25, NOON, "it is put back to 100 % on old")

    assert told.page.text == "shop 1.9.0 was left alone at 25 % of production; it is put back to 100 % on old"
    assert told.page.sections == (
        "*shop 1.9.0 was left alone at 25 % of production since <!date^1772452980^{time}|12:03 UTC>* <@U1>",
        "Its process is gone; it is put back to 100 % on old.",
    )


def test_the_ends_of_a_message():
    promoted = notice.promoted(SUBJECT, NOON, 2760.0, 0)
    superseded = notice.superseded(SUBJECT, "1.9.1", 25)

    assert promoted.message.sections[0].startswith(
        ":large_green_circle: *shop 1.9.0 is live in production* · 46 min · 0 requests failed because of it"
    )
    assert superseded.message.sections == ("~shop 1.9.0~ superseded by 1.9.1 at 25 %, nothing to do",)
    assert "nothing had changed" in notice.cancelled(SUBJECT, NOON, 0).message.text
    assert "before anything was changed" in notice.refused(SUBJECT, "drift").message.text


@given(st.text(min_size=1))
def test_nothing_foreign_can_call_anybody_or_make_a_link(said):
    hostile = f"<!channel> <@U9> <http://evil|Run> & {said}"
    release = replace(SUBJECT.release, title=hostile, version=hostile, commits=(Commit("4e1c9aa", hostile, hostile),))
    subject = replace(SUBJECT, release=release, previous=hostile, approved=hostile, environment=hostile)

    for told in every_notice(subject, hostile):
        for text in all_text(told):
            for forbidden in ("<!channel", "<@U9", "<http://evil"):
                assert forbidden not in text, (told.kind, text)


@pytest.mark.parametrize("told", every_notice(), ids=lambda told: told.kind)
def test_a_notice_survives_the_outbox(told):
    assert read_notice(json.loads(json.dumps(as_document(told)))) == told


def test_without_addresses_and_people_nothing_is_left_half():
    bare = Subject("r1", Release("shop", IMAGE, "1.9.0", "4e1c9aa"), "production")

    for told in (*every_notice(bare), notice.staged(bare, NOON, "new", 1.0, "")):
        for text in all_text(told):
            assert text == text.strip()
            assert "<|" not in text
            assert ": ," not in text
    assert notice.promoted(bare, NOON, 1.0).message.context == ()
