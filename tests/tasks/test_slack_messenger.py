"""Slack, as the rehearsal plays it: what arrives, what its errors become, what happens when a reply is lost."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.slack import Slack as Workspace
from rehearsal.slack import SlackFault
from surefoot import notice
from surefoot.errors import ConfigError, Refused, Unavailable
from surefoot.notice import Message, escaped
from surefoot.release import Image, Release
from tasks.slack import Slack, blocks, cut
from tasks.store import outbox
from tasks.store.database import Store
from tasks.store.delivery import Gone, deliver
from tasks.store.outbox import Posted

TOKEN = "xoxb-only-for-rehearsal"
KEY = "6ba7b811-9dad-11d1-80b4-00c04fd430c8"
HELLO = Message("hello", ("*hello*",), ("small",), "Hello")
RELEASE = Release("shop", Image("europe/shop", "sha256:" + "9f" * 32), "1.9.0", "4e1c9aa", "Cart keeps its order")
SUBJECT = notice.Subject("r1", RELEASE, "production", steps=(10, 100), previous="1.8.2", mention="<@U1>")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def connected(token=TOKEN, timeout_s=5.0):
    async with Workspace.start(TOKEN, ["releases"]) as workspace:
        slack = Slack.connect(token, workspace.api_url, timeout_s)
        try:
            yield slack, workspace, workspace.workspace.channel("releases")
        finally:
            await slack.close()


def played(story, **how):
    async def through():
        async with connected(**how) as (slack, workspace, channel):
            return await story(slack, workspace, channel)

    return asyncio.run(through())


def texts(channel):
    return [message["text"] for message in channel.messages.values()]


def test_a_token_never_travels_in_the_clear():
    with pytest.raises(ConfigError, match="in the clear"):
        Slack.connect(TOKEN, "http://slack.example/api/")


def test_a_message_arrives_with_its_blocks_and_its_key():
    async def story(slack, _workspace, channel):
        posted = await slack.post("#releases", HELLO, KEY)
        return posted, channel.messages[posted.ts], channel.id

    posted, message, channel_id = played(story)

    assert posted.channel == channel_id
    assert message["text"] == "hello"
    assert [block["type"] for block in message["blocks"]] == ["header", "section", "context"]
    assert message["metadata"] == {"event_type": "surefoot_notice", "event_payload": {"key": KEY}}


def test_a_message_is_edited_in_place_and_answered_in_its_thread():
    async def story(slack, _workspace, channel):
        posted = await slack.post(channel.id, HELLO, KEY)
        reply = await slack.post(channel.id, Message("line", ("line",)), "other", posted)
        await slack.edit(posted, Message("bye", ("bye",)), KEY)
        return channel, posted, reply

    channel, posted, reply = played(story)

    assert texts(channel) == ["bye", "line"]
    assert channel.messages[reply.ts]["thread_ts"] == posted.ts
    assert channel.messages[posted.ts]["metadata"]["event_payload"] == {"key": KEY}


def test_a_message_is_found_by_its_key_in_the_channel_and_in_a_thread_however_many_came_after():
    async def story(slack, _workspace, channel):
        posted = await slack.post(channel.id, HELLO, KEY)
        reply = await slack.post(channel.id, HELLO, "reply", posted)
        for number in range(220):
            channel.messages[f"9999999999.{number:06d}"] = {"ts": f"9999999999.{number:06d}", "text": "noise"}
        found = [
            await slack.find(channel.id, KEY, LONG_AGO),
            await slack.find("#releases", KEY, LONG_AGO),
            await slack.find(channel.id, "reply", LONG_AGO, posted),
            await slack.find(channel.id, "reply", LONG_AGO),
            await slack.find(channel.id, KEY, datetime.now(UTC) + timedelta(hours=1)),
        ]
        return posted, reply, found

    posted, reply, found = played(story)

    assert [each and each.ts for each in found] == [posted.ts, posted.ts, reply.ts, None, None]


def test_where_slack_will_not_let_us_look_the_message_counts_as_not_found():
    async def story(slack, workspace, channel):
        workspace.faults.add(SlackFault(method="conversations.history", error="missing_scope"))
        return await slack.find(channel.id, KEY, LONG_AGO)

    assert played(story) is None


def test_a_name_is_looked_up_where_reading_needs_the_id(serving):
    async def channels(request):
        assert request.query["types"] == "public_channel,private_channel"
        first = "cursor" not in request.query
        found = {"id": "C0OTHER00", "name": "other"} if first else {"id": "C0RELEASES", "name": "releases"}
        return web.json_response(
            {"ok": True, "channels": [found], "response_metadata": {"next_cursor": "more" if first else ""}}
        )

    async def history(request):
        assert request.query["channel"] == "C0RELEASES"
        return web.json_response({"ok": True, "messages": [{"ts": "1.2", "metadata": {"event_payload": {"key": KEY}}}]})

    async def story():
        async with serving({"/conversations.list": channels, "/conversations.history": history}) as url:
            slack = Slack.connect(TOKEN, url)
            try:
                return await slack.find("#releases", KEY, LONG_AGO)
            finally:
                await slack.close()

    assert asyncio.run(story()) == Posted("C0RELEASES", "1.2")


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ({"status": 429, "retry_after_s": 7}, Unavailable, "429 ratelimited"),
        ({"status": 503}, Unavailable, "503"),
        ({"reset": True}, Unavailable, "did not answer"),
        ({"delay_s": 5.0}, Unavailable, "did not answer"),
        ({"error": "internal_error"}, Unavailable, "internal_error"),
        ({"error": "channel_not_found"}, Refused, "/invite @surefoot"),
        ({"error": "missing_scope"}, Refused, "chat:write"),
        ({"error": "something_new"}, Refused, "something_new"),
    ],
)
def test_what_slack_answers_in_our_words(fault, error, said):
    async def story(slack, workspace, channel):
        workspace.faults.add(SlackFault(method="chat.postMessage", **fault))
        with pytest.raises(error) as refused:
            await slack.post(channel.id, HELLO, KEY)
        return refused.value, texts(channel)

    problem, arrived = played(story, timeout_s=0.5)

    assert said in str(problem)
    assert "chat.postMessage" in str(problem)
    assert TOKEN not in str(problem) + repr(problem.__cause__)
    assert arrived == []
    assert getattr(problem, "retry_after_s", None) == (7 if fault.get("status") == 429 else None)


def test_a_wrong_token_is_named_as_such_and_not_shown():
    async def story(slack, _workspace, channel):
        with pytest.raises(Refused, match="not one Slack knows") as refused:
            await slack.post(channel.id, HELLO, KEY)
        return str(refused.value)

    assert "xoxb-wrong" not in played(story, token="xoxb-wrong")


def test_editing_what_is_not_there_is_told_apart():
    async def story(slack, _workspace, channel):
        with pytest.raises(Gone):
            await slack.edit(Posted(channel.id, "1.000001"), HELLO, KEY)
        return True

    assert played(story)


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>sign in</html>", "content_type": "text/html"},
        {"text": "sign in", "content_type": "text/plain"},
        {"text": "{", "content_type": "application/json"},
        {"text": "[]", "content_type": "application/json"},
        {"text": "[1]", "content_type": "application/json"},
        {"body": b"packed", "content_type": "application/gzip"},
        {"text": "bad gateway", "content_type": "text/html", "status": 502},
    ],
)
def test_what_is_not_slack_is_tried_again_later(serving, answer):
    async def proxy(_request):
        return web.Response(**answer)

    async def story():
        async with serving({"/chat.postMessage": proxy}) as url:
            slack = Slack.connect(TOKEN, url)
            try:
                with pytest.raises(Unavailable, match=r"chat\.postMessage"):
                    await slack.post("C0RELEASES", HELLO, KEY)
            finally:
                await slack.close()

    asyncio.run(story())


def test_blocks_that_slack_does_not_take_are_sent_as_plain_text():
    async def story(slack, workspace, channel):
        workspace.faults.add(SlackFault(method="chat.postMessage", error="invalid_blocks"))
        await slack.post(channel.id, HELLO, KEY)
        return next(iter(channel.messages.values()))

    message = played(story)

    assert (message["text"], message["blocks"]) == ("Hello\n*hello*\nsmall", [])


def test_the_longest_notice_arrives_with_its_beginning():
    reason = "PERMISSION_DENIED " + "& " * 9000
    told = notice.not_put_back(SUBJECT, LONG_AGO, percent=25, problem=reason, command="gcloud " + "x" * 9000)

    async def story(slack, _workspace, channel):
        await slack.post(channel.id, told.page, KEY)
        await slack.post(channel.id, Message("t" * 99_999, ("s",) * 200, ("c",) * 9000, "h" * 999), "other")
        return list(channel.messages.values())

    first, second = played(story)

    assert first["blocks"][2]["text"]["text"].startswith("*Why*   PERMISSION_DENIED &amp;")
    assert len(second["blocks"]) == 50


@given(st.text(alphabet="<>&|abc \n"), st.integers(20, 60))
def test_a_cut_text_fits_and_ends_in_no_half_escape(said, limit):
    shown = cut(escaped(said), limit)

    assert len(shown) <= limit
    assert shown == escaped(said) or shown.endswith("…")
    rest = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in rest


def test_a_cut_text_ends_in_no_half_link():
    assert cut("see <http://run/1|the run of this release> now", 30) == "see…"
    assert cut("see <http://run/1|Run> and more than that", 30) == "see <http://run/1|Run> and mo…"


def test_empty_sections_are_left_out_since_slack_refuses_them():
    assert [block.to_dict()["type"] for block in blocks(Message("x", ("", "y")))] == ["section"]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("store") / "migrated.db")
    asyncio.run(Store.open(path).migrate())
    return path


def _identity(moment):
    return moment


FAULTS = [
    {"status": 429, "retry_after_s": 1},
    {"status": 500},
    {"reset": True},
    {"error": "channel_not_found"},
    {"status": 500, "lost": True},
    {"reset": True, "lost": True},
    {"error": "internal_error", "lost": True},
    {"error": "invalid_blocks"},
]
CALLS = ["chat.postMessage", "chat.update"]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("after", range(4))
def test_any_fault_at_any_call_loses_nothing_doubles_nothing_and_keeps_the_order(
    migrated, tmp_path, fault, method, after
):
    now = datetime.now(UTC)
    told = [
        notice.started(SUBJECT, now),
        notice.advanced(SUBJECT, now, 10),
        notice.put_back(SUBJECT, now, percent=10, reason="bad", seconds=3.4, again="surefoot deploy"),
    ]

    async def story(slack, workspace, channel):
        store = Store.open(str(shutil.copy(migrated, tmp_path / "store.db")))
        workspace.faults.add(SlackFault(method=method, after=after, **fault))
        for number, each in enumerate((*told, None, None, None)):
            moment = now + timedelta(seconds=10 * number)
            if each:
                await store.run(outbox.enqueue, channel.id, each, moment)
            left = await deliver(store, slack, channel.id, partial(_identity, moment))
        return left, channel

    left, channel = played(story)

    main, page = sorted(channel.top(), key=lambda message: "→" not in message["text"])
    thread = [message["text"] for message in channel.thread(main["ts"])[1:]]
    assert left.waiting == 0
    assert "was put back" in main["text"]
    assert page["text"].lower().startswith("put back")
    assert [line.partition("> ")[2][:7] for line in thread] == ["started", "at 10 %", "put bac"]
