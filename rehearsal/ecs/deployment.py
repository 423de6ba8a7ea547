"""One service deployment: how far it is, and how it ended or is about to."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from rehearsal.ecs.hook import Hook
from rehearsal.ecs.plan import Course
from rehearsal.ecs.revision import Revision
from rehearsal.ecs.world import now

_AT_WORK = ("PENDING", "IN_PROGRESS")
_GOING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "STOP_REQUESTED")


class Turn(Enum):
    """What cuts a deployment short."""

    BACK = "roll back"
    ABORT = "leave all as it is"
    FAIL = "stop, and start no more tasks"
    OVERTAKEN = "make way for a newer deployment"


@dataclass(slots=True, eq=False)
class Deployment:
    """A service deployment. `production` and `test` are the percents asked for of its target."""

    arn: str
    service_arn: str
    cluster_arn: str
    target: Revision
    sources: list[Revision]
    course: Course
    tests: bool
    reconciles: bool
    created: datetime = field(default_factory=now)
    started: datetime | None = None
    finished: datetime | None = None
    stopped: datetime | None = None
    updated: datetime = field(default_factory=now)
    status: str = "PENDING"
    reason: str = ""
    stage: str = ""
    hooks: list[Hook] = field(default_factory=list)
    production: float = 0.0
    test: float = 0.0
    rollback: dict[str, Any] = field(default_factory=dict)
    triggered_alarms: list[str] = field(default_factory=list)
    tripped: bool = False
    turn: Turn | None = None
    turned: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def at_work(self) -> bool:
        """Say whether it goes forward, or is about to."""
        return self.status in _AT_WORK and self.turn is None

    @property
    def ended(self) -> bool:
        """Say whether nothing of it is under way any more."""
        return self.status not in (*_AT_WORK, *_GOING_BACK)

    @property
    def failures(self) -> int:
        """Return how many failed tasks the circuit breaker counts."""
        fleet = self.target.fleet
        return fleet.failures if self.course.breaker.get("resetOnHealthyTask", True) else fleet.failures_in_all

    def becomes(self, status: str, reason: str = "") -> None:
        """Move to a status."""
        self.status, self.reason, self.updated = status, reason or self.reason, now()
        if status == "IN_PROGRESS":
            self.started = self.updated
        if status == "STOPPED":
            self.stopped = self.updated
        if self.ended:
            self.finished = self.updated

    def enters(self, stage: str) -> None:
        """Move to a lifecycle stage."""
        self.stage, self.updated = stage, now()

    def cut(self, turn: Turn, reason: str) -> None:
        """Have it cut short; only the first turn counts."""
        if self.turn is None and not self.ended:
            self.turn = turn
            self.becomes("ROLLBACK_REQUESTED" if turn is Turn.BACK else "STOP_REQUESTED", reason)
            for hook in self.hooks:
                hook.abandon()
            self.turned.set()

    def told(self) -> dict[str, Any]:
        """Return it as DescribeServiceDeployments does."""
        optional = {
            "startedAt": self.started,
            "finishedAt": self.finished,
            "stoppedAt": self.stopped,
            "statusReason": self.reason,
            "lifecycleStage": self.stage,
            "lifecycleHookDetails": [hook.told() for hook in self.hooks],
            "rollback": self.rollback,
            "alarms": self._alarms(),
        }
        return {
            "serviceDeploymentArn": self.arn,
            "serviceArn": self.service_arn,
            "clusterArn": self.cluster_arn,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "status": self.status,
            "sourceServiceRevisions": [one.counts() | self._weights(target=False) for one in self.sources],
            "targetServiceRevision": self.target.counts() | self._weights(target=True),
            "deploymentConfiguration": self.course.configuration,
            "deploymentCircuitBreaker": self._breaker(),
            **{name: value for name, value in optional.items() if value},
        }

    def brief(self) -> dict[str, Any]:
        """Return it as ListServiceDeployments does."""
        kept = ("serviceDeploymentArn", "serviceArn", "clusterArn", "startedAt", "createdAt", "finishedAt")
        told = self.told()
        brief = {name: told[name] for name in (*kept, "status", "statusReason") if name in told}
        return brief | {"targetServiceRevisionArn": self.target.arn}

    def _weights(self, *, target: bool) -> dict[str, float]:
        if self.target.group_arn is None:
            return {}
        weights = {"requestedProductionTrafficWeight": self.production if target else 100.0 - self.production}
        if self.tests:
            weights["requestedTestTrafficWeight"] = self.test if target else 100.0 - self.test
        return weights

    def _alarms(self) -> dict[str, Any]:
        given = self.course.alarms
        if not given:
            return {}
        names = {"alarmNames": given["alarmNames"], "triggeredAlarmNames": self.triggered_alarms}
        return {"status": self._monitors(triggered=bool(self.triggered_alarms)), **names}

    def _breaker(self) -> dict[str, Any]:
        if not self.course.breaker:
            return {"status": "DISABLED", "failureCount": self.failures, "threshold": 0}
        threshold = self.course.threshold(self.target.fleet.desired)
        status = self._monitors(triggered=self.tripped)
        return {"status": status, "failureCount": self.failures, "threshold": threshold}

    def _monitors(self, *, triggered: bool) -> str:
        if triggered:
            return "TRIGGERED"
        return "MONITORING" if self.at_work else "MONITORING_COMPLETE"
