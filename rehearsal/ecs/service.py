"""A service: what was asked for, its revisions and deployments, and what ECS says about it."""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rehearsal.ecs import names, tagging
from rehearsal.ecs.definition import Definition
from rehearsal.ecs.deployment import Deployment
from rehearsal.ecs.plan import Course
from rehearsal.ecs.revision import Revision
from rehearsal.ecs.task import Task
from rehearsal.ecs.world import now
from rehearsal.platform import Platform

_EVENTS_MAX = 100


@dataclass(slots=True, eq=False)
class Service:
    """A service. `settings` are the fields of its requests as they were sent.

    `current` is what was last deployed to its end, `wanted` what was last asked for or gone back to.
    """

    region: str
    cluster: str
    name: str
    desired: int
    configuration: dict[str, Any]
    settings: dict[str, Any]
    platform: Platform
    caller: str
    tags: tagging.Tags = field(default_factory=dict)
    status: str = "ACTIVE"
    created: datetime = field(default_factory=now)
    current: Revision | None = None
    wanted: Revision | None = None
    revisions: list[Revision] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_EVENTS_MAX))
    work: asyncio.Task[None] | None = None
    task_numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def arn(self) -> str:
        """Return the ARN."""
        return names.arn(self.region, "service", self.cluster, self.name)

    @property
    def definition(self) -> Definition:
        """Return the task definition that it should run."""
        assert self.wanted is not None, "a service begins with its first revision"
        return self.wanted.definition

    @property
    def cluster_arn(self) -> str:
        """Return the cluster's ARN."""
        return names.arn(self.region, "cluster", self.cluster)

    @property
    def place(self) -> str:
        """Return `CLUSTER/SERVICE`, under which its requests are counted."""
        return names.place(self.cluster, self.name)

    @property
    def load_balancer(self) -> dict[str, Any]:
        """Return its first load balancer's setting; empty without one."""
        return (self.settings.get("loadBalancers") or [{}])[0]  # type: ignore[no-any-return]

    @property
    def advanced(self) -> dict[str, Any]:
        """Return what a load balancer needs for traffic to be shifted; empty without it."""
        return self.load_balancer.get("advancedConfiguration") or {}

    @property
    def course(self) -> Course:
        """Return the course that the next deployment will take."""
        return Course(self.configuration)

    @property
    def tasks(self) -> list[Task]:
        """Return every task it ever had, oldest first."""
        return [task for revision in self.revisions for task in revision.fleet.tasks]

    @property
    def latest(self) -> Deployment | None:
        """Return the newest deployment."""
        return self.deployments[-1] if self.deployments else None

    @property
    def active(self) -> list[Revision]:
        """Return the revisions that have tasks or should have, newest first; the newest one in any case."""
        return [one for one in reversed(self.revisions) if one.active or one in (self.current, self.wanted)]

    def say(self, sentence: str) -> None:
        """Add an event, worded as ECS does after the service's name."""
        event = {"id": names.event_id(), "createdAt": now(), "message": f"(service {self.name}) {sentence}"}
        self.events.appendleft(event)

    def told(self, *, with_tags: bool) -> dict[str, Any]:
        """Return it as answers describe it."""
        active, latest = self.active, self.latest
        told = {
            "loadBalancers": [],
            "serviceRegistries": [],
            "placementConstraints": [],
            "placementStrategy": [],
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": "ECS"},
            "launchType": "FARGATE",
            "platformVersion": "LATEST",
            "platformFamily": "Linux",
            "enableECSManagedTags": False,
            "propagateTags": "NONE",
            "enableExecuteCommand": False,
            "availabilityZoneRebalancing": "ENABLED",
            **self.settings,
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": self.cluster_arn,
            "status": self.status,
            "desiredCount": self.desired,
            "runningCount": sum(one.fleet.running for one in active),
            "pendingCount": sum(one.fleet.pending for one in active),
            "taskDefinition": self.definition.arn,
            "deploymentConfiguration": self.configuration,
            "deployments": self._as_deployments(active),
            "events": list(self.events),
            "createdAt": self.created,
            "createdBy": f"arn:aws:iam::{names.ACCOUNT}:user/{self.caller}",
            "currentServiceRevisions": [one.counts() for one in active],
        }
        if latest:
            told["currentServiceDeployment"] = latest.arn
        return told | {"tags": tagging.told(self.tags)} if with_tags else told

    def _as_deployments(self, active: list[Revision]) -> list[dict[str, Any]]:
        """Return the revisions as deployments, the one that is wanted as PRIMARY and first."""
        ordered = sorted(active, key=lambda one: one is not self.wanted)
        return [one.as_deployment("PRIMARY" if one is self.wanted else "ACTIVE") for one in ordered]
