"""Begins deployments, one after the other for each service, and ends what runs."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws.refusal import Refusal
from rehearsal.ecs import names
from rehearsal.ecs.berth import Berth
from rehearsal.ecs.definition import Definition
from rehearsal.ecs.deployment import Deployment, Turn
from rehearsal.ecs.fleet import Fleet
from rehearsal.ecs.plan import ROLLING
from rehearsal.ecs.refusals import invalid
from rehearsal.ecs.revision import Revision
from rehearsal.ecs.rollout import Rollout
from rehearsal.ecs.service import Service
from rehearsal.ecs.world import World
from rehearsal.splitter import PUBLIC

TEST = "test"


@dataclass(slots=True)
class Scheduler:
    """The hands of all services. Each service's deployments wait for one another, and for nobody else's."""

    world: World
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def deploy(self, service: Service, definition: Definition) -> Deployment:
        """Begin a deployment; one that is under way is overtaken by it."""
        before = service.latest
        target = self._revision(service, definition)
        deployment = Deployment(
            arn=names.arn(self.world.region, "service-deployment", service.cluster, service.name, names.token()),
            service_arn=service.arn,
            cluster_arn=service.cluster_arn,
            target=target,
            sources=[service.current] if service.current else [],
            course=service.course,
            tests=bool(service.advanced.get("testListenerRule")),
            reconciles=sum(one.active for one in service.revisions) > 1,
        )
        service.revisions.append(target)
        service.deployments.append(deployment)
        service.wanted = target
        self._claim(service)
        if before is not None:
            before.cut(Turn.OVERTAKEN, f"Service deployment stopped by a newer service deployment {deployment.arn}.")
        service.work = self._background(Rollout(self.world, service, deployment).run(service.work))
        return deployment

    def scale(self, service: Service, count: int) -> None:
        """Change how many tasks a service should have, in every revision of it that has any."""
        service.desired = count
        for revision in service.revisions:
            if revision.fleet.desired > 0 or revision is service.current:
                revision.fleet.scale(count)

    def remove(self, service: Service) -> None:
        """Drain a service and end its tasks."""
        service.status, service.desired = "DRAINING", 0
        for deployment in service.deployments:
            deployment.cut(Turn.ABORT, "Service deployment stopped because the service is deleted.")
        for revision in service.revisions:
            revision.fleet.scale(0)
        self._background(self._drain(service))

    async def close(self) -> None:
        """End all work under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check_load_balancers(self, settings: dict[str, Any], definition: Definition) -> None:
        """Refuse load balancers whose container or target groups are not there."""
        for one in settings.get("loadBalancers") or ():
            named = [container["name"] for container in definition.containers]
            if one.get("containerName") not in named:
                raise invalid(f"The container {one.get('containerName')} does not exist in the task definition.")
            self._check_target(one)

    def _check_target(self, balancer: dict[str, Any]) -> None:
        if not balancer.get("targetGroupArn"):
            raise invalid("targetGroupArn cannot be empty.")
        advanced = balancer.get("advancedConfiguration") or {}
        groups = [balancer["targetGroupArn"], advanced.get("alternateTargetGroupArn")]
        rules = [advanced.get("productionListenerRule"), advanced.get("testListenerRule")]
        try:
            for group in filter(None, groups):
                self.world.balancer.health(group)
            for rule in filter(None, rules):
                self.world.balancer.weights(rule)
        except Refusal as refusal:
            raise invalid(refusal.message) from refusal

    async def _drain(self, service: Service) -> None:
        if service.work is not None:
            await asyncio.wait({service.work})
        await asyncio.gather(*(one.fleet.stop() for one in service.revisions))
        service.status = "INACTIVE"

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _claim(self, service: Service) -> None:
        """Tell the load balancer whose requests come through the rules."""
        for key, address in (("productionListenerRule", PUBLIC), ("testListenerRule", TEST)):
            if rule := service.advanced.get(key):
                self.world.balancer.claim(rule, service.place, address)
        own = (service.load_balancer.get("targetGroupArn"), service.advanced.get("alternateTargetGroupArn"))
        self.world.balancer.claim_alone([group for group in own if group], service.place)

    def _revision(self, service: Service, definition: Definition) -> Revision:
        started_by, group = f"ecs-svc/{names.digits()}", _group(service)
        berth = Berth(
            cluster=service.cluster,
            service=service.name,
            started_by=started_by,
            definition=definition,
            container=definition.container(service.load_balancer.get("containerName", "")),
            group_arn=group,
            grace_s=float(service.settings.get("healthCheckGracePeriodSeconds", 0)),
        )
        path = (service.cluster, service.name, names.digits())
        return Revision(
            arn=names.arn(self.world.region, "service-revision", *path),
            id=started_by,
            service_arn=service.arn,
            cluster_arn=service.cluster_arn,
            definition=definition,
            settings=dict(service.settings),
            group_arn=group,
            fleet=Fleet(self.world, service.platform, berth, service.say, lambda: next(service.task_numbers)),
        )


def _group(service: Service) -> str | None:
    """Return the target group for a new revision: where traffic is shifted, the one that production does not use."""
    balancer = service.load_balancer
    first: str | None = balancer.get("targetGroupArn")
    other: str | None = service.advanced.get("alternateTargetGroupArn")
    used = service.current.group_arn if service.current else None
    if other is None or used not in (first, other):
        return first
    if service.course.strategy == ROLLING:
        return used
    return other if used == first else first
