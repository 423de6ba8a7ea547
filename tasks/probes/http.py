"""One request over HTTP, and what came of it in words."""

import asyncio
import errno
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from surefoot.answer import Answer
from surefoot.check import Request
from surefoot.release import Address
from surefoot.units import took

_BODY_MAX = 1_048_576
# Shorter than any server's own, so that we never ask on a connection that is just being closed.
_IDLE_MAX_S = 2.0
_NOT_ASKED = (aiohttp.ClientConnectorDNSError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)
# What only our own side can be blamed for: no way out of this machine, or nothing left to ask with.
_OURS = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL}
_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.ETIMEDOUT: "connecting took too long",
    errno.EPIPE: "connection reset",
    errno.ENETUNREACH: "no route from here",
    errno.EHOSTUNREACH: "no route from here",
    errno.ENETDOWN: "no network here",
    errno.EMFILE: "no file handle left here",
    errno.ENFILE: "no file handle left here",
    errno.EADDRNOTAVAIL: "no local port left here",
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it: an answer, or a `problem` in words, or both when an expectation is not kept.

    `cause` is the problem without changing numbers, so that equal failures can be counted together. `ours` is True
    when our own side could not ask.
    """

    label: str
    seconds: float
    answer: Answer | None = None
    problem: str = ""
    cause: str = ""
    ours: bool = False


def connections(*, limit: int, keep_alive: bool) -> aiohttp.TCPConnector:
    """Return connections for at most `limit` requests at a time; without `keep_alive` each is used once."""
    if not keep_alive:
        return aiohttp.TCPConnector(limit=limit, force_close=True)
    return aiohttp.TCPConnector(limit=limit, keepalive_timeout=_IDLE_MAX_S)


def visitor(lines: aiohttp.TCPConnector, to: Address) -> aiohttp.ClientSession:
    """Return somebody without cookies yet, who asks over `lines` and sends the headers that lead to the address.

    A loopback address is as trusted as a TLS one, as in browsers: Secure cookies are sent back to it.
    """
    address = URL(to.url)
    trusted = [address.origin()] if address.host in ("127.0.0.1", "localhost", "::1") else None
    return aiohttp.ClientSession(
        connector=lines,
        connector_owner=False,
        cookie_jar=aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=trusted),
        headers={"User-Agent": "surefoot", **dict(to.headers)},
        middlewares=(_only_once,),
    )


class _Broken(Exception):
    """Carries a problem past aiohttp, which would ask again by itself."""

    def __init__(self, problem: aiohttp.ClientError) -> None:
        super().__init__()
        self.problem = problem


async def _only_once(request: aiohttp.ClientRequest, ask_it: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a GET that was reset: a service that drops one in twenty would look well."""
    try:
        return await ask_it(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as problem:
        raise _Broken(problem) from problem


async def ask(who: aiohttp.ClientSession, url: str, request: Request, sent: Request, timeout_s: float) -> Exchange:
    """Make one request and hold its answer against what `request` expects; `sent` has the carried values filled in.

    Redirects are answers, never followed: a preview that leads to the public address would show the wrong revision.
    """
    started = time.perf_counter()
    try:
        answer = await _answer(who, _below(url, sent.path), sent, timeout_s)
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        words = _in_words(problem, timeout_s)
        return Exchange(str(request), time.perf_counter() - started, None, words, words, _is_ours(problem))
    broken = request.broken(answer)
    if broken is None:
        return Exchange(str(request), answer.seconds, answer)
    cause = str(answer.status) if broken.subject == "status" else f"not {broken}"
    return Exchange(str(request), answer.seconds, answer, broken.problem(answer), cause)


async def _answer(who: aiohttp.ClientSession, address: URL, sent: Request, timeout_s: float) -> Answer:
    started = time.perf_counter()
    asked = who.request(
        sent.method,
        address,
        headers=_headers(sent),
        data=None if sent.body is None else sent.body.encode(),
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(),
    )
    try:
        async with asyncio.timeout(timeout_s), asked as response:
            body = await _start_of(response)
            seconds = time.perf_counter() - started
            size = max(len(body), response.content_length or 0)
            return Answer(response.status, _named(response), _text(body, response), seconds, size)
    except _Broken as broken:
        raise broken.problem from None


def _headers(sent: Request) -> CIMultiDict[str]:
    """Return the request's own headers, with a content type where a body came without one."""
    headers: CIMultiDict[str] = CIMultiDict(sent.headers)
    if sent.body is not None:
        looks_like_json = sent.body.lstrip().startswith(("{", "["))
        headers.setdefault("Content-Type", "application/json" if looks_like_json else "text/plain; charset=utf-8")
    return headers


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while len(body) < _BODY_MAX:
        piece = await response.content.read(_BODY_MAX - len(body))
        if not piece:
            return bytes(body)
        body += piece
    response.close()
    return bytes(body)


def _text(body: bytes, response: aiohttp.ClientResponse) -> str:
    try:
        return body.decode(response.charset or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _named(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    return {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}


def _below(url: str, path: str) -> URL:
    """Return the address of a path; ValueError when a carried value would lead to another host."""
    if "://" not in path:
        return URL(f"{url.rstrip('/')}/{path.removeprefix('/')}")
    address = URL(path)
    if address.origin() != URL(url).origin():
        raise ValueError(f"it leads away, to {address.host}; a check asks only its own address")
    return address


def _in_words(problem: Exception, timeout_s: float) -> str:
    if isinstance(problem, TimeoutError):
        return f"timed out after {took(timeout_s)}"
    return next((say(problem) for kind, say in _SAID if isinstance(problem, kind)), type(problem).__name__)


# The first that fits: the special ones stand before what they are special cases of.
_SAID: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (aiohttp.ClientConnectorDNSError, lambda problem: f"no such name: {problem.host}"),
    (aiohttp.ClientConnectorCertificateError, lambda problem: f"TLS: {_certificate(problem.certificate_error)}"),
    (aiohttp.ClientSSLError, lambda problem: f"TLS: {problem.strerror or 'handshake failed'}"),
    (ssl.SSLError, lambda problem: f"TLS: {problem.reason or 'broken'}"),
    (aiohttp.ServerDisconnectedError, lambda _: "connection closed without an answer"),
    (aiohttp.ClientPayloadError, lambda _: "answer broken off"),
    (aiohttp.InvalidURL, lambda _: "not an address that can be asked"),
    (aiohttp.NonHttpUrlClientError, lambda _: "not an address that can be asked"),
    (aiohttp.ClientResponseError, lambda _: "the answer is not HTTP"),
    (OSError, lambda problem: _WORDS.get(problem.errno, "connection failed")),
    (ValueError, str),
)


def _certificate(problem: Exception) -> str:
    return getattr(problem, "verify_message", "") or "certificate not accepted"


def _is_ours(problem: Exception) -> bool:
    return isinstance(problem, _NOT_ASKED) or getattr(problem, "errno", None) in _OURS
