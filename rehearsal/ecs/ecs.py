"""ECS as one object: its calls by name, what runs for it, and its end."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rehearsal.aws.balancer import Balancer
from rehearsal.catalogue import Catalogue
from rehearsal.cloud_run.pace import Pace
from rehearsal.ecs import shape
from rehearsal.ecs.account import Account
from rehearsal.ecs.cluster_calls import ClusterCalls
from rehearsal.ecs.definition_calls import DefinitionCalls
from rehearsal.ecs.deployment_calls import DeploymentCalls
from rehearsal.ecs.scheduler import Scheduler
from rehearsal.ecs.service import Service
from rehearsal.ecs.service_calls import ServiceCalls
from rehearsal.ecs.tag_calls import TagCalls
from rehearsal.ecs.task_calls import TaskCalls
from rehearsal.ecs.world import World

Handler = Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]


class Ecs:
    """Amazon ECS with native deployments, over real processes and a load balancer's real traffic."""

    def __init__(
        self,
        catalogue: Catalogue,
        log_dir: Path,
        pace: Pace,
        balancer: Balancer,
        alarm_state: Callable[[str], Awaitable[str]],
        *,
        region: str = "eu-west-1",
        breaker_for_all: bool = True,
    ) -> None:
        world = World(catalogue, log_dir, pace, balancer, alarm_state, region, breaker_for_all)
        self.account = Account(world)
        self._scheduler = Scheduler(world)
        self.handlers = {name: _checked(name, call) for name, call in self._calls().items()}

    @property
    def services(self) -> dict[str, Service]:
        """Return the services by `CLUSTER/SERVICE`."""
        return self.account.services

    def crash(self, revision: str) -> None:
        """Kill the tasks of every revision called `FAMILY:REVISION` at once, as a fault would."""
        for service in self.services.values():
            for task in service.tasks:
                if task.definition.label == revision:
                    service.platform.crash(task.key)

    async def close(self) -> None:
        """End all deployments, then every task."""
        await self._scheduler.close()
        revisions = [one for service in self.services.values() for one in service.revisions]
        await asyncio.gather(*(revision.fleet.stop() for revision in revisions))
        await asyncio.gather(*(service.platform.close() for service in self.services.values()))

    def _calls(self) -> dict[str, Handler]:
        clusters, definitions = ClusterCalls(self.account), DefinitionCalls(self.account)
        services, deployments = ServiceCalls(self.account, self._scheduler), DeploymentCalls(self.account)
        tasks, tags = TaskCalls(self.account), TagCalls(self.account)
        return {
            "CreateCluster": clusters.create,
            "DescribeClusters": clusters.describe,
            "ListClusters": clusters.listing,
            "RegisterTaskDefinition": definitions.register,
            "DescribeTaskDefinition": definitions.describe,
            "ListTaskDefinitions": definitions.listing,
            "DeregisterTaskDefinition": definitions.deregister,
            "CreateService": services.create,
            "UpdateService": services.update,
            "DescribeServices": services.describe,
            "ListServices": services.listing,
            "DeleteService": services.delete,
            "ListServiceDeployments": deployments.listing,
            "DescribeServiceDeployments": deployments.describe,
            "DescribeServiceRevisions": deployments.revisions,
            "ContinueServiceDeployment": deployments.proceed,
            "StopServiceDeployment": deployments.stop,
            "ListTasks": tasks.listing,
            "DescribeTasks": tasks.describe,
            "TagResource": tags.tag,
            "UntagResource": tags.untag,
            "ListTagsForResource": tags.listing,
        }


def _checked(operation: str, call: Handler) -> Handler:
    """Return a call that first refuses what the API's model does not allow."""

    async def checked(params: dict[str, Any], caller: str) -> dict[str, Any]:
        shape.check(operation, params)
        return await call(params, caller)

    return checked
