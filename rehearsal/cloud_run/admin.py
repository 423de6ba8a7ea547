"""The Cloud Run Admin API's verbs: what a call changes, and what it answers."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.cloud import run_v2
from google.longrunning.operations_pb2 import Operation
from grpc import StatusCode

from rehearsal.cloud_run.deployed import Deployed
from rehearsal.cloud_run.launching import stop
from rehearsal.cloud_run.merge import merged
from rehearsal.cloud_run.names import etag, parent_of, short, split_revision, split_service
from rehearsal.cloud_run.operations import Operations, Resource
from rehearsal.cloud_run.reconciler import Reconciler
from rehearsal.cloud_run.refusal import Refusal
from rehearsal.cloud_run.requests import absent, check_etag, page, parsed
from rehearsal.cloud_run.revisions import check_retired, check_unique, create_revision
from rehearsal.cloud_run.rules import check, check_service_id


@dataclass(slots=True)
class CloudRun:
    """All services of the rehearsed cloud, in every project and location it is asked about."""

    reconciler: Reconciler
    operations: Operations = field(default_factory=Operations)
    services: dict[str, Deployed] = field(default_factory=dict)
    log_uri: Callable[[str], str] = str
    _last_ns: int = 0

    async def create_service(self, request: run_v2.CreateServiceRequest, caller: str) -> Operation:
        """Create a service; ALREADY_EXISTS when its name is taken."""
        check_service_id(request.service_id)
        name = f"{parsed(parent_of, request.parent)}/services/{request.service_id}"
        if name in self.services:
            raise _taken(request.service_id)
        service = merged(run_v2.Service(name=name), request.service, ())
        check(service, request.service_id)
        if request.validate_only:
            return self._validated(service)
        service.uid, service.creator, service.create_time = str(uuid.uuid4()), caller, datetime.now(UTC)
        deployed = await self.reconciler.deploy(service)
        if name in self.services:  # somebody was quicker while the address was opened
            await deployed.address.close()
            raise _taken(request.service_id)
        self.services[name] = deployed
        return self._accept(deployed, caller, template_changed=True)

    async def update_service(self, request: run_v2.UpdateServiceRequest, caller: str) -> Operation:
        """Lay an update over a service: refused whole when its etag is stale or it could not be served."""
        name = request.service.name
        parent, service_id = parsed(split_service, name)
        if name not in self.services and request.allow_missing:
            create = run_v2.CreateServiceRequest(
                parent=parent, service=request.service, service_id=service_id, validate_only=request.validate_only
            )
            return await self.create_service(create, caller)
        deployed = self._deployed(name)
        check_etag(request.service.etag, deployed.service)
        service = merged(deployed.service, request.service, request.update_mask.paths)
        check(service, service_id)
        template_changed = service.template != deployed.service.template
        if template_changed:
            check_unique(deployed, service.template)
        if request.validate_only:
            return self._validated(service)
        deployed.before, deployed.service = deployed.service, service
        return self._accept(deployed, caller, template_changed=template_changed)

    async def get_service(self, request: run_v2.GetServiceRequest, _caller: str) -> run_v2.Service:
        """Return a service."""
        return self._deployed(request.name).service

    def before_last_write(self, name: str) -> run_v2.Service:
        """Return a service as it was before its last update, which is what a stale read shows."""
        deployed = self._deployed(name)
        return deployed.before or deployed.service

    async def list_services(self, request: run_v2.ListServicesRequest, _caller: str) -> run_v2.ListServicesResponse:
        """Return the services of a location."""
        prefix = f"{parsed(parent_of, request.parent)}/services/"
        found = [one.service for name, one in sorted(self.services.items()) if name.startswith(prefix)]
        listed, following = page(found, request.page_size, request.page_token)
        return run_v2.ListServicesResponse(services=listed, next_page_token=following)

    async def delete_service(self, request: run_v2.DeleteServiceRequest, _caller: str) -> Operation:
        """Delete a service with all its revisions and addresses."""
        deployed = self._deployed(request.name)
        check_etag(request.etag, deployed.service)
        if request.validate_only:
            return self._validated(deployed.service)
        del self.services[request.name]
        deployed.service.delete_time = datetime.now(UTC)
        operation = self.operations.begin(parent_of(request.name), deployed.service)
        self.reconciler.background(self._finish_delete(deployed, operation))
        return _copy(operation)

    async def get_revision(self, request: run_v2.GetRevisionRequest, _caller: str) -> run_v2.Revision:
        """Return a revision."""
        return self._revision(request.name)[1]

    async def list_revisions(self, request: run_v2.ListRevisionsRequest, _caller: str) -> run_v2.ListRevisionsResponse:
        """Return a service's revisions, newest first."""
        revisions = self._deployed(request.parent).revisions.values()
        newest_first = sorted(revisions, key=lambda revision: revision.create_time, reverse=True)
        listed, following = page(newest_first, request.page_size, request.page_token)
        return run_v2.ListRevisionsResponse(revisions=listed, next_page_token=following)

    async def delete_revision(self, request: run_v2.DeleteRevisionRequest, _caller: str) -> Operation:
        """Delete a retired revision; one with traffic or a tag, and the latest created one, stay."""
        deployed, revision = self._revision(request.name)
        check_etag(request.etag, revision)
        check_retired(deployed, revision)
        if request.validate_only:
            return self._validated(revision)
        name = short(revision.name)
        del deployed.revisions[name], deployed.health[name]
        revision.delete_time = datetime.now(UTC)
        operation = self.operations.begin(parent_of(revision.name), revision)
        await stop(deployed, name)
        return _copy(self.operations.succeed(operation, revision))

    async def close(self) -> None:
        """Stop everything that runs for any service."""
        await self.reconciler.close()
        for deployed in self.services.values():
            for splitter in deployed.splitters():
                await splitter.close()

    def _accept(self, deployed: Deployed, caller: str, *, template_changed: bool) -> Operation:
        """Record an accepted write and start to make it true."""
        service = deployed.service
        service.generation += 1
        service.last_modifier = caller
        self._touch(service)
        created = self._create(deployed, caller) if template_changed else None
        deployed.under_way += 1
        deployed.report()
        operation = self.operations.begin(parent_of(service.name), service)
        self.reconciler.background(self._finish(deployed, operation, created))
        return _copy(operation)

    def _create(self, deployed: Deployed, caller: str) -> str:
        revision = create_revision(deployed, caller)
        if not revision.etag:
            self._touch(revision)
            revision.log_uri = self.log_uri(revision.name)
        return short(revision.name)

    async def _finish(self, deployed: Deployed, operation: Operation, created: str | None) -> None:
        refusal = None
        try:
            await self.reconciler.reconcile(deployed, created)
        except Refusal as problem:
            refusal = problem
        deployed.under_way -= 1
        deployed.report()
        if refusal is None:
            self.operations.succeed(operation, deployed.service)
        else:
            self.operations.fail(operation, refusal, deployed.service)

    async def _finish_delete(self, deployed: Deployed, operation: Operation) -> None:
        await self.reconciler.remove(deployed)
        self.operations.succeed(operation, deployed.service)

    def _touch(self, resource: Resource) -> None:
        """Give a resource a new update time and etag; no two updates share one."""
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        resource.update_time = datetime.fromtimestamp(self._last_ns / 1e9, UTC)
        resource.etag = etag(resource.name, self._last_ns)

    def _validated(self, resource: Resource) -> Operation:
        operation = self.operations.begin(parent_of(resource.name), resource)
        return _copy(self.operations.succeed(operation, resource))

    def _deployed(self, name: str) -> Deployed:
        parent, service_id = parsed(split_service, name)
        if name not in self.services:
            raise absent(parent, "SERVICE", service_id)
        return self.services[name]

    def _revision(self, name: str) -> tuple[Deployed, run_v2.Revision]:
        service, revision = parsed(split_revision, name)
        deployed = self._deployed(service)
        if revision not in deployed.revisions:
            raise absent(parent_of(service), "REVISION", revision)
        return deployed, deployed.revisions[revision]


def _taken(service_id: str) -> Refusal:
    return Refusal(StatusCode.ALREADY_EXISTS, f"Resource '{service_id}' already exists.")


def _copy(operation: Operation) -> Operation:
    answer = Operation()
    answer.CopyFrom(operation)
    return answer
