"""The Slack stand-in as slack_sdk meets it, and the page as people would see it."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from rehearsal.slack import Slack, SlackFault

pytestmark = pytest.mark.anyio
METADATA = {"event_type": "surefoot", "event_payload": {"key": "shop/1.9.0"}}


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack.start("xoxb-right", ["releases", "on-call"]) as running:
        yield running


@pytest.fixture
def client(slack) -> AsyncWebClient:
    # By default it repeats a call whose connection broke, posted or not: see the test of that.
    return AsyncWebClient("xoxb-right", base_url=slack.api_url, timeout=5, retry_handlers=[])


def section(text: str) -> dict:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


async def page(slack: Slack, channel: str = "releases") -> str:
    async with aiohttp.ClientSession() as browser, browser.get(f"{slack.workspace.url}channels/{channel}") as answer:
        return await answer.text()


async def refused(call) -> SlackApiError:
    with pytest.raises(SlackApiError) as error:
        await call
    return error.value


async def test_a_token_is_known_or_refused(slack, client):
    assert (await client.auth_test())["user"] == "surefoot"
    wrong = AsyncWebClient("xoxb-wrong", base_url=slack.api_url)
    assert (await refused(wrong.auth_test())).response["error"] == "invalid_auth"
    async with aiohttp.ClientSession() as nobody, nobody.post(f"{slack.api_url}auth.test") as answer:
        assert await answer.json() == {"ok": False, "error": "not_authed"}
    assert "xoxb" not in repr(slack)


async def test_the_plain_client_works_too(slack):
    client = WebClient("xoxb-right", base_url=slack.api_url)
    posted = await asyncio.to_thread(client.chat_postMessage, channel="#releases", text="hello")
    assert posted["channel"] == slack.workspace.channel("releases").id


async def test_a_message_is_posted_edited_in_place_and_read_back_with_its_metadata(client):
    posted = await client.chat_postMessage(
        channel="releases", text="at 5 %", blocks=[section("*5 %*")], metadata=METADATA
    )
    await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="at 25 %", blocks=[section("*25 %*")])
    history = await client.conversations_history(channel=posted["channel"], include_all_metadata=True)
    [message] = history["messages"]
    assert (message["text"], message["blocks"], message["metadata"]) == ("at 25 %", [section("*25 %*")], METADATA)
    assert "edited" in message
    assert "metadata" not in (await client.conversations_history(channel=posted["channel"]))["messages"][0]


async def test_an_edit_of_the_text_alone_keeps_the_blocks(client):
    posted = await client.chat_postMessage(channel="releases", text="old", blocks=[section("kept")])
    edited = await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="new")
    assert (edited["message"]["text"], edited["message"]["blocks"]) == ("new", [section("kept")])
    edited = await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="new", blocks=[])
    assert edited["message"]["blocks"] == []


async def test_details_go_in_a_thread_and_not_in_the_channel(client):
    posted = await client.chat_postMessage(channel="releases", text="release")
    reply = await client.chat_postMessage(channel="releases", text="staged", thread_ts=posted["ts"])
    await client.chat_postMessage(channel="releases", text="smoke", thread_ts=reply["ts"])
    channel = posted["channel"]
    [message] = (await client.conversations_history(channel=channel))["messages"]
    assert (message["text"], message["reply_count"]) == ("release", 2)
    thread = (await client.conversations_replies(channel=channel, ts=posted["ts"]))["messages"]
    assert [one["text"] for one in thread] == ["release", "staged", "smoke"]
    assert {one["thread_ts"] for one in thread} == {posted["ts"]}


async def test_history_is_newest_first_by_pages_and_within_times(client):
    stamps = [(await client.chat_postMessage(channel="releases", text=str(number)))["ts"] for number in range(5)]
    channel = (await client.chat_postMessage(channel="releases", text="5"))["channel"]
    first = await client.conversations_history(channel=channel, limit=4)
    assert [one["text"] for one in first["messages"]] == ["5", "4", "3", "2"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=channel, limit=4, cursor=cursor)
    assert ([one["text"] for one in rest["messages"]], rest["has_more"]) == (["1", "0"], False)
    middle = await client.conversations_history(channel=channel, oldest=stamps[1], latest=stamps[3])
    assert [one["text"] for one in middle["messages"]] == ["2"]
    ends = await client.conversations_history(channel=channel, oldest=stamps[1], latest=stamps[3], inclusive=True)
    assert [one["text"] for one in ends["messages"]] == ["3", "2", "1"]


async def test_a_plot_is_uploaded_and_shared_in_a_thread(slack, client):
    posted = await client.chat_postMessage(channel="releases", text="release")
    await client.files_upload_v2(
        channel=posted["channel"],
        content=b"\x89PNG plot",
        filename="errors.png",
        title="Errors",
        thread_ts=posted["ts"],
    )
    thread = (await client.conversations_replies(channel=posted["channel"], ts=posted["ts"]))["messages"]
    [file] = thread[1]["files"]
    assert (file["title"], file["name"], file["size"]) == ("Errors", "errors.png", 9)
    async with aiohttp.ClientSession() as browser, browser.get(file["url_private"]) as answer:
        assert (answer.content_type, await answer.read()) == ("image/png", b"\x89PNG plot")
    assert f'<img src="{file["permalink"]}"' in await page(slack)


async def test_a_message_has_an_address_on_its_page(slack, client):
    posted = await client.chat_postMessage(channel="on-call", text="release")
    link = (await client.chat_getPermalink(channel=posted["channel"], message_ts=posted["ts"]))["permalink"]
    address, _, anchor = link.partition("#")
    assert address == f"{slack.workspace.url}channels/on-call"
    assert f'id="{anchor}"' in await page(slack, "on-call")


@pytest.mark.parametrize(
    ("blocks", "complaint"),
    [
        ([section("x")] * 51, "no more than 50 items"),
        ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section("")], "must be more than 0 characters"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "must be less than 151 characters"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "must be one of plain_text"),
        ([{"type": "section"}], "missing required field: text"),
        ([{"type": "section", "fields": [section("x")["text"]] * 11}], "no more than 10 items"),
        ([{"type": "section", "fields": [section("x" * 2001)["text"]]}], "must be less than 2001 characters"),
        ([{"type": "context", "elements": []}], "must have at least 1 item"),
        ([{"type": "context", "elements": [section("x")["text"]] * 11}], "no more than 10 items"),
        ([{"type": "image", "image_url": "http://127.0.0.1/x.png"}], "missing required field: alt_text"),
        ([{"type": "poem"}], "unsupported type: poem"),
    ],
)
async def test_blocks_that_slack_would_not_take_are_refused_with_their_place(client, blocks, complaint):
    error = await refused(client.chat_postMessage(channel="releases", text="x", blocks=blocks))
    assert error.response["error"] == "invalid_blocks"
    assert complaint in error.response["errors"][0]
    assert (await client.conversations_history(channel="C0RELEASES"))["messages"] == []


async def test_blocks_at_their_limits_are_taken(client):
    header = {"type": "header", "text": {"type": "plain_text", "text": "x" * 150}}
    context = {"type": "context", "elements": [section("x")["text"]] * 10}
    blocks = [header, context, {"type": "divider"}, *[section("x" * 3000)] * 47]
    assert (await client.chat_postMessage(channel="releases", text="x", blocks=blocks))["ok"]


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "nowhere", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "releases"}, "no_text"),
        ("chat.postMessage", {"channel": "releases", "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": "releases", "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ("chat.postMessage", {"channel": "releases", "text": "x", "metadata": {"a": 1}}, "invalid_metadata_format"),
        ("chat.update", {"channel": "releases", "ts": "1.000001", "text": "x"}, "message_not_found"),
        ("chat.getPermalink", {"channel": "releases", "message_ts": "1.000001"}, "message_not_found"),
        ("conversations.history", {"channel": "nowhere"}, "channel_not_found"),
        ("conversations.replies", {"channel": "releases", "ts": "1.000001"}, "thread_not_found"),
        ("files.completeUploadExternal", {"files": [{"id": "F1"}]}, "file_not_found"),
        ("chat.shout", {}, "unknown_method"),
    ],
)
async def test_what_slack_refuses_is_refused_in_its_words(client, method, arguments, error):
    assert (await refused(client.api_call(method, json=arguments))).response["error"] == error


async def test_an_edit_may_not_be_as_long_as_a_new_message(client):
    posted = await client.chat_postMessage(channel="releases", text="x" * 40_000)
    error = await refused(client.chat_update(channel=posted["channel"], ts=posted["ts"], text="x" * 4_001))
    assert error.response["error"] == "msg_too_long"


async def test_too_many_requests_say_when_to_come_back(slack, client):
    slack.faults.add(SlackFault(method="chat.postMessage", status=429, retry_after_s=7))
    error = await refused(client.chat_postMessage(channel="releases", text="x"))
    assert (error.response.status_code, error.response.headers["Retry-After"]) == (429, "7")
    assert error.response["error"] == "ratelimited"
    await client.chat_postMessage(channel="releases", text="x")


@pytest.mark.parametrize("fault", [{"status": 503}, {"error": "internal_error"}, {"reset": True}])
@pytest.mark.parametrize("lost", [False, True])
async def test_a_reply_can_be_refused_or_lost_with_the_message_posted_or_not(slack, client, fault, lost):
    slack.faults.add(SlackFault(method="chat.postMessage", resource="releases", lost=lost, **fault))
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await client.chat_postMessage(channel="releases", text="x")
    assert len(slack.workspace.channel("releases").messages) == int(lost)


async def test_the_clients_own_retry_posts_twice_when_a_reply_is_lost(slack):
    client = AsyncWebClient("xoxb-right", base_url=slack.api_url)
    slack.faults.add(SlackFault(method="chat.postMessage", reset=True, lost=True))
    await client.chat_postMessage(channel="releases", text="x")
    assert len(slack.workspace.channel("releases").messages) == 2


async def test_a_reply_can_be_too_late(slack, client):
    slack.faults.add(SlackFault(delay_s=30))
    client.timeout = 0.2
    with pytest.raises(TimeoutError):
        await client.chat_postMessage(channel="releases", text="x")
    assert slack.workspace.channel("releases").messages == {}


@pytest.mark.parametrize("fault", [{"status": 200}, {"lost": True}, {"delay_s": -1}, {"times": 0}])
async def test_a_fault_that_makes_no_sense_is_refused(fault):
    with pytest.raises(ValueError, match=r"status|lost|delay_s|times"):
        SlackFault(**fault)


async def test_the_page_shows_mark_up_as_people_would_see_it(slack, client):
    text = "*bold* _leaning_ ~gone~ `a*b*c` <http://127.0.0.1/run|Run> :rocket: 2 * 3 * 4 &lt;b&gt;"
    await client.chat_postMessage(channel="releases", text="fallback", blocks=[section(text)])
    shown = await page(slack)
    assert "<b>bold</b> <i>leaning</i> <s>gone</s> <code>a*b*c</code>" in shown
    assert '<a href="http://127.0.0.1/run">Run</a> 🚀 2 * 3 * 4 &lt;b&gt;' in shown
    assert "fallback" not in shown


async def test_a_coloured_circle_is_drawn_whatever_fonts_there_are(slack, client):
    await client.chat_postMessage(channel="releases", text=":large_green_circle: :unheard_of: *live*")
    assert '<section><span style="color:#2eb67d">⬤</span> :unheard_of: <b>live</b></section>' in await page(slack)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "<javascript:alert(1)|x>", '<http://x"onclick="y|x>', "`<script>`", "*<i>*"]
)
async def test_nothing_in_a_message_becomes_mark_up_of_the_page(slack, client, text):
    await client.chat_postMessage(channel="releases", text=text)
    shown = (await page(slack)).partition("<main>")[2]
    assert not any(mark in shown for mark in ("<script", 'href="javascript', 'onclick="', "<i>"))


async def test_the_home_page_leads_to_the_first_channel(slack):
    async with aiohttp.ClientSession() as browser, browser.get(slack.workspace.url) as answer:
        assert answer.url.path == "/channels/releases"
        assert "Nothing yet." in await answer.text()
