"""A deploymentConfiguration: what AWS refuses of it, and the course it asks for."""

from dataclasses import dataclass
from typing import Any

from rehearsal.ecs.refusals import invalid

ROLLING = "ROLLING"
_STOPS = ("TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")
_DAY = 1440


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a deployment, read from its configuration: percents in order, and how long each is looked at."""

    configuration: dict[str, Any]

    @property
    def strategy(self) -> str:
        """Return ROLLING, BLUE_GREEN, LINEAR or CANARY."""
        return str(self.configuration.get("strategy", ROLLING))

    @property
    def percents(self) -> list[float]:
        """Return the shares of production traffic in order; the last is 100."""
        if self.strategy == "CANARY":
            first = float(self._canary.get("canaryPercent", 5.0))
            return [first, 100.0] if first < 100 else [100.0]
        if self.strategy == "LINEAR":
            step = float(self._linear.get("stepPercent", 10.0))
            return [*(round(step * n, 1) for n in range(1, 101) if step * n < 100 - 1e-9), 100.0]
        return [100.0]

    @property
    def step_minutes(self) -> int:
        """Return how long a step that is not the last is baked."""
        if self.strategy == "CANARY":
            return int(self._canary.get("canaryBakeTimeInMinutes", 10))
        return int(self._linear.get("stepBakeTimeInMinutes", 6))

    @property
    def bake_minutes(self) -> int:
        """Return how long both revisions run on after the last step."""
        return int(self.configuration.get("bakeTimeInMinutes", 0))

    @property
    def alarms(self) -> dict[str, Any]:
        """Return the alarms to watch; empty when there are none, or they are switched off."""
        alarms = self.configuration.get("alarms") or {}
        return alarms if alarms.get("enable") and alarms.get("alarmNames") else {}

    @property
    def breaker(self) -> dict[str, Any]:
        """Return the circuit breaker; empty when it is switched off."""
        breaker = self.configuration.get("deploymentCircuitBreaker") or {}
        return breaker if breaker.get("enable") else {}

    def hooks(self, stage: str) -> list[dict[str, Any]]:
        """Return the hooks of a lifecycle stage."""
        hooks = self.configuration.get("lifecycleHooks") or ()
        return [hook for hook in hooks if stage in (hook.get("lifecycleStages") or ())]

    def threshold(self, desired: int) -> int:
        """Return how many failed tasks trip the circuit breaker."""
        chosen = self.breaker.get("thresholdConfiguration") or {"type": "BOUNDED_PERCENT", "value": 50}
        value = int(chosen["value"])
        if chosen["type"] == "COUNT":
            return value
        share = -(-value * desired // 100)
        return max(1, share) if chosen["type"] == "UNBOUNDED_PERCENT" else max(3, min(200, share))

    @property
    def _canary(self) -> dict[str, Any]:
        return self.configuration.get("canaryConfiguration") or {}

    @property
    def _linear(self) -> dict[str, Any]:
        return self.configuration.get("linearConfiguration") or {}


def check(configuration: dict[str, Any], load_balancers: list[dict[str, Any]]) -> None:
    """Refuse what AWS refuses of a deployment configuration."""
    course = Course(configuration)
    _check_strategy(course, load_balancers)
    _within("canaryPercent", course._canary.get("canaryPercent"), 0.1, 100)  # noqa: SLF001  the same module
    _within("canaryBakeTimeInMinutes", course._canary.get("canaryBakeTimeInMinutes"), 0, _DAY)  # noqa: SLF001
    _within("stepPercent", course._linear.get("stepPercent"), 3, 100)  # noqa: SLF001
    _within("stepBakeTimeInMinutes", course._linear.get("stepBakeTimeInMinutes"), 0, _DAY)  # noqa: SLF001
    _within("bakeTimeInMinutes", configuration.get("bakeTimeInMinutes"), 0, _DAY)
    for hook in configuration.get("lifecycleHooks") or ():
        _check_hook(hook)


def _check_strategy(course: Course, load_balancers: list[dict[str, Any]]) -> None:
    configuration, strategy = course.configuration, course.strategy
    if strategy == "BLUE_GREEN" and configuration.get("bakeTimeInMinutes") is None:
        raise invalid("bakeTimeInMinutes is required when the deployment strategy is BLUE_GREEN.")
    for field, owner in (("canaryConfiguration", "CANARY"), ("linearConfiguration", "LINEAR")):
        if configuration.get(field) and strategy != owner:
            raise invalid(f"{field} is only valid when the deployment strategy is {owner}.")
    if strategy == ROLLING:
        return
    for balancer in load_balancers or [{}]:
        advanced = balancer.get("advancedConfiguration") or {}
        for field in ("alternateTargetGroupArn", "productionListenerRule", "roleArn"):
            if not advanced.get(field):
                raise invalid(f"A load balancer with advancedConfiguration.{field} is required for {strategy}.")


def _check_hook(hook: dict[str, Any]) -> None:
    stages = hook.get("lifecycleStages") or []
    if not stages:
        raise invalid("lifecycleStages cannot be empty for a lifecycle hook.")
    if hook.get("targetType", "AWS_LAMBDA") == "AWS_LAMBDA":
        if not hook.get("hookTargetArn") or not hook.get("roleArn"):
            raise invalid("hookTargetArn and roleArn are required for AWS_LAMBDA lifecycle hooks.")
    elif forbidden := [stage for stage in stages if stage in _STOPS]:
        raise invalid(f"PAUSE lifecycle hooks are not supported at {forbidden[0]}.")
    timeout = hook.get("timeoutConfiguration") or {}
    _within("timeoutInMinutes", timeout.get("timeoutInMinutes"), 1, 20_160)


def _within(field: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise invalid(f"{field} must be between {least} and {most}.")
