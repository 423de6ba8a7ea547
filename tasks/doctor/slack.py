"""Slack as the doctor sees it: the token, what it may do, and whether the app is in the channel. Nothing is posted."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from surefoot.errors import ConfigError, Refused, Unavailable
from surefoot.service import SlackRule
from tasks.doctor.finding import Examination, Finding, NotSeen, blind, ill, well
from tasks.doctor.secret import secret

_TIMEOUT_S = 8.0
_PAGES_MAX = 5
_ID = re.compile(r"[CDG][A-Z0-9]{7,}")
_APP = "open https://api.slack.com/apps, OAuth & Permissions"
_INVITE = "in Slack: /invite @surefoot to the channel"
_BAD_TOKENS = ("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive")


def slack(rule: SlackRule) -> Examination:
    """Return the look at where people are told."""

    async def look() -> Sequence[Finding]:
        token = await secret(rule.token)
        async with _connected(token, rule.api_url) as client:
            with _translated("auth.test", rule):
                answer = await client.api_call("auth.test")
            who = f"{answer.get('user')} in {answer.get('team')}"
            scopes = {each.strip() for each in str(answer.headers.get("x-oauth-scopes", "")).split(",")} - {""}
            return [well("slack", f"the token is {who}'s"), await _channel(client, rule, scopes), _may(scopes)]

    return Examination("slack", look, "see that slack.com can be reached from here")


def _may(scopes: set[str]) -> Finding:
    """Return whether the token has the scopes that telling people needs."""
    if not scopes:
        return blind("scopes", "Slack does not say which scopes the token has")
    missing = [] if "chat:write" in scopes else ["chat:write"]
    if not scopes & {"channels:history", "groups:history"}:
        missing.append("channels:history (groups:history for a private channel)")
    if missing:
        return ill("scopes", f"missing: {', '.join(missing)}", f"{_APP}, add it, and install the app again")
    return well("scopes", ", ".join(sorted(scopes)))


async def _channel(client: AsyncWebClient, rule: SlackRule, scopes: set[str]) -> Finding:
    """Return whether the app may write to the channel, as far as Slack tells without a message."""
    if not scopes & {"channels:read", "groups:read"}:
        seen = f"whether the app is in {rule.channel} is not known: the token lacks channels:read"
        return blind("channel", seen, f"{_APP}, add channels:read (groups:read), and install the app again")
    with _translated(f"look up {rule.channel}", rule):
        found = await _found(client, rule.channel)
    if found is None:
        return ill("channel", f"{rule.channel} is not there, or private and without the app", _INVITE)
    if found.get("is_archived"):
        return ill("channel", f"{rule.channel} is archived", "name another one in the service file")
    public = not found.get("is_private") and "chat:write.public" in scopes
    if not (found.get("is_member") or public):
        return ill("channel", f"the app is not in {rule.channel}", _INVITE)
    return well("channel", f"the app may write to {rule.channel}")


async def _found(client: AsyncWebClient, channel: str) -> Mapping[str, Any] | None:
    if _ID.fullmatch(channel):
        answer = await client.api_call("conversations.info", http_verb="GET", params={"channel": channel})
        found: Mapping[str, Any] = answer["channel"]
        return found
    async for each in _listed(client):
        if each.get("name") == channel.removeprefix("#"):
            return each
    return None


async def _listed(client: AsyncWebClient) -> AsyncIterator[Mapping[str, Any]]:
    about = {"types": "public_channel,private_channel", "limit": "200"}
    for _ in range(_PAGES_MAX):
        answer = await client.api_call("conversations.list", http_verb="GET", params=about)
        for channel in answer.get("channels") or ():
            yield channel
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return
        about["cursor"] = cursor
    raise NotSeen(f"the workspace has more channels than were looked at ({_PAGES_MAX * 200}); write the channel's id")


@asynccontextmanager
async def _connected(token: str, api_url: str) -> AsyncIterator[AsyncWebClient]:
    where = urlsplit(api_url)
    if where.scheme != "https" and where.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(f"slack.api_url {api_url} would send the token in the clear; write https://…")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as session:
        base_url = api_url if api_url.endswith("/") else f"{api_url}/"
        yield AsyncWebClient(token, base_url, session=session, retry_handlers=[])


@contextmanager
def _translated(what: str, rule: SlackRule) -> Iterator[None]:
    """Turn the client's errors into ours; what Slack sends back is quoted by its word alone."""
    try:
        yield
    except SlackApiError as problem:
        data = getattr(problem.response, "data", None)
        word = str(data.get("error", "")) if isinstance(data, Mapping) else ""
        if word in _BAD_TOKENS:
            raise Refused(f"{what}: {word}; {_APP}, and put the token where {rule.token} says") from None
        if word == "channel_not_found":
            raise Refused(f"{rule.channel} is not there, or private and without the app; {_INVITE}") from None
        raise Unavailable(f"{what}: Slack answers {word or getattr(problem.response, 'status_code', 0)}") from None
    except (aiohttp.ClientError, SlackClientError, TimeoutError, OSError, ValueError, AttributeError) as problem:
        raise Unavailable(f"{what}: Slack does not answer ({type(problem).__name__}); see {rule.api_url}") from None
