"""The Web API on HTTP: tokens, arguments as slack_sdk sends them, faults, and the page."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from rehearsal.faults import Aim, Faults
from rehearsal.serving import served
from rehearsal.slack.channel import SlackError, Workspace
from rehearsal.slack.page import channel_page

_SCHEME = "Bearer "
_UPLOAD_MAX = 50 * 2**20
_READS = ("channels", "groups")
SCOPES = ("chat:write", "channels:history", "channels:read", "groups:history", "groups:read", "files:write")
# Any one of these will do; a method that is not here needs none.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "chat.postMessage": ("chat:write",),
    "chat.update": ("chat:write",),
    "conversations.history": tuple(f"{kind}:history" for kind in _READS),
    "conversations.replies": tuple(f"{kind}:history" for kind in _READS),
    "conversations.info": tuple(f"{kind}:read" for kind in _READS),
    "conversations.list": tuple(f"{kind}:read" for kind in _READS),
    "files.getUploadURLExternal": ("files:write",),
    "files.completeUploadExternal": ("files:write",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackFault(Aim):
    """What happens to a call of the Web API (`chat.postMessage`, …); its resource is the channel.

    It waits `delay_s` seconds, then is answered with HTTP `status` (429 with `retry_after_s`), or with `error` and
    `ok: false`, or (`reset`) not at all. With `lost` it is carried out first.
    """

    status: int = 0
    retry_after_s: int = 1
    error: str = ""
    delay_s: float = 0.0
    reset: bool = False
    lost: bool = False

    def __post_init__(self) -> None:
        Aim.__post_init__(self)  # a slotted dataclass has no zero-argument super()
        if self.delay_s < 0 or self.retry_after_s < 0:
            raise ValueError(f"delay_s {self.delay_s} and retry_after_s {self.retry_after_s} start at 0")
        if self.status and not 400 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not an error; write 400 to 599")
        if self.lost and not (self.status or self.error or self.reset):
            raise ValueError("lost needs a status, an error or reset: what the caller sees in the reply's place")


@dataclass(slots=True)
class Slack:
    """A workspace behind one token, which may do what its `scopes` say."""

    token: str = field(repr=False)
    workspace: Workspace
    scopes: tuple[str, ...] = SCOPES
    faults: Faults[SlackFault] = field(default_factory=Faults)

    @property
    def api_url(self) -> str:
        """Return the `base_url` for slack_sdk."""
        return f"{self.workspace.url}api/"

    @classmethod
    @asynccontextmanager
    async def start(cls, token: str, channels: Sequence[str], port: int = 0) -> AsyncIterator["Slack"]:
        """Serve a workspace on loopback while the block runs."""
        slack = cls(token, Workspace.of(*channels))
        async with served(slack.app(), port) as address:
            slack.workspace.url = f"{address}/"
            yield slack

    def app(self) -> web.Application:
        """Return the application with all routes."""
        app = web.Application(client_max_size=_UPLOAD_MAX)
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_post("/upload/v1/{file}", self._upload)
        app.router.add_get("/files/{file}", self._file)
        app.router.add_get("/channels/{channel}", self._channel)
        app.router.add_get("/", self._home)
        return app

    async def _call(self, request: web.Request) -> web.Response:
        method, arguments = request.match_info["method"], await _arguments(request)
        refused = self._unauthorized(request)
        if refused:
            return _failed(SlackError(refused))
        fault = self.faults.take(method, str(arguments.get("channel") or arguments.get("channel_id") or ""))
        if fault is None:
            return self._carried_out(method, arguments)
        await asyncio.sleep(fault.delay_s)
        if fault.lost or not (fault.reset or fault.status or fault.error):
            answer = self._carried_out(method, arguments)
        if fault.reset and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if fault.status:
            headers = {"Retry-After": str(fault.retry_after_s)} if fault.status == 429 else {}
            body = {"ok": False, "error": "ratelimited" if fault.status == 429 else "internal_error"}
            return web.json_response(body, status=fault.status, headers=headers)
        return _failed(SlackError(fault.error)) if fault.error else answer

    def _carried_out(self, method: str, arguments: dict[str, Any]) -> web.Response:
        verb, needed = self.workspace.methods().get(method), _NEEDED.get(method, ())
        if verb is None:
            return _failed(SlackError("unknown_method"))
        try:
            if needed and not set(needed) & set(self.scopes):
                raise SlackError("missing_scope")  # noqa: TRY301  the answer is as that of any refusal
            answer = web.json_response({"ok": True, **verb(arguments)})
        except SlackError as error:
            answer = _failed(error)
        answer.headers["x-oauth-scopes"] = ",".join(self.scopes)
        return answer

    def _unauthorized(self, request: web.Request) -> str:
        given = request.headers.get("Authorization", "")
        if not given.startswith(_SCHEME):
            return "not_authed"
        matches = hmac.compare_digest(given.removeprefix(_SCHEME).encode(), self.token.encode())
        return "" if matches else "invalid_auth"

    async def _upload(self, request: web.Request) -> web.Response:
        file = request.match_info["file"]
        if file not in self.workspace.files:
            raise web.HTTPNotFound
        body = await request.read()
        self.workspace.contents[file] = body
        return web.Response(text=f"OK - {len(body)}")

    async def _file(self, request: web.Request) -> web.Response:
        file = request.match_info["file"]
        if file not in self.workspace.contents:
            raise web.HTTPNotFound
        picture = self.workspace.files[file]["name"].endswith(".png")
        kind = "image/png" if picture else "application/octet-stream"
        return web.Response(body=self.workspace.contents[file], content_type=kind)

    async def _channel(self, request: web.Request) -> web.Response:
        try:
            channel = self.workspace.channel(request.match_info["channel"])
        except SlackError as error:
            raise web.HTTPNotFound(text=error.error) from error
        return web.Response(
            text=channel_page(channel, list(self.workspace.channels.values())), content_type="text/html"
        )

    async def _home(self, _request: web.Request) -> web.Response:
        first = next(iter(self.workspace.channels.values()))
        raise web.HTTPFound(f"/channels/{first.name}")


async def _arguments(request: web.Request) -> dict[str, Any]:
    """Return the query, the form and the JSON body together: slack_sdk uses each for some method."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        arguments |= await request.json()
    elif request.can_read_body:
        arguments |= dict(await request.post())
    return arguments


def _failed(error: SlackError) -> web.Response:
    body: dict[str, Any] = {"ok": False, "error": error.error}
    if error.lines:
        body["errors"] = list(error.lines)
        body["response_metadata"] = {"messages": [f"[ERROR] {line}" for line in error.lines]}
    return web.json_response(body)
