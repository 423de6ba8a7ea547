"""The contract's world on a rehearsed Cloud Run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport
from google.protobuf.field_mask_pb2 import FieldMask
from target_world import World

from rehearsal.cloud import Rehearsal
from rehearsal.faults import ApiFault
from surefoot.rollout import Plan
from surefoot.service import Place

PRIYA = "priya@example.com"
_PROBLEMS = {
    "away": "UNAVAILABLE",
    "busy": "RESOURCE_EXHAUSTED",
    "cancelled": "CANCELLED",
    "conflict": "ABORTED",
    "deadline": "DEADLINE_EXCEEDED",
    "forbidden": "PERMISSION_DENIED",
    "internal": "INTERNAL",
    "invalid": "INVALID_ARGUMENT",
    "missing": "NOT_FOUND",
    "precondition": "FAILED_PRECONDITION",
    "stranger": "UNAUTHENTICATED",
    "unimplemented": "UNIMPLEMENTED",
    "unknown": "UNKNOWN",
}
_CALLS = {"look": "GetService", "write": "UpdateService"}


class CloudRunWorld(World):
    """A service on a rehearsed Cloud Run."""

    stranger = r"priya@example\.com at \d\d:\d\d:\d\d UTC"
    least = 1
    looks = frozenset({"GetService", "ListRevisions"})
    marking = "UpdateService"
    moving = 2
    guarded = True
    pauses_s = 1.4
    keeps = True
    crashed = "exited with code 3"
    hung = "failed to start and listen on the port"
    missing = "not found"
    forbidden = r"PERMISSION_DENIED .*grant roles/run\.developer"
    nowhere = r"nothing-here.*gcloud run services list"
    silent = "DEADLINE_EXCEEDED"

    @property
    def name(self) -> str:
        return f"projects/rehearsal/locations/laptop/services/{self.service}"

    async def called(self, answer: str) -> str:
        return answer

    def arm(self, problem: str = "", *, on: str = "*", **fault: Any) -> None:
        code = {"code": _PROBLEMS[problem]} if problem else {}
        self.rehearsal.front.faults.add(ApiFault(method=_CALLS.get(on, on), **code, **fault))

    def disarm(self) -> bool:
        faults = self.rehearsal.front.faults
        unmet = any(not hits for _, hits in faults.listed().values())
        faults.clear()
        return unmet

    def told(self) -> run_v2.Service:
        """Return the service as the platform itself has it."""
        return self.rehearsal.cloud.services[self.name].service

    def wished(self) -> dict[str, int]:
        """Return the percents that the platform was told."""
        return {target.revision: target.percent for target in self.told().traffic if target.percent}

    async def revisions(self) -> int:
        return len(self.rehearsal.cloud.services[self.name].revisions)

    def writes(self, *, accepted: bool = False) -> int:
        calls = [call for call in self.rehearsal.front.journal.of("UpdateService") if call.resource == self.name]
        return sum(call.code == "OK" or not accepted for call in calls)

    def slow_down(self, traffic_lag_s: float) -> None:
        self.rehearsal.cloud.reconciler.pace.traffic_lag_s = traffic_lag_s

    async def state(self) -> str:
        return self.told().etag

    async def meddle(self, *, wait: bool = True) -> None:
        service = run_v2.Service(name=self.name, annotations={**self.told().annotations, "example.com/by": PRIYA})
        async with self.by_hand(PRIYA) as client:
            mask = FieldMask(paths=["annotations"])
            began = await client.update_service(run_v2.UpdateServiceRequest(service=service, update_mask=mask))
            if wait:
                await self.rehearsal.cloud.operations.wait(began.operation.name, 20)

    async def meddling(self, *, on: str = "write", after: int = 0) -> None:
        other = max(self.rehearsal.cloud.services[self.name].revisions)
        shares = {other: 70, self.stable: 30} if other != self.stable else {self.stable: 100}
        self.arm(on=on, after=after, writer=PRIYA, writer_traffic=shares)

    async def theirs_stand(self) -> bool:
        return self.told().last_modifier == PRIYA

    @asynccontextmanager
    async def by_hand(self, writer: str = "somebody@example.com") -> AsyncIterator[run_v2.ServicesAsyncClient]:
        """Yield a client of another person."""
        address = self.rehearsal.grpc_endpoint.removeprefix("grpc://")
        async with grpc.aio.insecure_channel(address, interceptors=[_Caller(writer)]) as channel:
            yield run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=channel))


class _Caller(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, name: str) -> None:
        self._name = name

    async def intercept_unary_unary(self, continuation, details, request):
        details.metadata.add("x-rehearsal-caller", self._name)
        return await continuation(details, request)


async def make_cloud_run(rehearsal: Rehearsal, service: str, plan: Plan, **settings: str) -> CloudRunWorld:
    """Make a service, all on the latest revision, as `gcloud run deploy` does."""
    place = {"project": "rehearsal", "region": "laptop", "service": service, "endpoint": rehearsal.grpc_endpoint}
    place |= {"poll_every": "50ms", "change_within": "20s", **settings}
    world = CloudRunWorld(rehearsal, Place("cloud_run", place), service, plan=plan)
    image = str(world.release("1.0.0").image)
    template = run_v2.RevisionTemplate(containers=[run_v2.Container(image=image)])
    async with world.by_hand() as client:
        began = await client.create_service(
            parent="projects/rehearsal/locations/laptop",
            service=run_v2.Service(template=template),
            service_id=service,
        )
        await rehearsal.cloud.operations.wait(began.operation.name, 20)
    world.stable = world.told().latest_ready_revision.rpartition("/")[2]
    return world
