"""The API on gRPC, under the genuine method names, with faults and journal around each call."""

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
from google.cloud import run_v2
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode

from rehearsal.cloud_run.admin import CloudRun
from rehearsal.cloud_run.names import parent_of
from rehearsal.cloud_run.refusal import Refusal, retry_info
from rehearsal.faults import ApiFault, Call, Faults, Journal

CALLER_KEY = "x-rehearsal-caller"
DEFAULT_CALLER = "deployer@rehearsal"

Verb = Callable[[Any, str], Awaitable[Any]]


@dataclass(slots=True)
class Front:
    """What stands between the wire and the cloud: identity, faults, journal."""

    cloud: CloudRun
    faults: Faults[ApiFault] = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)

    async def serve(self, port: int = 0, beside: Sequence[Any] = ()) -> tuple[grpc.aio.Server, int]:
        """Listen on loopback and return the server with its port; OSError when the port is taken.

        `beside` are the handlers of other APIs at the same address.
        """
        # Without this a second rehearsal could share the port, and each call would find one or the other.
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((*self._handlers(), *beside))
        try:
            bound = server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError as problem:
            raise OSError(errno.EADDRINUSE, f"cannot listen on 127.0.0.1:{port}: is it taken?") from problem
        await server.start()
        return server, bound

    def _handlers(self) -> tuple[Any, ...]:
        cloud, operations = self.cloud, _Operations(self.cloud)
        verbs: dict[str, tuple[tuple[Any, Verb], ...]] = {
            "google.cloud.run.v2.Services": (
                (run_v2.CreateServiceRequest, cloud.create_service),
                (run_v2.UpdateServiceRequest, cloud.update_service),
                (run_v2.GetServiceRequest, cloud.get_service),
                (run_v2.ListServicesRequest, cloud.list_services),
                (run_v2.DeleteServiceRequest, cloud.delete_service),
            ),
            "google.cloud.run.v2.Revisions": (
                (run_v2.GetRevisionRequest, cloud.get_revision),
                (run_v2.ListRevisionsRequest, cloud.list_revisions),
                (run_v2.DeleteRevisionRequest, cloud.delete_revision),
            ),
            "google.longrunning.Operations": (
                (operations_pb2.GetOperationRequest, operations.get),
                (operations_pb2.WaitOperationRequest, operations.wait),
                (operations_pb2.ListOperationsRequest, operations.list),
                (operations_pb2.DeleteOperationRequest, operations.delete),
            ),
        }
        return tuple(
            grpc.method_handlers_generic_handler(service, dict(self._handler(*one) for one in listed))
            for service, listed in verbs.items()
        )

    def _handler(self, request_type: Any, verb: Verb) -> tuple[str, Any]:
        method = request_type.__name__.removesuffix("Request")

        async def answer(request: Any, context: Any) -> Any:
            return await self._answer(method, verb, request, context)

        read = request_type.deserialize if hasattr(request_type, "deserialize") else request_type.FromString
        return method, grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=read, response_serializer=_written
        )

    async def _answer(self, method: str, verb: Verb, request: Any, context: Any) -> Any:
        began, at = time.perf_counter(), datetime.now(UTC)
        told = dict(context.invocation_metadata() or ())
        caller, agent = str(told.get(CALLER_KEY, DEFAULT_CALLER)), str(told.get("x-goog-api-client", ""))
        resource = _resource(request)
        fault = self.faults.take(method, f"{self._service_of(resource)} {resource}")
        code = StatusCode.UNKNOWN
        try:
            reply = await (verb(request, caller) if fault is None else self._faulted(fault, verb, request, caller))
            code = StatusCode.OK
            return reply  # noqa: TRY300  the journal below needs to know
        except Refusal as refusal:
            code = refusal.code
            trailer = (("grpc-status-details-bin", refusal.status().SerializeToString()),)
            await context.abort(refusal.code, refusal.message, trailing_metadata=trailer)
        except asyncio.CancelledError:
            code = StatusCode.CANCELLED
            raise
        finally:
            took_s = time.perf_counter() - began
            self.journal.record(Call(at, method, resource, code.name, took_s, caller, fault is not None, agent=agent))

    async def _faulted(self, fault: ApiFault, verb: Verb, request: Any, caller: str) -> Any:
        if fault.writer:
            await self._meddle(fault, self._service_of(_resource(request)))
        if fault.lost:
            await verb(request, caller)
        await asyncio.sleep(fault.delay_s)
        if fault.stale:
            return self.cloud.before_last_write(_resource(request))
        if fault.status is StatusCode.OK:
            return await verb(request, caller)
        details = [] if fault.retry_after_s is None else [retry_info(fault.retry_after_s)]
        refusal = Refusal(fault.status, fault.message or f"Rehearsed fault: {fault.code}.", details)
        if fault.inside:
            return self._failing(refusal, self._service_of(_resource(request)))
        raise refusal

    def _failing(self, refusal: Refusal, name: str) -> operations_pb2.Operation:
        """Return an operation that is pending now and will fail."""
        service = run_v2.Service(name=name)
        operation = self.cloud.operations.begin(parent_of(name), service)
        pending = operations_pb2.Operation.FromString(operation.SerializeToString())

        async def fail() -> None:
            await asyncio.sleep(self.cloud.reconciler.pace.traffic_lag_s)
            self.cloud.operations.fail(operation, refusal, service)

        self.cloud.reconciler.background(fail())
        return pending

    def _service_of(self, resource: str) -> str:
        """Return the service that a call is about, be it by one of its revisions or operations."""
        return self.cloud.operations.about(resource).partition("/revisions")[0]

    async def _meddle(self, fault: ApiFault, name: str) -> None:
        """Let somebody else write to a service: move its traffic, or leave a mark."""
        service = run_v2.Service(await self.cloud.get_service(run_v2.GetServiceRequest(name=name), fault.writer))
        if fault.writer_traffic is not None:
            service.traffic = [_share(*share) for share in fault.writer_traffic.items()]
        else:
            service.annotations["rehearsal/touched-by"] = f"{fault.writer} {service.generation + 1}"
        await self.cloud.update_service(run_v2.UpdateServiceRequest(service=service), fault.writer)


