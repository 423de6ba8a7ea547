"""The work of one deployment, from its start to its end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NoReturn

from rehearsal.ecs.deployment import Deployment, Turn
from rehearsal.ecs.hook import ROLLBACK, Hook
from rehearsal.ecs.plan import ROLLING
from rehearsal.ecs.revision import Revision
from rehearsal.ecs.service import Service
from rehearsal.ecs.shifting import Shifting
from rehearsal.ecs.watching import watches
from rehearsal.ecs.way_back import end
from rehearsal.ecs.world import World

_log = logging.getLogger(__name__)
Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rollout:
    """Takes a service to a deployment's target, or back.

    A service's first deployment has nothing to shift from: it starts its tasks and gives them all traffic, without
    steps and hooks. Rolling deployments start all new tasks before they stop the old ones.
    """

    world: World
    service: Service
    deployment: Deployment

    @property
    def source(self) -> Revision | None:
        """Return what the service ran before; None at its first deployment."""
        return self.service.current

    @property
    def target(self) -> Revision:
        """Return what it is about to run."""
        return self.deployment.target

    @property
    def shifting(self) -> Shifting:
        """Return what moves its traffic."""
        return Shifting(self.world, self.service, self.deployment)

    async def run(self, before: asyncio.Task[None] | None) -> None:
        """Wait for the work of the deployment before, then go forward until it is done or cut short."""
        if before is not None:
            await asyncio.wait({before})
        self.deployment.sources = [self.source] if self.source else []
        if self.deployment.turn is None:
            await self._until_turned(self._forward(), *watches(self.world, self.deployment))
        if not self.deployment.ended:
            await end(self.world, self.service, self.deployment)

    async def _until_turned(self, forward: Coroutine[Any, Any, None], *watching: Coroutine[Any, Any, None]) -> None:
        loop = asyncio.get_running_loop()
        turned = loop.create_task(self.deployment.turned.wait())
        others = [loop.create_task(one) for one in (forward, *watching)]
        try:
            await asyncio.wait({turned, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (turned, *others):
                one.cancel()
            ends = await asyncio.gather(turned, *others, return_exceptions=True)
        for problem in ends:
            if isinstance(problem, Exception):
                _log.error("%s", self.deployment.arn, exc_info=problem)
                self.deployment.cut(Turn.BACK, f"Service deployment rolled back because of an error: {problem}")

    async def _forward(self) -> None:
        await asyncio.sleep(self.world.pace.traffic_lag_s / 2)
        self.deployment.becomes("IN_PROGRESS")
        if self.source is None:
            await self._begin()
        elif self.deployment.course.strategy == ROLLING:
            await self._replace()
        else:
            await self._shift_over()
        self._succeed()

    async def _begin(self) -> None:
        await self._scale_up()
        if self.service.advanced:
            await self.shifting.test(100)
            await self.shifting.shift(100)

    async def _replace(self) -> None:
        await self._scale_up()
        if self.service.advanced:
            await self.shifting.test(100)
            await self.shifting.shift(100)
        await self._bake(self.deployment.course.bake_minutes)
        await self._clean_up()

    async def _shift_over(self) -> None:
        course = self.deployment.course
        if self.deployment.reconciles:
            await self._stage("RECONCILE_SERVICE", self._reconcile)
        await self._stage("PRE_SCALE_UP")
        await self._stage("SCALE_UP", self._scale_up)
        await self._stage("POST_SCALE_UP")
        await self._stage("TEST_TRAFFIC_SHIFT", lambda: self.shifting.test(100))
        await self._stage("POST_TEST_TRAFFIC_SHIFT")
        for percent in course.percents:
            await self._step(percent)
        await self._stage("POST_PRODUCTION_TRAFFIC_SHIFT")
        await self._stage("BAKE_TIME", lambda: self._bake(course.bake_minutes))
        await self._stage("CLEAN_UP", self._clean_up)

    async def _step(self, percent: float) -> None:
        course = self.deployment.course
        if course.hooks("PRE_PRODUCTION_TRAFFIC_SHIFT"):  # otherwise the stage is not seen: its name is not in the enum
            await self._stage("PRE_PRODUCTION_TRAFFIC_SHIFT")
        await self._stage("PRODUCTION_TRAFFIC_SHIFT", lambda: self.shifting.shift(percent))
        if percent < 100:
            await self._bake(course.step_minutes)

    async def _stage(self, name: str, work: Work | None = None) -> None:
        self.deployment.enters(name)
        if work is not None:
            await work()
        for given in self.deployment.course.hooks(name):
            hook = Hook.begin(name, given, self.world)
            self.deployment.hooks.append(hook)
            if await hook.outcome() == ROLLBACK:
                await self._go_back(f"Service deployment rolled back because the lifecycle hook at {name} timed out.")

    async def _go_back(self, reason: str) -> NoReturn:
        self.deployment.cut(Turn.BACK, reason)
        await asyncio.get_running_loop().create_future()  # whoever watches for the turn ends this
        raise AssertionError

    async def _reconcile(self) -> None:
        """End what earlier deployments left behind when they were stopped half way."""
        await self.shifting.back()
        left = [one for one in self.service.revisions if one.active and one not in (self.source, self.target)]
        await asyncio.gather(*(one.fleet.stop() for one in left))

    async def _scale_up(self) -> None:
        await self.shifting.enlist()
        self.target.fleet.scale(self.service.desired)
        await self.target.fleet.settled()

    async def _bake(self, minutes: float) -> None:
        await asyncio.sleep(self.world.minutes(minutes))

    async def _clean_up(self) -> None:
        old = [one for one in self.service.revisions if one.active and one is not self.target]
        for one in old:
            self.service.say(f"has begun draining connections on {one.fleet.running} tasks.")
        await asyncio.gather(*(one.fleet.stop() for one in old))

    def _succeed(self) -> None:
        self.service.current = self.target
        self.deployment.becomes("SUCCESSFUL")
        self.target.ends_as("COMPLETED", f"ECS deployment {self.target.id} completed.")
        self.service.say(f"(deployment {self.target.id}) deployment completed.")
        self.service.say("has reached a steady state.")
