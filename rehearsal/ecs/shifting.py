"""The traffic of one deployment: the weights of its production rule and of its test rule."""

import asyncio
from dataclasses import dataclass

from rehearsal.ecs.deployment import Deployment
from rehearsal.ecs.service import Service
from rehearsal.ecs.world import World


@dataclass(frozen=True, slots=True)
class Shifting:
    """Moves the users and the testers of a service between a deployment's target and what was there before."""

    world: World
    service: Service
    deployment: Deployment

    async def enlist(self) -> None:
        """Put our group into the production rule without weight: targets of a group in no rule are not looked at."""
        rule_arn, group_arn = self.service.advanced.get("productionListenerRule"), self.deployment.target.group_arn
        if rule_arn and group_arn:
            weights = self.world.balancer.weights(rule_arn)
            if group_arn not in weights:
                await self.world.balancer.set_weights(rule_arn, {**weights, group_arn: 0})

    async def shift(self, percent: float) -> None:
        """Give so much of production to the target."""
        self.deployment.production = percent
        await self._weigh(self.service.advanced.get("productionListenerRule"), percent)

    async def test(self, percent: float) -> None:
        """Give so much of the test traffic to the target."""
        self.deployment.test = percent if self.deployment.tests else 0.0
        await self._weigh(self.service.advanced.get("testListenerRule"), percent)

    async def back(self) -> None:
        """Give everything to what was there before, users first."""
        if self.service.advanced:
            await self.shift(0)
            await self.test(0)

    async def _weigh(self, rule_arn: str | None, percent: float) -> None:
        source, target = self.service.current, self.deployment.target
        if rule_arn is None or target.group_arn is None:
            return
        groups = (self.service.load_balancer["targetGroupArn"], self.service.advanced["alternateTargetGroupArn"])
        weights = dict.fromkeys(groups, 0)
        other, ours = _whole(100 - percent, percent)
        if source is not None and source.group_arn:
            weights[source.group_arn] = other
        weights[target.group_arn] = weights.get(target.group_arn, 0) + ours  # they share one where tasks are rolled
        await asyncio.sleep(self.world.pace.traffic_lag_s / 2)
        await self.world.balancer.set_weights(rule_arn, weights)


def _whole(first: float, second: float) -> tuple[int, int]:
    """Return two shares as weights, which have no fractions."""
    factor = 1 if float(second).is_integer() else 10
    return round(first * factor), round(second * factor)
