"""The AWS services that are not rehearsed here: moto answers for them, in this process and on loopback."""

import asyncio
import hashlib
import json
import logging
import re
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from rehearsal.aws.names import ACCOUNT, REGION
from rehearsal.aws.refusal import Refusal

_OF_THIS_HOP = frozenset(
    ("connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding")
)
_XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_ALARM_STATE = re.compile(r"<StateValue>([A-Z_]+)</StateValue>")
_UNKNOWN = "INSUFFICIENT_DATA"


@dataclass(slots=True)
class Elsewhere:
    """moto, started by the first call that needs it, empty at its start; its memory is its only state."""

    _server: Any = None
    _url: str = ""
    _http: aiohttp.ClientSession | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, request: web.Request) -> tuple[web.Response, str]:
        """Pass a call on and return what moto said, with its error code or `OK`; Refusal where moto is missing."""
        await self._started()
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _OF_THIS_HOP]
        headers.append(("x-moto-account-id", ACCOUNT))
        asked = await request.read()
        if request.headers.get("X-Amz-Target", "").endswith(".PutImage"):
            asked = _by_its_bytes(asked)
        status, told, body = await self._asked(request.method, request.path_qs, headers, asked)
        kept = [(name, value) for name, value in told.items() if name.lower() not in _OF_THIS_HOP]
        kept += [(name, value) for name, value in told.items() if name.lower() == "content-encoding"]
        response = web.Response(status=status, body=body)
        response.headers.clear()
        response.headers.extend(kept)
        return response, "OK" if status < 400 else _code(told, body)

    async def alarm_state(self, name: str) -> str:
        """Return a CloudWatch alarm's state: `OK`, `ALARM`, or `INSUFFICIENT_DATA` where there is none."""
        try:
            await self._started()
        except Refusal:  # without moto nobody can have made an alarm
            return _UNKNOWN
        signed = f"AWS4-HMAC-SHA256 Credential=rehearsal/20260101/{REGION}/monitoring/aws4_request"
        kind = "application/x-www-form-urlencoded; charset=utf-8"
        headers = [("Authorization", signed), ("Content-Type", kind), ("x-moto-account-id", ACCOUNT)]
        form = aiohttp.FormData(
            [("Action", "DescribeAlarms"), ("Version", "2010-08-01"), ("AlarmNames.member.1", name)]
        )
        _, _, body = await self._asked("POST", "/", headers, form)
        found = _ALARM_STATE.search(body.decode())
        return found[1] if found else _UNKNOWN

    async def close(self) -> None:
        """Stop moto, if it was started."""
        if self._http is not None:
            await self._http.close()
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
        self._server = self._http = None

    async def _asked(self, method: str, path: str, headers: list[tuple[str, str]], body: Any) -> tuple[int, Any, bytes]:
        assert self._http is not None
        asking = self._http.request(method, self._url + path, headers=headers, data=body, skip_auto_headers=["Accept"])
        async with asking as answer:
            return answer.status, answer.headers, await answer.read()

    async def _started(self) -> None:
        async with self._starting:
            if self._server is None:
                self._server = await asyncio.to_thread(_start)
                host, port = self._server.get_host_and_port()
                self._url, self._http = f"http://{host}:{port}", aiohttp.ClientSession(auto_decompress=False)
                await self._asked("POST", "/moto-api/reset", [], b"")


def _start() -> Any:
    try:
        from moto.server import ThreadedMotoServer  # noqa: PLC0415  takes a second, and is not always installed
    except ImportError as problem:
        text = "This service is answered by moto, which is not installed; install moto[server] beside the rehearsal."
        raise Refusal("NotImplemented", text, 501) from problem
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would tell of every call; the journal does
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    return server


def _by_its_bytes(body: bytes) -> bytes:
    """Return the call that keeps an image under its manifest's own digest, as ECR does; moto would make one up."""
    asked = json.loads(body)
    digest = f"sha256:{hashlib.sha256(asked.get('imageManifest', '').encode()).hexdigest()}"
    if asked.setdefault("imageDigest", digest) != digest:
        raise Refusal("ImageDigestDoesNotMatchException", f"The manifest's digest is {digest}.")
    return json.dumps(asked).encode()


def _code(headers: Any, body: bytes) -> str:
    if told := headers.get("x-amzn-ErrorType") or headers.get("x-amzn-query-error"):
        return str(told).partition(";")[0].partition(":")[0]
    if found := _XML_CODE.search(body):
        return found[1].decode()
    try:
        return str(json.loads(body)["__type"]).rpartition("#")[2]
    except (ValueError, KeyError, TypeError):
        return "Unknown"
