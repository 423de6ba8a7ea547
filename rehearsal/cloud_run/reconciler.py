"""Makes the world match a service: starts its revisions, opens its addresses, moves its traffic."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.cloud import run_v2
from grpc import StatusCode

from rehearsal.backend import Backends
from rehearsal.catalogue import Catalogue
from rehearsal.cloud_run.conditions import RECONCILING, SUCCEEDED, Health, State
from rehearsal.cloud_run.deployed import Deployed
from rehearsal.cloud_run.launching import awake, start, stop
from rehearsal.cloud_run.names import place_of, split_service
from rehearsal.cloud_run.pace import Pace
from rehearsal.cloud_run.refusal import Refusal
from rehearsal.platform import Platform
from rehearsal.splitter import PUBLIC, Fault, Splitter, Tally

_DRAIN_S = 10.0


@dataclass(slots=True)
class Reconciler:
    """The platform's hands; one for all services. `ports` fixes public addresses by service id or `place_of` it."""

    catalogue: Catalogue
    log_dir: Path
    pace: Pace = field(default_factory=Pace)
    ports: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    tally: Tally = field(default_factory=Tally)
    _platforms: dict[str, Platform] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def deploy(self, service: run_v2.Service) -> Deployed:
        """Open the public address of a new service; Refusal when its fixed port is taken."""
        parent, service_id = split_service(service.name)
        platform = self._platforms.setdefault(parent, Platform(self.catalogue, self.logs(parent)))
        port = self.ports.get(place_of(service.name), self.ports.get(service_id, 0))
        try:
            address = await self._listen(service.name, PUBLIC, platform, port)
        except OSError as problem:
            text = f"The address of service '{service_id}' cannot be opened on port {port}: {problem.strerror}."
            raise Refusal(StatusCode.FAILED_PRECONDITION, text) from problem
        service.uri, service.urls = address.url, [address.url]
        return Deployed(service, address, platform)

    def logs(self, parent: str) -> Path:
        """Return the folder of what the revisions of a location wrote."""
        return self.log_dir.joinpath(*parent.split("/")[1::2])

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
        async with deployed.routing:
            await asyncio.gather(*(splitter.close() for splitter in deployed.splitters()))
            await asyncio.gather(*(stop(deployed, name) for name in deployed.revisions))

    def hurt(self, deployed: Deployed, revision: str, fault: Fault | None, *, previews: bool) -> None:
        """Make a revision misbehave for users, and where `previews` is set also at its tags; None ends it."""
        deployed.faults.pop(revision, None)
        if fault is not None:
            deployed.faults[revision] = (fault, previews)
        for splitter in deployed.splitters():
            splitter.fault(revision, fault if splitter is deployed.address or previews else None)

    async def close(self) -> None:
        """End all work under way, then every process."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(platform.close() for platform in self._platforms.values()))

    async def _launched(self, deployed: Deployed, name: str) -> None:
        """Wait for a revision's one launch; Refusal when it failed, now or before."""
        if deployed.health[name].state == State.CONDITION_RECONCILING:
            if name not in deployed.launches:
                deployed.launches[name] = self.background(self._launch(deployed, name))
            await asyncio.wait({deployed.launches[name]})
        health = deployed.health[name]
        if health.state == State.CONDITION_FAILED:
            raise Refusal(health.code, health.message)
        _check_there(deployed)
        _advance_latest(deployed, name)

    async def _launch(self, deployed: Deployed, name: str) -> None:
        try:
            await start(deployed, name, self.pace.speed)
        except Refusal as refusal:
            deployed.health[name] = Health.failed(refusal)
        else:
            deployed.health[name] = SUCCEEDED
        finally:
            del deployed.launches[name]
            deployed.report()

    async def _route(self, deployed: Deployed) -> None:
        """Apply the traffic that is asked for by now, halfway through the lag, and report it at its end."""
        named = {target.revision for target in deployed.service.traffic}
        launches = [launch for name, launch in deployed.launches.items() if name in named]
        await asyncio.gather(*(asyncio.wait({launch}) for launch in launches))
        async with deployed.routing:
            _check_there(deployed)
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
        return await awake(deployed, deployed.revision_of(target), self.pace.speed)

    async def _swap(self, deployed: Deployed, rows: list[tuple[Backends, run_v2.TrafficTarget]]) -> None:
        """Move every address of a service to its new table, opening and closing previews as tags come and go."""
        shares: dict[Backends, int] = {}
        for backends, target in rows:
            shares[backends] = shares.get(backends, 0) + target.percent
            if target.tag:
                await self._preview(deployed, target.tag, backends)
        deployed.address.route(list(shares.items()), sticky=deployed.service.template.session_affinity)
        for tag in deployed.previews.keys() - {target.tag for _, target in rows}:
            await deployed.previews.pop(tag).close()

    async def _preview(self, deployed: Deployed, tag: str, backends: Backends) -> None:
        if tag not in deployed.previews:
            splitter = await self._listen(deployed.service.name, tag, deployed.platform)
            deployed.previews[tag] = splitter
            for revision, (fault, previews) in deployed.faults.items():
                splitter.fault(revision, fault if previews else None)
        deployed.previews[tag].route([(backends, 100)])

    async def _listen(self, name: str, address: str, platform: Platform, port: int = 0) -> Splitter:
        place = place_of(name)
        return await Splitter.listen(
            port, self.seed, service=place, address=address, tally=self.tally, on_crash=platform.crash
        )

    def _retire_idle(self, deployed: Deployed) -> None:
        for name in deployed.revisions:
            if name in deployed.idle:
                deployed.idle.pop(name).cancel()
            if name in deployed.backends and name not in deployed.addressed():
                deployed.idle[name] = self.background(self._retire(deployed, name))

    async def _retire(self, deployed: Deployed, name: str) -> None:
        await asyncio.sleep(self.pace.idle_s)
        async with deployed.routing:
            if name not in deployed.addressed():
                await deployed.address.drain(name, _DRAIN_S)
                await stop(deployed, name)


def _check_there(deployed: Deployed) -> None:
    """Refuse to go on with a service that was deleted meanwhile."""
    if deployed.service.delete_time:
        raise Refusal(StatusCode.ABORTED, f"Service '{deployed.id}' was deleted meanwhile.")


def _advance_latest(deployed: Deployed, name: str) -> None:
    """Let LATEST mean a revision that is ready, unless a newer one is."""
    service, revision = deployed.service, deployed.revisions[name]
    ready = deployed.revisions.get(deployed.latest_ready)
    if ready is None or revision.name == service.latest_created_revision or ready.create_time <= revision.create_time:
        service.latest_ready_revision = revision.name
