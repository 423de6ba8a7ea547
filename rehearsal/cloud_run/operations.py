"""Long-running operations: begun with the resource as it was, done with a response or a typed error inside."""

import asyncio
import uuid
from dataclasses import dataclass, field

from google.cloud import run_v2
from google.longrunning.operations_pb2 import ListOperationsResponse, Operation
from google.protobuf.any_pb2 import Any as AnyMessage
from grpc import StatusCode

from rehearsal.cloud_run.refusal import Refusal

_LONGEST_WAIT_S = 600.0

Resource = run_v2.Service | run_v2.Revision


@dataclass(slots=True)
class Operations:
    """All operations of the process, by name."""

    _by_name: dict[str, Operation] = field(default_factory=dict)
    _about: dict[str, str] = field(default_factory=dict)
    _done: dict[str, asyncio.Event] = field(default_factory=dict)

    def begin(self, parent: str, resource: Resource) -> Operation:
        """Record a new operation about a resource."""
        operation = Operation(name=f"{parent}/operations/{uuid.uuid4()}")
        _pack(operation.metadata, resource)
        self._by_name[operation.name] = operation
        self._about[operation.name] = resource.name
        self._done[operation.name] = asyncio.Event()
        return operation

    def succeed(self, operation: Operation, resource: Resource) -> Operation:
        """End an operation with the resource it was about."""
        _pack(operation.metadata, resource)
        _pack(operation.response, resource)
        return self._finish(operation)

    def fail(self, operation: Operation, refusal: Refusal, resource: Resource) -> Operation:
        """End an operation with an error inside."""
        _pack(operation.metadata, resource)
        operation.error.CopyFrom(refusal.status())
        return self._finish(operation)

    def get(self, name: str) -> Operation:
        """Return an operation; Refusal NOT_FOUND when there is none of that name."""
        if name not in self._by_name:
            raise Refusal(StatusCode.NOT_FOUND, f"Operation '{name}' does not exist.")
        return self._by_name[name]

    def about(self, name: str) -> str:
        """Return the name of what an operation is about; any other name is its own answer."""
        return self._about.get(name, name)

    def list(self, parent: str) -> ListOperationsResponse:
        """Return the operations of a location, oldest first."""
        prefix = f"{parent}/operations/"
        return ListOperationsResponse(
            operations=[one for name, one in self._by_name.items() if name.startswith(prefix)]
        )

    async def wait(self, name: str, timeout_s: float | None) -> Operation:
        """Return an operation when it is done or when the time is over, whichever comes first."""
        operation = self.get(name)
        limit = _LONGEST_WAIT_S if timeout_s is None else min(timeout_s, _LONGEST_WAIT_S)
        waiting = asyncio.ensure_future(self._done[name].wait())
        _, pending = await asyncio.wait({waiting}, timeout=limit)
        for late in pending:
            late.cancel()
        return operation

    def delete(self, name: str) -> None:
        """Forget an operation; what it does goes on."""
        self.get(name)
        del self._by_name[name]

    def _finish(self, operation: Operation) -> Operation:
        operation.done = True
        self._done[operation.name].set()
        return operation


def _pack(slot: AnyMessage, resource: Resource) -> None:
    slot.Pack(type(resource).pb(resource), type_url_prefix="type.googleapis.com/")
