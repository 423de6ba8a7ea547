"""Whether a task is healthy: what its target group says, or, without one, whether its port answers."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from rehearsal.backend import Backend
from rehearsal.ecs.berth import Berth
from rehearsal.ecs.task import BY_SCHEDULER, Ending, Task
from rehearsal.ecs.world import World

_LOOK_EVERY_S = 0.02
_GRACE_S = 60.0
_SETTLED_S = 30.0
_UNHEALTHY_S = 10.0
_LEAST_S = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """The health of one task that runs."""

    world: World
    berth: Berth
    task: Task

    async def passed(self) -> bool:
        """Say whether it became healthy before its time of grace was over."""
        if self.berth.group_arn is None:
            await self._settled()
            return True
        with suppress(TimeoutError):
            grace_s = self.world.seconds(self.berth.grace_s + _GRACE_S, self.world.pace.least_grace_s)
            async with asyncio.timeout(grace_s):
                while not self._healthy():  # noqa: ASYNC110  the load balancer tells nobody
                    await asyncio.sleep(_LOOK_EVERY_S)
                return True
        return False

    async def failed(self) -> None:
        """Return once it was unhealthy for a while; without a load balancer only its end counts."""
        if self.berth.group_arn is None:
            await asyncio.get_running_loop().create_future()
        bad_s, limit_s = 0.0, self.world.seconds(_UNHEALTHY_S, _LEAST_S)
        while bad_s < limit_s:
            await asyncio.sleep(_LOOK_EVERY_S)
            bad_s = 0.0 if self._healthy() else bad_s + _LOOK_EVERY_S

    @property
    def event(self) -> str:
        """Return the service's event about a task that is not healthy."""
        where = f"(target-group {self.berth.group_arn})"
        return f"(task {self.task.id}) is unhealthy in {where} due to (reason Health checks failed)."

    @property
    def ending(self) -> Ending:
        """Return how such a task ends."""
        return Ending(BY_SCHEDULER, f"Task failed ELB health checks in (target-group {self.berth.group_arn})")

    async def _settled(self) -> None:
        """Return once its port answers, or once it has lasted for a while: not everything listens."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.world.seconds(_SETTLED_S, _LEAST_S)):
                while not await _listens(self.task.backend):  # noqa: ASYNC110  a process tells nobody
                    await asyncio.sleep(_LOOK_EVERY_S)

    def _healthy(self) -> bool:
        group, backend = self.berth.group_arn, self.task.backend
        return bool(group and backend and self.world.balancer.all_healthy(group, [backend]))


async def _listens(backend: Backend | None) -> bool:
    if backend is None:
        return False
    try:
        _, writer = await asyncio.open_connection(backend.host, backend.port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