@dataclass(frozen=True, slots=True)
class _Operations:
    """The operations service's calls over what the cloud keeps."""

    cloud: CloudRun

    async def get(self, request: operations_pb2.GetOperationRequest, _caller: str) -> operations_pb2.Operation:
        return self.cloud.operations.get(request.name)

    async def wait(self, request: operations_pb2.WaitOperationRequest, _caller: str) -> operations_pb2.Operation:
        timeout_s = request.timeout.ToNanoseconds() / 1e9 if request.HasField("timeout") else None
        return await self.cloud.operations.wait(request.name, timeout_s)

    async def list(self, request: operations_pb2.ListOperationsRequest, _caller: str) -> Any:
        return self.cloud.operations.list(request.name)

    async def delete(self, request: operations_pb2.DeleteOperationRequest, _caller: str) -> Empty:
        self.cloud.operations.delete(request.name)
        return Empty()


def _share(revision: str, percent: int) -> run_v2.TrafficTarget:
    by_revision = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
    return run_v2.TrafficTarget(type_=by_revision, revision=revision, percent=percent)


def _resource(request: Any) -> str:
    """Return the full name of what a request is about, or the parent of what it lists."""
    if isinstance(request, run_v2.CreateServiceRequest):
        return f"{request.parent}/services/{request.service_id}"
    if isinstance(request, run_v2.UpdateServiceRequest):
        return str(request.service.name)
    return str(getattr(request, "name", "") or getattr(request, "parent", ""))


def _written(message: Any) -> bytes:
    raw = message if hasattr(message, "SerializeToString") else type(message).pb(message)
    return bytes(raw.SerializeToString())
