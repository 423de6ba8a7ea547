"""Slack as a messenger: blocks within its limits, a key in each message's metadata, errors in our words."""

import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.blocks import Block, ContextBlock, HeaderBlock, MarkdownTextObject, SectionBlock
from slack_sdk.web.async_client import AsyncWebClient

from surefoot.errors import ConfigError, Refused, Unavailable
from surefoot.notice import Message
from tasks.store.delivery import Gone
from tasks.store.outbox import Posted

_log = logging.getLogger(__name__)

# Slack's own limits, in characters; slack_sdk raises above them, and a long reason would lose the alert.
_HEADER_MAX, _SECTION_MAX, _BLOCKS_MAX = 150, 3000, 50
_EVENT = "surefoot_notice"
_PAGES_MAX = 5
_PASSING = ("ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout")
_GONE = ("message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed")
_CURES = {
    "invalid_auth": "the token is not one Slack knows; see where the service file refers to it",
    "not_authed": "no token came along; see where the service file refers to it",
    "token_revoked": "somebody revoked the token; install the Slack app again",
    "account_inactive": "the token's app or user was removed; install the Slack app again",
    "channel_not_found": "see that the channel's id is right, and invite the app: /invite @surefoot",
    "not_in_channel": "invite the app to the channel: /invite @surefoot",
    "is_archived": "the channel is archived; name another one in the service file",
    "missing_scope": "the Slack app needs chat:write and channels:history (groups:history where it is private)",
}


