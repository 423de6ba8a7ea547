"""One task: a process that is the container named in the load balancer, and how it is described."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rehearsal.backend import Backend
from rehearsal.ecs import names
from rehearsal.ecs.definition import Definition
from rehearsal.ecs.world import now

CRASHED = "EssentialContainerExited"
NOT_STARTED = "TaskFailedToStart"
BY_SCHEDULER = "ServiceSchedulerInitiated"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a task ended, in ECS's words."""

    code: str
    reason: str
    exit_code: int | None = None
    container_reason: str | None = None


@dataclass(slots=True, eq=False)
class Task:
    """One task of a service revision. Its other containers, if any, are described but do not run."""

    arn: str
    cluster_arn: str
    service: str
    started_by: str
    definition: Definition
    container: dict[str, Any]
    image_digest: str | None
    key: str
    backend: Backend | None = None
    status: str = "PENDING"
    health: str = "UNKNOWN"
    healthy: bool = False
    created: datetime = field(default_factory=now)
    started: datetime | None = None
    stopping: datetime | None = None
    stopped: datetime | None = None
    ending: Ending | None = None

    @property
    def id(self) -> str:
        """Return the last part of the ARN."""
        return names.short(self.arn)

    @property
    def wanted(self) -> str:
        """Return the desired status."""
        return "STOPPED" if self.stopping else "RUNNING"

    def runs(self, backend: Backend) -> None:
        """Note that the process was started."""
        self.backend, self.status, self.started = backend, "RUNNING", now()

    def becomes_healthy(self) -> None:
        """Note that whoever checks it was satisfied."""
        self.healthy = True
        self.health = "HEALTHY" if self.container.get("healthCheck") else "UNKNOWN"

    def ends(self, ending: Ending) -> None:
        """Note that it is about to end."""
        self.ending, self.stopping, self.healthy = ending, now(), False
        self.status = "STOPPING" if self.started else "DEPROVISIONING"

    def is_gone(self) -> None:
        """Note that its process is gone."""
        self.status, self.stopped = "STOPPED", now()

    def told(self) -> dict[str, Any]:
        """Return it as answers describe it."""
        times = {
            "createdAt": self.created,
            "pullStartedAt": self.started and self.created,
            "pullStoppedAt": self.started,
            "startedAt": self.started,
            "stoppingAt": self.stopping,
            "executionStoppedAt": self.stopped if self.started else None,
            "stoppedAt": self.stopped,
        }
        ended = {"stopCode": self.ending.code, "stoppedReason": self.ending.reason} if self.ending else {}
        return {
            "taskArn": self.arn,
            "clusterArn": self.cluster_arn,
            "taskDefinitionArn": self.definition.arn,
            "group": f"service:{self.service}",
            "startedBy": self.started_by,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "connectivity": "CONNECTED",
            "availabilityZone": f"{self.definition.region}a",
            "lastStatus": self.status,
            "desiredStatus": self.wanted,
            "healthStatus": self.health,
            "cpu": str(self.definition.request.get("cpu", "256")),
            "memory": str(self.definition.request.get("memory", "512")),
            "attachments": [],
            "attributes": [],
            "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
            "containers": [self._container(one) for one in self.definition.containers],
            "tags": [],
            "version": 1,
            **ended,
            **{name: moment for name, moment in times.items() if moment},
        }

    def _container(self, container: dict[str, Any]) -> dict[str, Any]:
        main = container is self.container or container["name"] == self.container["name"]
        told: dict[str, Any] = {
            "containerArn": names.arn(self.definition.region, "container", *self.arn.split("/")[1:], container["name"]),
            "taskArn": self.arn,
            "name": container["name"],
            "image": container["image"],
            "lastStatus": "STOPPED" if self.status == "STOPPED" else "RUNNING" if self.started else "PENDING",
            "healthStatus": self.health if main else "UNKNOWN",
            "cpu": str(container.get("cpu", 0)),
            "networkInterfaces": [],
            "networkBindings": [],
        }
        if main and self.image_digest:
            told["imageDigest"] = self.image_digest
        if main and self.backend:
            binding = {"bindIP": self.backend.host, "hostPort": self.backend.port, "protocol": "tcp"}
            told["networkBindings"] = [binding | {"containerPort": _port(container, self.backend.port)}]
        if main and self.ending and self.ending.exit_code is not None:
            told["exitCode"] = self.ending.exit_code
        if main and self.ending and self.ending.container_reason:
            told["reason"] = self.ending.container_reason
        return told


def _port(container: dict[str, Any], otherwise: int) -> int:
    mapped = container.get("portMappings") or [{}]
    return int(mapped[0].get("containerPort", otherwise))
