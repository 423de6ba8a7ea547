"""The calls about tasks."""

from dataclasses import dataclass
from typing import Any

from rehearsal.ecs import names
from rehearsal.ecs.account import Account
from rehearsal.ecs.paging import page
from rehearsal.ecs.refusals import invalid
from rehearsal.ecs.task import Task


@dataclass(frozen=True, slots=True)
class TaskCalls:
    """List and describe tasks."""

    account: Account

    async def listing(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """List the ARNs of a cluster's tasks that should run, or of those stopped."""
        tasks = self._of_cluster(params)
        if params.get("serviceName"):
            tasks = self.account.service(params, "serviceName").tasks
        wanted = params.get("desiredStatus", "RUNNING")
        chosen = [
            task.arn
            for task in tasks
            if task.wanted == wanted
            and params.get("startedBy") in (None, task.started_by)
            and params.get("family") in (None, task.definition.family)
        ]
        return page("taskArns", chosen, params)

    async def describe(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Describe tasks by ARN or id, and say which are missing."""
        if not 1 <= len(params["tasks"]) <= 100:
            raise invalid("tasks can have at least 1 and at most 100 items.")
        known = {task.id: task for task in self._of_cluster(params)}
        asked = {one: known.get(names.short(one)) for one in params["tasks"]}
        missing = [{"arn": one, "reason": "MISSING"} for one, task in asked.items() if task is None]
        return {"tasks": [task.told() for task in asked.values() if task], "failures": missing}

    def _of_cluster(self, params: dict[str, Any]) -> list[Task]:
        cluster = self.account.cluster(params)
        services = (one for one in self.account.services.values() if one.cluster == cluster.name)
        return [task for service in services for task in service.tasks]
