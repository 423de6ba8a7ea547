"""MetricService on gRPC: ListTimeSeries under its genuine name, with faults and journal around each call."""

import asyncio
import errno
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
from google.cloud import monitoring_v3
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from rehearsal.cloud_run.refusal import Refusal, invalid, retry_info
from rehearsal.faults import ApiFault, Call, Faults, Journal
from rehearsal.meter import Key, Meter
from rehearsal.monitoring import filters
from rehearsal.monitoring.series import COUNT, LATENCIES, Series, written
from rehearsal.splitter import Place

_METHOD = "ListTimeSeries"
_PAGE = 100_000
_STOP_S = 0.2
_KEPT = 200

Request = monitoring_v3.ListTimeSeriesRequest
Response = monitoring_v3.ListTimeSeriesResponse


@dataclass(slots=True)
class Monitoring:
    """What Cloud Run's users' requests came to, by `project/location/service` and revision.

    A minute is shown once it has been over for `lag_s`. `incomplete` is what an answer says is left out of it. `asked`
    are the last requests, as they came.
    """

    meter: Meter = field(default_factory=Meter)
    lag_s: float = 180.0
    clock: Callable[[], float] = time.time
    incomplete: str = ""
    faults: Faults[ApiFault] = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)
    asked: deque[Request] = field(default_factory=lambda: deque(maxlen=_KEPT))

    @property
    def handlers(self) -> tuple[Any, ...]:
        """Return what a gRPC server needs to answer with it."""
        handler = grpc.unary_unary_rpc_method_handler(
            self._answer, request_deserializer=Request.deserialize, response_serializer=Response.serialize
        )
        return (grpc.method_handlers_generic_handler("google.monitoring.v3.MetricService", {_METHOD: handler}),)

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on loopback while the block runs and yield `grpc://127.0.0.1:PORT`; OSError when it is taken."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers(self.handlers)
        try:
            bound = server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError as problem:
            raise OSError(errno.EADDRINUSE, f"cannot listen on 127.0.0.1:{port}: is it taken?") from problem
        await server.start()
        try:
            yield f"grpc://127.0.0.1:{bound}"
        finally:
            await server.stop(_STOP_S)

    async def _answer(self, request: Request, context: Any) -> Response:
        began, at = time.perf_counter(), datetime.now(UTC)
        agent = str(dict(context.invocation_metadata() or ()).get("x-goog-api-client", ""))
        self.asked.append(request)
        fault = self.faults.take(_METHOD, f"{request.name} {request.filter}")
        code = StatusCode.UNKNOWN
        try:
            if fault is not None:
                await _suffer(fault)
            answer, code = self._list(request), StatusCode.OK
            return answer  # noqa: TRY300  the journal below needs to know
        except Refusal as refusal:
            code = refusal.code
            trailer = (("grpc-status-details-bin", refusal.status().SerializeToString()),)
            await context.abort(refusal.code, refusal.message, trailing_metadata=trailer)
            raise AssertionError from refusal  # abort does not return
        except asyncio.CancelledError:
            code = StatusCode.CANCELLED
            raise
        finally:
            made = (at, _METHOD, request.name, code.name, time.perf_counter() - began, "", fault is not None)
            self.journal.record(Call(*made, api="monitoring", agent=agent))

    def _list(self, request: Request) -> Response:
        metric, series = self._found(request)
        rows = [(one, point) for one in series for point in one.points]
        start = _offset(request.page_token)
        end = start + min(request.page_size or _PAGE, _PAGE)
        shown = [
            one.message(metric, points)
            for one in series
            if (points := [point for owner, point in rows[start:end] if owner is one])
        ]
        errors = [Status(code=StatusCode.UNAVAILABLE.value[0], message=self.incomplete)] if self.incomplete else []
        more = str(end) if end < len(rows) else ""
        return Response(time_series=shown, next_page_token=more, execution_errors=errors)

    def _found(self, request: Request) -> tuple[str, list[Series]]:
        """Return the metric that is asked for and its time series that have points in the interval."""
        start, end = request.interval.start_time, request.interval.end_time
        if not start or not end or start >= end:
            raise invalid("interval", "needs a start before its end.")
        wanted = filters.read(request.filter)
        (metric,) = wanted["metric.type"]
        if metric not in (COUNT, LATENCIES):
            raise Refusal(StatusCode.NOT_FOUND, f"Cannot find metric(s) that match type = {metric!r}.")
        last = min(end.timestamp(), self.clock() - self.lag_s)
        found: list[Series] = []
        for (place, revision), minutes in self.meter.minutes.items():
            resource = _resource(place, revision)
            within = [minute for minute in minutes if start.timestamp() < minute.end <= last]
            if f"projects/{resource['project_id']}" == request.name and filters.fits(wanted, resource):
                found += written(metric, resource, within)
        return metric, found


def revision_of(place: Place) -> Key | None:
    """Return what a place's requests are counted under; None where no revision of Cloud Run's had them."""
    return (place.service, place.revision) if place.revision and place.service.count("/") == 2 else None


async def _suffer(fault: ApiFault) -> None:
    await asyncio.sleep(fault.delay_s)
    if fault.status is not StatusCode.OK:
        details = [] if fault.retry_after_s is None else [retry_info(fault.retry_after_s)]
        raise Refusal(fault.status, fault.message or f"Rehearsed fault: {fault.code}.", details)


def _resource(place: str, revision: str) -> dict[str, str]:
    project, location, service = place.split("/")
    named = {"project_id": project, "location": location, "service_name": service, "configuration_name": service}
    return {**named, "revision_name": revision}


def _offset(token: str) -> int:
    if token and not token.isdigit():
        raise invalid("page_token", f"{token!r} was not given out here.")
    return int(token or 0)
