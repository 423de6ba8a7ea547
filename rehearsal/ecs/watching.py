"""What may end a deployment from outside: its alarms, and too many failed tasks."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from rehearsal.ecs.deployment import Deployment, Turn
from rehearsal.ecs.plan import ROLLING
from rehearsal.ecs.world import World

_ALARMS_EVERY_S = 10.0
_LEAST_S = 0.02


def watches(world: World, deployment: Deployment) -> list[Coroutine[Any, Any, None]]:
    """Return what has to run beside a deployment; each cuts it short when it sees a reason."""
    course = deployment.course
    watching: list[Coroutine[Any, Any, None]] = []
    if course.alarms:
        watching.append(_watch_alarms(world, deployment))
    if course.breaker and (course.strategy == ROLLING or world.breaker_for_all):
        watching.append(_watch_tasks(deployment))
    return watching


async def _watch_alarms(world: World, deployment: Deployment) -> None:
    alarms = deployment.course.alarms
    while True:
        states = {name: await world.alarm_state(name) for name in alarms["alarmNames"]}
        triggered = [name for name, state in states.items() if state == "ALARM"]
        if triggered:
            deployment.triggered_alarms = triggered
            deployment.cut(_turn(alarms), f"Service deployment failed because of alarm {', '.join(triggered)}.")
            return
        await asyncio.sleep(world.seconds(_ALARMS_EVERY_S, _LEAST_S))


async def _watch_tasks(deployment: Deployment) -> None:
    course, fleet = deployment.course, deployment.target.fleet
    await fleet.until(lambda: fleet.desired > 0 and deployment.failures >= course.threshold(fleet.desired))
    deployment.tripped = True
    deployment.cut(_turn(course.breaker), "ECS deployment circuit breaker: tasks failed to start.")


def _turn(given: dict[str, Any]) -> Turn:
    return Turn.BACK if given.get("rollback") else Turn.FAIL
