"""All of AWS at one address, as AWS_ENDPOINT_URL has it, with faults and journal around each call."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from rehearsal.aws.elsewhere import Elsewhere
from rehearsal.aws.refusal import Refusal
from rehearsal.aws.wire import JSON, Asked, answered, read, refused
from rehearsal.faults import AwsFault, Call, Faults, Journal
from rehearsal.serving import served

Handlers = Mapping[str, Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]]

_BODY_MAX_BYTES = 16 * 2**20
_CUT = "ConnectionClosed"
_UNKNOWN = {"ecs": "UnknownOperationException", "elasticloadbalancing": "InvalidAction"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Reply:
    """What goes back, and the code that the journal keeps of it; without a response the connection is closed."""

    code: str
    response: web.Response | None = None


@dataclass(slots=True)
class Front:
    """What stands between the wire and the cloud: protocols, identity, faults, journal.

    `ecs`, `elb` and `cloudwatch` are handlers by operation, called with the parameters as they came and the access key
    id of who called; they return the answer, or raise Refusal. Everything else goes `elsewhere`, what CloudWatch has no
    handler for among it.
    """

    ecs: Handlers
    elb: Handlers
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    faults: Faults[AwsFault] = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)
    cloudwatch: Handlers = field(default_factory=dict)

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on loopback while the block runs and yield the address; OSError when the port is taken."""
        app = web.Application(client_max_size=_BODY_MAX_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        try:
            async with served(app, port) as url:
                yield url
        finally:
            await self.elsewhere.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        began, at = time.perf_counter(), datetime.now(UTC)
        try:
            asked = await read(request)
        except ConnectionError:  # whoever asked died before it was said
            return web.Response()
        fault = self.faults.take(asked.method, f"{asked.api} {asked.resource}")
        reply = _Reply("Cancelled")
        try:
            reply = await (self._carried_out(asked, request) if fault is None else self._faulted(fault, asked, request))
        finally:
            took_s, agent = time.perf_counter() - began, request.headers.get("User-Agent", "")
            self._record(at, asked, reply.code, took_s, faulted=fault is not None, agent=agent)
        if reply.response is not None:
            return reply.response
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _record(self, at: datetime, asked: Asked, code: str, took_s: float, *, faulted: bool, agent: str = "") -> None:
        made = (at, asked.method, asked.resource, code, took_s, asked.caller, faulted)
        self.journal.record(Call(*made, asked.api, agent))

    async def _carried_out(self, asked: Asked, request: web.Request) -> _Reply:
        try:
            if asked.api not in _UNKNOWN and not self._measures(asked):
                response, code = await self.elsewhere.answer(request)
                return _Reply(code, response)
            return _Reply("OK", answered(asked, await self._called(asked)))
        except Refusal as refusal:
            return _refused(asked, refusal)

    def _measures(self, asked: Asked) -> bool:
        """Say whether a call of CloudWatch's is answered here; it is read in the protocol that boto3 speaks."""
        return asked.api == "cloudwatch" and asked.media == JSON and asked.method in self.cloudwatch

    async def _called(self, asked: Asked) -> dict[str, Any]:
        if asked.unreadable is not None:
            raise asked.unreadable
        known = {"ecs": self.ecs, "cloudwatch": self.cloudwatch}.get(asked.api, self.elb)
        handler = known.get(asked.method)
        if handler is None:
            raise Refusal(_UNKNOWN[asked.api], f"The action {asked.method} is not known here.")
        try:
            return await handler(asked.params, asked.caller)
        except Refusal:
            raise
        except Exception as problem:  # a mistake of ours: the client is to hear of it in its own protocol
            _log.exception("%s failed", asked.method)
            raise Refusal("InternalFailure", f"{type(problem).__name__}: {problem}") from problem

    async def _faulted(self, fault: AwsFault, asked: Asked, request: web.Request) -> _Reply:
        if fault.writer:
            await self._meddle(fault)
        reply = await self._carried_out(asked, request) if fault.lost else None
        await asyncio.sleep(fault.delay_s)
        if fault.cut:
            return _Reply(_CUT)
        if reply is not None and reply.code != "OK":
            return reply
        if fault.code == "OK":
            return await self._carried_out(asked, request)
        return _refused(asked, Refusal(fault.code, fault.message or f"Rehearsed fault: {fault.code}.", fault.status))

    async def _meddle(self, fault: AwsFault) -> None:
        """Let somebody else make a call; the journal tells what became of it."""
        began, at = time.perf_counter(), datetime.now(UTC)
        api = "ecs" if fault.writer_action in self.ecs else "elasticloadbalancing"
        asked, code = Asked(api, fault.writer_action, fault.writer, "", fault.writer_params), "OK"
        try:
            await self._called(asked)
        except Refusal as refusal:
            code = refusal.code
        self._record(at, asked, code, time.perf_counter() - began, faulted=False)


def _refused(asked: Asked, refusal: Refusal) -> _Reply:
    return _Reply(refusal.code, refused(asked, refusal))
