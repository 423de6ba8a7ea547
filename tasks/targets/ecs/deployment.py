"""One of ECS's deployments, and the revisions that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.targets.ecs.climb import STAGES, percents

_OVER = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
_GOING_BACK = ("ROLLBACK", "STOP")
_NOT_BACK = "ROLLBACK_FAILED"
_BY_ITSELF = "ROLLBACK"


@dataclass(frozen=True, slots=True)
class Part:
    """A service revision: our name for it, its task definition and image, and the target group its tasks are in.

    `made_at` is when its task definition was registered, in seconds; `gone` is why nothing can start from it any more.
    """

    arn: str
    name: str
    definition: str
    image: str
    group: str = ""
    made_at: float = 0.0
    gone: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One of ECS's deployments, with its revisions by our names; strings of AWS's that nobody knows are carried."""

    raw: Mapping[str, Any]
    target: Part
    sources: tuple[Part, ...]

    @property
    def arn(self) -> str:
        """Return its full name."""
        return str(self.raw["serviceDeploymentArn"])

    @property
    def status(self) -> str:
        """Return its status in AWS's word."""
        return str(self.raw.get("status", "UNKNOWN"))

    @property
    def over(self) -> bool:
        """Return whether nothing more will happen in it, whatever the word that it ended with."""
        return self.status in _OVER or self.raw.get("finishedAt") is not None

    @property
    def going_back(self) -> bool:
        """Return whether it goes, or went, back to what was before it."""
        return self.status.startswith(_GOING_BACK)

    @property
    def stopped(self) -> bool:
        """Return whether somebody stopped it where it was; ECS itself rolls back."""
        return self.going_back and not self.status.startswith(_BY_ITSELF)

    @property
    def not_back(self) -> bool:
        """Return whether ECS tried to put it back, and could not."""
        return self.status == _NOT_BACK

    @property
    def put_back(self) -> bool:
        """Return whether ECS has put it back by itself, and is through with that."""
        return self.over and self.going_back and not self.stopped and not self.not_back

    @property
    def pauses(self) -> bool:
        """Return whether it waits for a word before users are moved; without that it goes on by itself."""
        hooks = (self.raw.get("deploymentConfiguration") or {}).get("lifecycleHooks") or ()
        stages = {
            stage for hook in hooks if hook.get("targetType") == "PAUSE" for stage in hook.get("lifecycleStages") or ()
        }
        return stages >= set(STAGES)

    @property
    def asked(self) -> float | None:
        """Return the percent of users that ECS has asked the load balancer to send to its target, if it says."""
        told = (self.raw.get("targetServiceRevision") or {}).get("requestedProductionTrafficWeight")
        return None if told is None else float(told)

    @property
    def timed_out(self) -> frozenset[str]:
        """Return the ids of the pauses that nobody answered in time."""
        hooks = self.raw.get("lifecycleHookDetails") or ()
        return frozenset(str(hook["hookId"]) for hook in hooks if hook.get("status") == "TIMED_OUT")

    @property
    def hook(self) -> str:
        """Return the id of the pause that waits for a word, "" where none does."""
        if self.over or self.going_back:
            return ""
        waiting = (hook for hook in self.raw.get("lifecycleHookDetails") or () if hook.get("targetType") == "PAUSE")
        return next((str(hook["hookId"]) for hook in waiting if hook.get("status") == "AWAITING_ACTION"), "")

    @property
    def reason(self) -> str:
        """Return why AWS says it ended as it did."""
        alarms = ", ".join((self.raw.get("alarms") or {}).get("triggeredAlarmNames") or ())
        rollback = str((self.raw.get("rollback") or {}).get("reason") or "")
        status = str(self.raw.get("statusReason") or "")
        said = (self.not_back and status) or rollback or status or f"status {self.status}"
        return f"{said} (alarm {alarms})" if alarms and alarms not in said else said

    @property
    def created_at(self) -> datetime:
        """Return when it began."""
        at: datetime = self.raw["createdAt"]
        return at

    @property
    def at(self) -> datetime:
        """Return when it last changed."""
        at: datetime = self.raw.get("updatedAt") or self.raw.get("finishedAt") or self.created_at
        return at

    @property
    def stops(self) -> tuple[int, ...]:
        """Return the percents that it stops at."""
        return percents(self.raw.get("deploymentConfiguration") or {})
