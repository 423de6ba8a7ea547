"""The calls about task definitions."""

from dataclasses import dataclass
from typing import Any

from rehearsal.ecs import tagging
from rehearsal.ecs.account import Account
from rehearsal.ecs.definition import Definition
from rehearsal.ecs.paging import page
from rehearsal.ecs.world import now


@dataclass(frozen=True, slots=True)
class DefinitionCalls:
    """Register, describe, list and deregister task definitions."""

    account: Account

    async def register(self, params: dict[str, Any], caller: str) -> dict[str, Any]:
        """Register the next revision of a family."""
        made = self.account.definitions.register(self.account.world.region, params, caller)
        return _answer(made, with_tags=bool(made.tags))

    async def describe(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Describe one; its tags only where they are asked for."""
        found = self.account.definitions.find(params["taskDefinition"])
        return _answer(found, with_tags="TAGS" in (params.get("include") or ()))

    async def deregister(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Make one inactive; services that run it go on."""
        found = self.account.definitions.find(params["taskDefinition"])
        found.deregistered = found.deregistered or now()
        return _answer(found, with_tags=False)

    async def listing(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """List ARNs of a family (by its whole name) or of all."""
        prefix, status = params.get("familyPrefix"), params.get("status", "ACTIVE")
        families = self.account.definitions.families
        chosen = [prefix] if prefix else sorted(families)
        found = [one for family in chosen for one in families.get(family, [])]
        arns = [one.arn for one in found if (one.deregistered is None) == (status == "ACTIVE")]
        return page("taskDefinitionArns", arns[::-1] if params.get("sort") == "DESC" else arns, params)


def _answer(definition: Definition, *, with_tags: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"taskDefinition": definition.told()}
    return answer | {"tags": tagging.told(definition.tags)} if with_tags else answer
