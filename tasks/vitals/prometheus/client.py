"""Prometheus' HTTP API: one query at one moment, within a time and a size."""

import json
from typing import Any

import httpx

from surefoot.errors import ConfigError
from tasks.vitals.prometheus.series import Series, Unseen, read_matrix

# 200,000 samples: hundreds of series over a quarter of an hour.
_ANSWER_MAX = 16 * 1024 * 1024
_SAID_MAX = 200


class Client:
    """Asks; whatever goes wrong is Unseen, in words."""

    def __init__(
        self, url: str, token: str, within_s: float, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"Accept": "application/json", "User-Agent": "surefoot"}
        if not (token.isascii() and token.isprintable()):
            # Not left to the client, whose error would show it.
            raise ConfigError("the token of vitals has a sign in it that no header can carry, such as a line's end")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._url = f"{url}/api/v1/query"
        # Redirects are answers: a token goes where it was meant to go, and nowhere else. Nor does a proxy of this
        # machine's environment see it.
        self._http = httpx.AsyncClient(
            headers=headers, timeout=within_s, follow_redirects=False, transport=transport, trust_env=False
        )

    async def time(self) -> float:
        """Return what time Prometheus has, seconds since the epoch: ours may be off."""
        answer = await self._ask({"query": "time()"})
        if not isinstance(answer, dict) or answer.get("resultType") != "scalar":
            raise Unseen("prometheus answered something else than its time")
        return float(answer["result"][1])

    async def samples(self, selector: str, at: float, seconds: float) -> tuple[Series, ...]:
        """Return the samples that a selector has in the `seconds` before a moment, as they were scraped."""
        query = f"{selector}[{round(seconds * 1000)}ms]"
        return read_matrix(await self._ask({"query": query, "time": f"{at:.3f}"}))

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def _ask(self, form: dict[str, str]) -> Any:
        try:
            async with self._http.stream("POST", self._url, data=form) as response:
                body = await _body(response)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise Unseen(_in_words(problem)) from None
        return _data(response, body)


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _ANSWER_MAX:
            raise Unseen(f"prometheus answered more than {_ANSWER_MAX:,} bytes; let the selectors match less")
    return bytes(body)


def _data(response: httpx.Response, body: bytes) -> Any:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or answer.get("status") not in ("success", "error"):
        raise Unseen(f"prometheus answered {response.status_code}, which is not what its API says")
    if answer["status"] == "error" or not response.is_success:
        said = f"{answer.get('errorType', '')}: {answer.get('error', '')}".strip(": ")
        raise Unseen(f"prometheus answered {response.status_code}: {said[:_SAID_MAX]}")
    if warnings := answer.get("warnings"):
        # Partial answers come with them, and half of the requests is worse than none.
        raise Unseen(f"prometheus warns: {'; '.join(map(str, warnings))[:_SAID_MAX]}")
    if answer.get("isPartial"):
        raise Unseen("prometheus answered in part only")
    return answer.get("data")


def _in_words(problem: httpx.HTTPError | httpx.InvalidURL) -> str:
    if isinstance(problem, httpx.TimeoutException):
        return "prometheus did not answer in time"
    if isinstance(problem, httpx.ConnectError):
        return "prometheus cannot be reached"
    return f"prometheus broke off ({type(problem).__name__})"
