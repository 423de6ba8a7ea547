"""The calls about tags."""

from dataclasses import dataclass
from typing import Any

from rehearsal.aws.refusal import Refusal
from rehearsal.ecs import names, tagging
from rehearsal.ecs.account import Account, Cluster
from rehearsal.ecs.definition import Definition
from rehearsal.ecs.refusals import invalid
from rehearsal.ecs.service import Service


@dataclass(frozen=True, slots=True)
class TagCalls:
    """Tag, untag and list the tags of services, task definitions and clusters."""

    account: Account

    async def tag(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Put tags over those that are there."""
        found = self._resource(params["resourceArn"])
        found.tags = tagging.merged(found.tags, params["tags"])
        return {}

    async def untag(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Take tags away; those that are not there do not matter."""
        found = self._resource(params["resourceArn"])
        found.tags = {key: value for key, value in found.tags.items() if key not in params["tagKeys"]}
        return {}

    async def listing(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """List the tags of one resource."""
        return {"tags": tagging.told(self._resource(params["resourceArn"]).tags)}

    def _resource(self, arn: str) -> Service | Definition | Cluster:
        kind, _, path = arn.rpartition(":")[2].partition("/")
        if ":task-definition/" in arn:
            return self._definition(arn)
        if not arn.startswith("arn:") or kind not in ("service", "cluster"):
            raise invalid(f"Invalid ARN: {arn}")
        found = self.account.services.get(path) if kind == "service" else self.account.clusters.get(path)
        if found is None:
            raise Refusal("ResourceNotFoundException", "The specified resource could not be found.")
        return found

    def _definition(self, arn: str) -> Definition:
        try:
            return self.account.definitions.find(names.short(arn))
        except Refusal as refusal:
            raise invalid("The specified task definition could not be found.") from refusal
