"""Whether a release's tasks fail to start: what ECS tells of the tasks that stopped."""

from collections.abc import Iterable, Mapping
from typing import Any

from tasks.targets.ecs.deployment import Deployment

# ECS's own circuit breaker takes no fewer for a failure; one task may die for reasons of its own.
_ENOUGH = 3
_NOT_ITS_FAULT = ("UserInitiated", "SpotInterruption", "TerminationNotice")


def failed_starts(deployment: Deployment, stopped: Iterable[Mapping[str, Any]]) -> str:
    """Return why the deployment's tasks do not come up, "" as long as too few have stopped to say so."""
    ours = [
        task
        for task in stopped
        if task.get("taskDefinitionArn") == deployment.target.definition
        and (task.get("createdAt") is None or task["createdAt"] >= deployment.created_at)
        and _says_something(task)
    ]
    if len(ours) < _ENOUGH:
        return ""
    last = max(ours, key=lambda task: str(task.get("stoppedAt") or task.get("createdAt") or ""))
    return f"{len(ours)} of its tasks stopped, the last because {_why(last)}"


def _says_something(task: Mapping[str, Any]) -> bool:
    """Return whether a task's end may be the release's fault: not a person's word, AWS's own need, or fewer wanted."""
    scaled_in = str(task.get("stoppedReason") or "").startswith("Scaling activity")
    return task.get("stopCode") not in _NOT_ITS_FAULT and not scaled_in


def _why(task: Mapping[str, Any]) -> str:
    said = [str(task.get("stoppedReason") or task.get("stopCode") or "no reason given")]
    for container in task.get("containers") or ():
        code, reason = container.get("exitCode"), container.get("reason")
        if code is not None:
            said.append(f"{container.get('name', 'a container')} exited with code {code}")
        if reason and reason not in said[0]:
            said.append(str(reason))
    return "; ".join(said)
