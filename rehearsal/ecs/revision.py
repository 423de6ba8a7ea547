"""Service revisions: one task definition and load balancer setting of a service, with the tasks that run it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rehearsal.catalogue import Catalogue
from rehearsal.ecs.definition import Definition
from rehearsal.ecs.fleet import Fleet
from rehearsal.ecs.world import now


@dataclass(slots=True, eq=False)
class Revision:
    """One service revision. `settings` are the service's as they were when it was made; `id` is its `ecs-svc/…`."""

    arn: str
    id: str
    service_arn: str
    cluster_arn: str
    definition: Definition
    settings: dict[str, Any]
    group_arn: str | None
    fleet: Fleet
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    rollout_state: str = "IN_PROGRESS"
    rollout_reason: str = ""

    @property
    def label(self) -> str:
        """Return `FAMILY:REVISION`, the name of what its tasks run."""
        return self.definition.label

    @property
    def active(self) -> bool:
        """Say whether tasks of it are asked for, or still there."""
        return self.fleet.desired > 0 or self.fleet.running > 0

    def ends_as(self, state: str, reason: str) -> None:
        """Set how its rollout ended."""
        self.rollout_state, self.rollout_reason, self.updated = state, reason, now()

    def counts(self) -> dict[str, Any]:
        """Return its numbers of tasks, as summaries give them."""
        return {
            "arn": self.arn,
            "requestedTaskCount": self.fleet.desired,
            "runningTaskCount": self.fleet.running,
            "pendingTaskCount": self.fleet.pending,
        }

    def told(self, catalogue: Catalogue) -> dict[str, Any]:
        """Return it as DescribeServiceRevisions does."""
        told = {
            "serviceRevisionArn": self.arn,
            "serviceArn": self.service_arn,
            "clusterArn": self.cluster_arn,
            "taskDefinition": self.definition.arn,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "guardDutyEnabled": False,
            "loadBalancers": [],
            **self.settings,
            "containerImages": self.definition.images(catalogue),
            "createdAt": self.created,
        }
        if self.group_arn:
            told["resolvedConfiguration"] = {"loadBalancers": [self._resolved()]}
        return told

    def as_deployment(self, status: str) -> dict[str, Any]:
        """Return it as DescribeServices lists it under `deployments`."""
        return {
            "id": self.id,
            "status": status,
            "taskDefinition": self.definition.arn,
            "desiredCount": self.fleet.desired,
            "pendingCount": self.fleet.pending,
            "runningCount": self.fleet.running,
            "failedTasks": self.fleet.failures,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "rolloutState": self.rollout_state,
            "rolloutStateReason": self.rollout_reason,
        }

    def _resolved(self) -> dict[str, Any]:
        resolved = {"targetGroupArn": self.group_arn}
        advanced = (self.settings.get("loadBalancers") or [{}])[0].get("advancedConfiguration") or {}
        if rule := advanced.get("productionListenerRule"):
            resolved["productionListenerRule"] = rule
        return resolved
