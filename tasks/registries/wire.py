"""Requests to a registry: bounded in time and size, their errors in our words, and no secret in any of those."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from surefoot.errors import Refused, Unavailable
from tasks.registries.addresses import may_go, origin
from tasks.registries.stand_ins import is_here

# The specification lets a registry refuse manifests above 4 MiB; nothing that we read is bigger.
BODY_MAX = 4 * 2**20
_CALL_S, _CONNECT_S = 15.0, 5.0
_REDIRECTS_MAX = 3
_WORDS_MAX = 200
_REDIRECTS = (301, 302, 303, 307, 308)
_NOT_NOW = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and from which server."""

    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)
    url: str = field(repr=False)

    def json(self) -> dict[str, Any]:
        """Return the body's object; an empty one where the body is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class Wire:
    """The connections to one registry and to where it sends us; what it is told to `hide` is in no error."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._hidden: set[str] = set()
        # A proxy for the outside world has no business with this machine's own ports.
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(_CALL_S, connect=_CONNECT_S),
            trust_env=not is_here(urlsplit(base).netloc),
            headers={"User-Agent": "surefoot"},
        )

    def hide(self, secrets: Iterable[str]) -> None:
        """Keep these out of whatever is said."""
        self._hidden |= {secret for secret in secrets if secret}

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to one request, whatever its status; Unavailable where none came."""
        where = f"{method} {url.partition('?')[0]}"
        try:
            async with (
                asyncio.timeout(_CALL_S),
                self._client.stream(method, url, headers=dict(headers), data=form) as reply,
            ):
                return Answer(reply.status_code, reply.headers, await _bounded(reply, where), url)
        except TimeoutError as problem:
            raise Unavailable(f"{where}: no answer within {_CALL_S:g} s") from problem
        except httpx.HTTPError as problem:
            raise Unavailable(f"{where}: {str(problem) or type(problem).__name__}") from problem
        except httpx.InvalidURL as problem:
            raise Refused(f"{urlsplit(self.base).netloc}: sends us to what is no address") from problem

    async def follow(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer where redirects end; credentials stay with the server they were meant for."""
        sent = dict(headers)
        for _ in range(_REDIRECTS_MAX + 1):
            answer = await self.ask(method, url, sent)
            location = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not location:
                return answer
            url = self._next(url, location)
            if origin(url) != origin(self.base):
                sent.pop("Authorization", None)
        raise Refused(f"{method} {self.base}: more than {_REDIRECTS_MAX} redirects")

    def refusal(self, answer: Answer, what: str, hints: Mapping[int, str]) -> Unavailable | Refused:
        """Return the error that a status stands for, with the registry's own words and what to do next."""
        said = f"{what}: HTTP {answer.status}{self._words(answer)}"
        if answer.status in _NOT_NOW:
            return Unavailable(said, _retry_after_s(answer.headers))
        hint = hints.get(answer.status, "")
        return Refused(f"{said}{hint and '; '}{hint}")

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    def _next(self, url: str, location: str) -> str:
        there = str(httpx.URL(url).join(location))
        if not may_go(there, self.base):
            raise Refused(f"{urlsplit(self.base).netloc}: redirects to where we do not go; only https:// is followed")
        return there

    def _words(self, answer: Answer) -> str:
        errors = answer.json().get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        if not isinstance(first, dict):
            return ""
        words = " ".join(str(first.get(name) or "") for name in ("code", "message"))
        for secret in sorted(self._hidden, key=len, reverse=True):
            words = words.replace(secret, "•••")
        return " " + re.sub(r"[^\x20-\x7e•]+", " ", words).strip()[:_WORDS_MAX]


async def _bounded(reply: httpx.Response, where: str) -> bytes:
    body = bytearray()
    async for piece in reply.aiter_bytes():
        body += piece
        if len(body) > BODY_MAX:
            raise Refused(f"{where}: the answer is bigger than {BODY_MAX // 2**20} MiB; no manifest is")
    return bytes(body)


def _retry_after_s(headers: httpx.Headers) -> float | None:
    text = headers.get("retry-after", "")
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
