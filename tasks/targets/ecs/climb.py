"""A plan as ECS can express it: one step and then all (CANARY), equal steps (LINEAR), or all at once (BLUE_GREEN)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surefoot.rollout import Plan
from surefoot.units import duration

# Where our pauses stand: with the preview up, before every step, and before what was before is taken down.
STAGES = ("POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT")
# The least that ECS takes as a step of LINEAR.
_LINEAR_MIN = 3
# As far as the mark's own promise reaches beyond the longest hold.
_MARGIN_S = 120.0
_LONGEST_MIN = 20_160
_PAUSE = "PAUSE"
_OURS = ("strategy", "canaryConfiguration", "linearConfiguration", "bakeTimeInMinutes", "lifecycleHooks")


@dataclass(frozen=True, slots=True)
class Climb:
    """The strategy, the percent of its step, and after how many minutes of silence ECS goes back by itself."""

    strategy: str
    step: int
    silence_min: int

    @classmethod
    def of(cls, plan: Plan, hook_timeout_min: int | None = None) -> "Climb":
        """Return a plan's climb; what ECS cannot express becomes BLUE_GREEN, but `problem_of` has refused it before."""
        strategy, step = _strategy([step.percent for step in plan.steps]) or ("BLUE_GREEN", 100)
        return cls(strategy, step, hook_timeout_min or silence_min(plan))

    @property
    def said(self) -> str:
        """Return it for a sentence: `CANARY, 10 and then 100 %`."""
        return {
            "CANARY": f"CANARY, {self.step} and then 100 %",
            "LINEAR": f"LINEAR, {self.step} % at a time",
        }.get(self.strategy, "BLUE_GREEN, all at once")

    def configured(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Return the deployment configuration of the climb: alarms, breaker and others' hooks stay as they were."""
        pause = {
            "targetType": _PAUSE,
            "lifecycleStages": list(STAGES),
            "timeoutConfiguration": {"timeoutInMinutes": self.silence_min, "action": "ROLLBACK"},
        }
        return {**_kept(before), **self._steps(), "lifecycleHooks": [*_others(before), pause]}

    def _steps(self) -> dict[str, Any]:
        told: dict[str, Any] = {"strategy": self.strategy, "bakeTimeInMinutes": 0}
        if self.strategy == "CANARY":
            told["canaryConfiguration"] = {"canaryPercent": float(self.step), "canaryBakeTimeInMinutes": 0}
        if self.strategy == "LINEAR":
            told["linearConfiguration"] = {"stepPercent": float(self.step), "stepBakeTimeInMinutes": 0}
        return told


def others_pauses(configuration: Mapping[str, Any]) -> list[str]:
    """Return the stages of pauses that are not ours: those that a person of the team is to answer."""
    pauses = [hook for hook in configuration.get("lifecycleHooks") or () if hook.get("targetType") == _PAUSE]
    return sorted({stage for hook in pauses for stage in hook.get("lifecycleStages") or ()} - set(STAGES))


def at_once(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration that takes all users to a revision that served well before, without a pause."""
    return {**_kept(before), "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": _others(before)}


def rolling(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a rolling update: its breaker is on, and goes back."""
    shifting = ("canaryConfiguration", "linearConfiguration")
    return {
        **{key: value for key, value in before.items() if key not in shifting},
        **({"lifecycleHooks": others} if (others := _others(before)) or "lifecycleHooks" in before else {}),
        "strategy": "ROLLING",
        "deploymentCircuitBreaker": {
            **(before.get("deploymentCircuitBreaker") or {}),
            "enable": True,
            "rollback": True,
        },
    }


def percents(configuration: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the percents that a deployment stops at, by its own configuration."""
    strategy = configuration.get("strategy")
    if strategy == "CANARY":
        first = float((configuration.get("canaryConfiguration") or {}).get("canaryPercent", 5.0))
        return (round(first), 100)
    if strategy == "LINEAR":
        step = round(float((configuration.get("linearConfiguration") or {}).get("stepPercent", 10.0)))
        return (*range(step, 100, max(1, step)), 100)
    return (100,)


def silence_min(plan: Plan) -> int:
    """Return the minutes of silence that a healthy climb may have: its longest watch, its patience, and a margin."""
    return min(_LONGEST_MIN, -(-round(_longest_s(plan)) // 60))


def _longest_s(plan: Plan) -> float:
    longest = max(plan.compare_s, plan.bake_s, *(step.watch_s for step in plan.steps))
    return longest + plan.patience_s + _MARGIN_S


def problem_of(plan: Plan, *, rolling: bool, hook_timeout_min: int | None) -> str:
    """Return why ECS cannot make this climb, "" where it can."""
    steps = [step.percent for step in plan.steps]
    if rolling:
        return _rolling_problem(plan)
    if _strategy(steps) is None:
        return (
            f"ECS climbs in equal steps, or in one and then all; {_listed(steps)} is neither. "
            f"The nearest: {_listed(_linear(_even(steps)))} (LINEAR), or {_listed((max(1, steps[0]), 100))} (CANARY)"
        )
    if _longest_s(plan) > _LONGEST_MIN * 60:
        return (
            f"this climb may hold for {duration(_longest_s(plan))}, but ECS waits for a word for "
            f"{duration(_LONGEST_MIN * 60)} at most, and would then put a healthy release back. Shorten the longest "
            "watch, or patience"
        )
    if hook_timeout_min is not None and hook_timeout_min < silence_min(plan):
        return (
            f"hook_timeout is {duration(hook_timeout_min * 60)}, but this climb may hold for "
            f"{duration(silence_min(plan) * 60)}: ECS would put a healthy release back. Raise it, or leave it out"
        )
    return ""


def _rolling_problem(plan: Plan) -> str:
    if len(plan.steps) == 1 and not (plan.steps[0].watch_s or plan.compare_s or plan.bake_s):
        return ""
    return (
        "a rolling update cannot split users, so nothing can be compared. Write steps: [{traffic: 100%, watch: 0s}] "
        "without compare and bake, or put the service behind a load balancer and drop strategy: rolling"
    )


def _strategy(steps: Sequence[int]) -> tuple[str, int] | None:
    if len(steps) == 1:
        return "BLUE_GREEN", 100
    if len(steps) == 2:
        return "CANARY", steps[0]
    return ("LINEAR", steps[0]) if steps[0] >= _LINEAR_MIN and list(steps) == list(_linear(steps[0])) else None


def _linear(step: int) -> tuple[int, ...]:
    return (*range(step, 100, step), 100)


def _even(steps: Sequence[int]) -> int:
    """Return the step of the even climb with as many steps."""
    return max(_LINEAR_MIN, -(-100 // len(steps)))


def _listed(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps)) + " %"


def _others(before: Mapping[str, Any]) -> list[Any]:
    return [hook for hook in before.get("lifecycleHooks") or () if hook.get("targetType") != _PAUSE]


def _kept(before: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in before.items() if key not in _OURS}
