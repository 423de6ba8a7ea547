"""Makes the world match a service: starts its revisions, opens its addresses, moves its traffic."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud import run_v2
from grpc import StatusCode

from rehearsal.backend import Backend, Backends
from rehearsal.cloud_run.conditions import RECONCILING, SUCCEEDED, Health, State
from rehearsal.cloud_run.deployed import Deployed
from rehearsal.cloud_run.pace import Pace
from rehearsal.cloud_run.refusal import Refusal
from rehearsal.platform import Crashed, ImageMissing, NeverReady, Platform
from rehearsal.splitter import PUBLIC, Fault, Splitter, Tally

_DRAIN_S = 10.0
_NOT_READY = "Revision '{}' is not ready and cannot serve traffic."
_ABSENT = "Revision '{}' does not exist or is deleted. Update all traffic to route to currently available revisions."
_NEVER_LISTENED = (
    " The user-provided container failed to start and listen on the port defined provided by the PORT environment "
    "variable within the allocated timeout. This can happen when the container port is misconfigured or if the timeout "
    "is too short. The health check timeout can be extended."
)


@dataclass(slots=True)
class Reconciler:
    """The platform's hands; one for all services."""

    platform: Platform
    pace: Pace
    tally: Tally = field(default_factory=Tally)
    ports: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    faults: dict[str, tuple[Fault, bool]] = field(default_factory=dict)
    _backends: dict[str, list[Backend]] = field(default_factory=dict)
    _idle: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open_address(self, service_id: str) -> Splitter:
        """Return the public address of a new service, on its fixed port if it was given one."""
        return await self._listen(service_id, PUBLIC, self.ports.get(service_id, 0))

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work beside the calls, until it ends or the cloud is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def reconcile(self, deployed: Deployed, created: str | None) -> None:
        """Start the revision an update created, if any, then apply the traffic; Refusal says what failed.

        A failed revision leaves traffic as it was. An update that came meanwhile is applied in this one's place.
        """
        if created:
            await self._launched(deployed, created)
        await self._route(deployed)

    async def remove(self, deployed: Deployed) -> None:
        """Close a service's addresses and stop all that runs for it."""
        for launch in deployed.launches.values():
            launch.cancel()
        await asyncio.gather(*deployed.launches.values(), return_exceptions=True)
        await asyncio.gather(*(splitter.close() for splitter in deployed.splitters()))
        await asyncio.gather(*(self.stop(name) for name in deployed.revisions))

    async def stop(self, revision: str) -> None:
        """Stop a revision's processes."""
        self._backends.pop(revision, None)
        await self.platform.stop(revision)

    def hurt(self, deployed: Deployed, revision: str, fault: Fault | None, *, previews: bool) -> None:
        """Make a revision misbehave for users, and where `previews` is set also at its tags; None ends it."""
        self.faults.pop(revision, None)
        if fault is not None:
            self.faults[revision] = (fault, previews)
        for splitter in deployed.splitters():
            splitter.fault(revision, fault if splitter.address == PUBLIC or previews else None)

    async def close(self) -> None:
        """End all work under way, then every process."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.platform.close()

    async def _launched(self, deployed: Deployed, name: str) -> None:
        """Wait for a revision's one launch; Refusal when it failed, now or before."""
        if deployed.health[name].state == State.CONDITION_RECONCILING:
            launch = deployed.launches.get(name)
            if launch is None:
                launch = deployed.launches[name] = self.background(self._launch(deployed, name))
            await asyncio.shield(launch)
        health = deployed.health[name]
        if health.state == State.CONDITION_FAILED:
            raise Refusal(health.code, health.message)
        _advance_latest(deployed, name)

    async def _launch(self, deployed: Deployed, name: str) -> None:
        try:
            await self._start(deployed, name)
        except Refusal as refusal:
            deployed.health[name] = Health.failed(refusal)
        else:
            deployed.health[name] = SUCCEEDED
        finally:
            deployed.launches.pop(name, None)
            deployed.report()

    async def _start(self, deployed: Deployed, name: str) -> None:
        revision = deployed.revisions[name]
        container = revision.containers[0]
        probe = container.startup_probe
        deadline_s = probe.initial_delay_seconds + (probe.period_seconds or 10) * (probe.failure_threshold or 3)
        try:
            self._backends[name] = await self.platform.launch(
                name,
                container.image,
                service=deployed.id,
                env={variable.name: variable.value for variable in container.env},
                instances=max(1, revision.scaling.min_instance_count),
                startup_timeout_s=deadline_s / self.pace.speed,
                probe_path=probe.http_get.path or None,
            )
        except ImageMissing as problem:
            raise Refusal(StatusCode.NOT_FOUND, f"Image '{container.image}' not found.") from problem
        except Crashed as problem:
            text = f"{_NOT_READY.format(name)} The container exited with code {problem.exit_code}.{_NEVER_LISTENED}"
            raise Refusal(StatusCode.FAILED_PRECONDITION, text) from problem
        except NeverReady as problem:
            raise Refusal(StatusCode.FAILED_PRECONDITION, _NOT_READY.format(name) + _NEVER_LISTENED) from problem

    async def _route(self, deployed: Deployed) -> None:
        await asyncio.gather(*(asyncio.shield(launch) for launch in _launches_addressed(deployed)))
        async with deployed.routing:
            generation, traffic = deployed.service.generation, list(deployed.service.traffic)
            deployed.routes = RECONCILING
            deployed.report()
            try:
                rows = [(await self._awake(deployed, target), target) for target in traffic]
            except Refusal as refusal:
                deployed.routes = Health.failed(refusal)
                raise
            await asyncio.sleep(self.pace.traffic_lag_s / 2)
            await self._swap(deployed, rows)
            await asyncio.sleep(self.pace.traffic_lag_s / 2)
            deployed.service.traffic_statuses = [deployed.status_of(target) for target in traffic]
            deployed.service.observed_generation = generation
            deployed.routes = SUCCEEDED
        self._retire_idle(deployed)

    async def _awake(self, deployed: Deployed, target: run_v2.TrafficTarget) -> Backends:
        """Return where a target's revision listens, started again if it was idle or had died."""
        name = deployed.revision_of(target)
        if name not in deployed.revisions:
            raise Refusal(StatusCode.FAILED_PRECONDITION, _ABSENT.format(name))
        if deployed.health[name].state != State.CONDITION_SUCCEEDED:
            raise Refusal(StatusCode.FAILED_PRECONDITION, deployed.health[name].message or _NOT_READY.format(name))
        if not self.platform.alive(name):
            await self.stop(name)
            await self._start(deployed, name)
        return Backends(name, tuple(self._backends[name]))

    async def _swap(self, deployed: Deployed, rows: list[tuple[Backends, run_v2.TrafficTarget]]) -> None:
        """Move every address of a service to its new table, opening and closing previews as tags come and go."""
        shares: dict[Backends, int] = {}
        for backends, target in rows:
            shares[backends] = shares.get(backends, 0) + target.percent
            if target.tag:
                if target.tag not in deployed.previews:
                    deployed.previews[target.tag] = await self._listen(deployed.id, target.tag, 0)
                deployed.previews[target.tag].route([(backends, 100)])
        deployed.address.route(list(shares.items()), sticky=deployed.service.template.session_affinity)
        tags = {target.tag for _, target in rows}
        for tag in deployed.previews.keys() - tags:
            await deployed.previews.pop(tag).close()

    async def _listen(self, service_id: str, address: str, port: int) -> Splitter:
        splitter = await Splitter.listen(
            port, self.seed, service=service_id, address=address, tally=self.tally, on_crash=self.platform.crash
        )
        for revision, (fault, previews) in self.faults.items():
            if address == PUBLIC or previews:
                splitter.fault(revision, fault)
        return splitter

    def _retire_idle(self, deployed: Deployed) -> None:
        for name in deployed.revisions:
            if name in self._idle:
                self._idle.pop(name).cancel()
            if name not in deployed.addressed() and self.platform.alive(name) and name not in deployed.launches:
                self._idle[name] = self.background(self._retire(deployed, name))

    async def _retire(self, deployed: Deployed, name: str) -> None:
        await asyncio.sleep(self.pace.idle_s)
        async with deployed.routing:
            if name not in deployed.addressed():
                await deployed.address.drain(name, _DRAIN_S)
                await self.stop(name)


def _launches_addressed(deployed: Deployed) -> list[asyncio.Task[None]]:
    named = {target.revision for target in deployed.service.traffic}
    return [launch for name, launch in deployed.launches.items() if name in named]


def _advance_latest(deployed: Deployed, name: str) -> None:
    """Let LATEST mean a revision that is ready, unless a newer one is."""
    service, revision = deployed.service, deployed.revisions[name]
    ready = deployed.revisions.get(deployed.latest_ready)
    if ready is None or revision.name == service.latest_created_revision or ready.create_time <= revision.create_time:
        service.latest_ready_revision = revision.name