class Slack:
    """A connection to one workspace; `close` it. The token goes nowhere but into the requests."""

    def __init__(self, client: AsyncWebClient, session: aiohttp.ClientSession) -> None:
        self._client = client
        self._session = session

    @classmethod
    def connect(cls, token: str, api_url: str = "https://slack.com/api/", timeout_s: float = 10.0) -> "Slack":
        """Return a connection for a running event loop; ConfigError where the token would travel in the clear."""
        where = urlsplit(api_url)
        if where.scheme != "https" and where.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ConfigError(f"slack.api_url {api_url} would send the token in the clear; write https://…")
        session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s))
        base_url = api_url if api_url.endswith("/") else f"{api_url}/"
        # The client's own retries would post a message again whose reply was lost.
        client = AsyncWebClient(token, base_url, session=session, retry_handlers=[])
        return cls(client, session)

    async def close(self) -> None:
        """Let go of connections."""
        await self._session.close()

    async def post(self, channel: str, words: Message, key: str, thread: Posted | None = None) -> Posted:
        """Post a message, in a thread if given; `key` (a UUID) goes with it, so that it can be found."""
        where = {"channel": thread.channel, "thread_ts": thread.ts} if thread else {"channel": channel}
        quiet = {"unfurl_links": False, "unfurl_media": False, "client_msg_id": key}
        answer = await self._say("chat.postMessage", words, {**where, **quiet, "metadata": _metadata(key)})
        return Posted(answer["channel"], answer["ts"])

    async def edit(self, at: Posted, words: Message, key: str) -> None:
        """Make a message say this; Gone when there is none."""
        where = {"channel": at.channel, "ts": at.ts, "metadata": _metadata(key)}
        await self._say("chat.update", words, where)

    async def find(self, channel: str, key: str, since: datetime, thread: Posted | None = None) -> Posted | None:
        """Return where the message with a key is; None when it did not arrive, or Slack won't let us look."""
        try:
            where = thread.channel if thread else await self._channel_id(channel)
            wanted = {"channel": where, "oldest": f"{since.timestamp():.6f}", "include_all_metadata": True}
            method = "conversations.replies" if thread else "conversations.history"
            messages = self._pages(method, "messages", {**wanted, **({"ts": thread.ts} if thread else {})})
            async for message in messages:
                if message.get("metadata", {}).get("event_payload", {}).get("key") == key:
                    return Posted(where, message["ts"])
        except Refused as problem:
            _log.warning("cannot look whether a message arrived, so it may come twice: %s", problem)
        return None

    async def _say(self, method: str, words: Message, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        said = {"text": cut(words.text, _SECTION_MAX), "blocks": [block.to_dict() for block in blocks(words)]}
        try:
            return await self._call(method, {**arguments, **said})
        except Malformed as problem:
            _log.warning("sending plain text instead: %s", problem)
            plain = "\n".join(part for part in (words.header, *words.sections, *words.context) if part)
            return await self._call(method, {**arguments, "text": cut(plain, _SECTION_MAX), "blocks": []})

    async def _channel_id(self, channel: str) -> str:
        """Return the id that reading needs; writing takes a name as well."""
        if re.fullmatch(r"[CDG][A-Z0-9]{7,}", channel):
            return channel
        kinds = {"types": "public_channel,private_channel", "exclude_archived": True}
        try:
            async for found in self._pages("conversations.list", "channels", kinds):
                if found.get("name") == channel.removeprefix("#"):
                    return str(found["id"])
        except Refused as problem:
            _log.info("cannot look up the id of %s: %s", channel, problem)
        return channel

    async def _pages(self, method: str, what: str, arguments: Mapping[str, Any]) -> AsyncIterator[Mapping[str, Any]]:
        cursor = ""
        for _ in range(_PAGES_MAX):
            answer = await self._call(method, {**arguments, "limit": 200, **({"cursor": cursor} if cursor else {})})
            for item in answer.get(what) or ():
                yield item
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    async def _call(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        reads = method.startswith("conversations.")
        with _translated(method):
            if reads:
                texts = {name: str(value).lower() if value is True else value for name, value in arguments.items()}
                answer = await self._client.api_call(method, http_verb="GET", params=texts)
            else:
                answer = await self._client.api_call(method, json=dict(arguments))
        data = answer.data
        if not isinstance(data, Mapping):
            raise Unavailable(f"{method}: what answered is not Slack")
        return data


class Malformed(Refused):
    """Slack does not take the blocks; the plain text is worth a try."""


def blocks(words: Message) -> list[Block]:
    """Return a message's blocks, everything cut to what Slack takes, the beginning kept."""
    header = [HeaderBlock(text=cut(words.header, _HEADER_MAX))] if words.header else []
    sections = [
        SectionBlock(text=MarkdownTextObject(text=cut(section, _SECTION_MAX))) for section in words.sections if section
    ]
    small = " · ".join(words.context)
    context = [ContextBlock(elements=[MarkdownTextObject(text=cut(small, _SECTION_MAX))])] if small else []
    return [*header, *sections[: _BLOCKS_MAX - 2], *context]


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text, without half an escape, half a link or a tail of blanks."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    if kept.rfind("<") > kept.rfind(">"):
        kept = kept[: kept.rfind("<")]
    return re.sub(r"&[a-z]{0,3}$", "", kept).rstrip() + "…"


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": _EVENT, "event_payload": {"key": key}}


@contextmanager
def _translated(method: str) -> Iterator[None]:
    try:
        yield
    except SlackApiError as error:
        raise _in_our_words(method, error) from error
    except (aiohttp.ClientError, SlackClientError, TimeoutError, OSError) as error:
        raise Unavailable(f"{method}: Slack did not answer ({type(error).__name__})") from error
    except (AttributeError, ValueError) as error:  # slack_sdk on a proxy's page instead of JSON
        raise Unavailable(f"{method}: what answered is not Slack") from error


def _in_our_words(method: str, error: SlackApiError) -> Unavailable | Refused:
    status = getattr(error.response, "status_code", 0)
    data = getattr(error.response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, Mapping) else ""
    if status == 429 or status >= 500 or not code or code in _PASSING:
        return Unavailable(f"{method}: Slack answered {status} {code}".rstrip(), _retry_after_s(error.response))
    if code in _GONE:
        return Gone(f"{method}: {code}")
    if "block" in code:
        return Malformed(f"{method}: {code}")
    return Refused(f"{method}: Slack refused: {code}; {_CURES.get(code, 'https://docs.slack.dev has the word')}")


def _retry_after_s(response: Any) -> float | None:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
