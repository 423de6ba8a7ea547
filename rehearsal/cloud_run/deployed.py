"""One service with everything that runs for it, and how it is reported."""

import asyncio
from dataclasses import dataclass, field

from google.cloud import run_v2

from rehearsal.backend import Backends
from rehearsal.cloud_run import conditions
from rehearsal.cloud_run.conditions import RECONCILING, SUCCEEDED, Health, State
from rehearsal.cloud_run.names import short
from rehearsal.platform import Platform
from rehearsal.splitter import Fault, Splitter

_BY_REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION


@dataclass(slots=True)
class Deployed:
    """A service as the API tells it, its addresses, what runs for it by revision's short name, and the work under way.

    `faults` are of a revision for users and, where the flag is set, at its tags too.
    """

    service: run_v2.Service
    address: Splitter
    platform: Platform
    before: run_v2.Service | None = None
    revisions: dict[str, run_v2.Revision] = field(default_factory=dict)
    health: dict[str, Health] = field(default_factory=dict)
    previews: dict[str, Splitter] = field(default_factory=dict)
    backends: dict[str, Backends] = field(default_factory=dict)
    faults: dict[str, tuple[Fault, bool]] = field(default_factory=dict)
    launches: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    idle: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    routes: Health = RECONCILING
    routing: asyncio.Lock = field(default_factory=asyncio.Lock)
    under_way: int = 0

    @property
    def id(self) -> str:
        """Return the service's short name."""
        return short(self.service.name)

    @property
    def latest_ready(self) -> str:
        """Return the short name of the revision that LATEST means, empty when none was ever ready."""
        return short(self.service.latest_ready_revision)

    def addressed(self) -> set[str]:
        """Return the revisions that traffic or a tag leads to, or is about to lead to."""
        wanted = {self.revision_of(target) for target in self.service.traffic}
        return wanted | {self.revision_of(target) for target in self.service.traffic_statuses}

    def revision_of(self, target: run_v2.TrafficTarget | run_v2.TrafficTargetStatus) -> str:
        """Return the short name of the revision that a target means now."""
        return target.revision if target.type_ == _BY_REVISION else self.latest_ready

    def splitters(self) -> tuple[Splitter, ...]:
        """Return the public address and every preview."""
        return (self.address, *self.previews.values())

    def report(self) -> None:
        """Bring `reconciling` and all conditions up to what is known."""
        configuration = self.health.get(short(self.service.latest_created_revision), RECONCILING)
        self.service.reconciling = self.under_way > 0
        told = (self.service.terminal_condition, *self.service.conditions)
        self.service.terminal_condition, *self.service.conditions = conditions.kept(
            told,
            conditions.of_service("Ready", _worst(configuration, self.routes)),
            conditions.of_service("RoutesReady", self.routes),
            conditions.of_service("ConfigurationsReady", configuration),
        )
        addressed = self.addressed()
        for name, revision in self.revisions.items():
            health = self.health[name]
            revision.reconciling = health.state == State.CONDITION_RECONCILING
            revision.conditions = conditions.kept(
                revision.conditions,
                conditions.of_revision("Ready", health),
                conditions.of_revision("ContainerHealthy", health),
                conditions.active(addressed=name in addressed),
            )

    def status_of(self, target: run_v2.TrafficTarget) -> run_v2.TrafficTargetStatus:
        """Return a target as it is reported once it is true, with the address of its tag."""
        preview = self.previews.get(target.tag)
        return run_v2.TrafficTargetStatus(
            type_=target.type_,
            revision=target.revision,
            percent=target.percent,
            tag=target.tag,
            uri=preview.url if preview else "",
        )


def _worst(*parts: Health) -> Health:
    for state in (State.CONDITION_FAILED, State.CONDITION_RECONCILING):
        for part in parts:
            if part.state == state:
                return part
    return SUCCEEDED
