"""One look at a service: everything that a decision needs, read in as few calls as AWS allows."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from surefoot.errors import NotThere, Refused, Unavailable
from tasks.targets.ecs import Settings
from tasks.targets.ecs.calls import Calls
from tasks.targets.ecs.definition import entrance, name_of, short
from tasks.targets.ecs.deployment import Deployment, Part
from tasks.targets.ecs.marks import CANARY, tags_of
from tasks.targets.ecs.rules import balance, listener_of
from tasks.targets.ecs.state import Balance, State

# So many deployments are looked at: what was released before them is no way back that we would name.
_DEPLOYMENTS = 10
# So often weights that nothing explains are read again.
_AGAIN = 3
# As many as one call may ask about.
_AT_ONCE = 20


class Reader:
    """Looks at a service. Service revisions, task definitions and listeners never change, so each is read once."""

    def __init__(self, settings: Settings, calls: Calls) -> None:
        self._settings = settings
        self._calls = calls
        self._parts: dict[str, Part] = {}
        self._definitions: dict[str, dict[str, Any]] = {}
        self._listeners: dict[str, dict[str, Any]] = {}

    async def look(self, patience_s: float = 30.0) -> State:
        """Return the service as it is now; weights that nothing of it explains may lag behind: they are read again."""
        state = await self._look(patience_s)
        for _ in range(_AGAIN):
            if not state.strange:
                break
            await asyncio.sleep(self._settings.poll_every_s)
            state = await self._look(patience_s)
        return state

    async def _look(self, patience_s: float) -> State:
        service, told = await asyncio.gather(
            self._calls.service(patience_s), self._calls.deployments(_DEPLOYMENTS, patience_s)
        )
        current = [one["arn"] for one in service.get("currentServiceRevisions") or ()]
        await self._learn({*current, *(arn for one in told for arn in _revisions(one))}, service)
        deployments = tuple(one for one in map(self._deployment, told) if one)
        ended = [one.target for one in deployments if one.status == "SUCCESSFUL"]
        good = {part.name: part for part in reversed(ended)}
        serving = [self._parts[arn] for arn in current if arn in self._parts]
        if self._settings.rolling:
            good |= await self._waiting(service)
        return State(
            service=service,
            deployments=deployments,
            current=tuple(serving or ended[:1]) or (await self._old(service),),
            past=tuple(good.values()),
            balance=await self._balance(service, patience_s),
        )

    async def newest_definitions(self, family: str) -> list[dict[str, Any]]:
        """Return a family's newest task definitions, the newest first; one that a run died over is among them."""
        arns = await self._calls.newest_definitions(family, _DEPLOYMENTS)
        found = [await self.definition(arn) for arn in arns]
        return [one for one in found if one["family"] == family]

    async def definition(self, name: str) -> dict[str, Any]:
        """Return a task definition, as AWS wrote it."""
        if name not in self._definitions:
            found = await self._calls.definition(name)
            self._definitions[name] = self._definitions[found["taskDefinitionArn"]] = found
        return self._definitions[name]

    async def _learn(self, arns: Iterable[str], service: Mapping[str, Any]) -> None:
        new = sorted(set(arns) - self._parts.keys())
        for start in range(0, len(new), _AT_ONCE):
            for told in await self._calls.revisions(new[start : start + _AT_ONCE]):
                part = await self._part(told["serviceRevisionArn"], told["taskDefinition"], _group(told, service))
                self._parts[part.arn] = part

    async def _waiting(self, service: Mapping[str, Any]) -> dict[str, Part]:
        """Return the marked release of a rolling update, by name: registered, and without any task until it begins."""
        canary = tags_of(service).get(CANARY)
        if canary is None:
            return {}
        family = (await self.definition(service["taskDefinition"]))["family"]
        for definition in await self.newest_definitions(family):
            if name_of(definition) == canary:
                return {canary: await self._part("", definition["taskDefinitionArn"], "")}
        return {}

    async def _old(self, service: Mapping[str, Any]) -> Part:
        """Return what serves in a service that has never been deployed in a way that AWS keeps a record of."""
        groups = [one["targetGroupArn"] for one in service.get("loadBalancers") or () if "targetGroupArn" in one]
        return await self._part("", service["taskDefinition"], next(iter(groups), ""))

    async def _part(self, arn: str, definition: str, group: str) -> Part:
        try:
            found = await self.definition(definition)
        except NotThere:  # somebody has deleted it; the history goes on naming it
            return Part(arn, short(definition), definition, "", group, gone="its task definition was deleted")
        containers = found["containerDefinitions"]
        chosen = next((one for one in containers if one.get("name") == self._settings.container), None)
        image = str((chosen or entrance(found, "")).get("image", ""))
        gone = "its task definition was deregistered" if found.get("status", "ACTIVE") != "ACTIVE" else ""
        made_at = float(found.get("registeredAt") or 0)
        return Part(arn, name_of(found), found["taskDefinitionArn"], image, group, made_at, gone)

    def _deployment(self, told: Mapping[str, Any]) -> Deployment | None:
        """Return a deployment in our words; None for one of the past whose revision AWS knows no more."""
        sources = [one["arn"] for one in told.get("sourceServiceRevisions") or ()]
        target = self._parts.get((told.get("targetServiceRevision") or {}).get("arn", ""))
        if target is None and told.get("finishedAt") is not None:
            return None
        if target is None:
            raise Unavailable(f"{told['serviceDeploymentArn']} does not say yet what it deploys; look again")
        return Deployment(told, target, tuple(self._parts[arn] for arn in sources if arn in self._parts))

    async def _balance(self, service: Mapping[str, Any], patience_s: float) -> Balance | None:
        if self._settings.rolling:
            return None
        told = next((one for one in service.get("loadBalancers") or () if one.get("advancedConfiguration")), None)
        rule = told["advancedConfiguration"].get("productionListenerRule") if told else None
        if told is None or not rule:
            raise Refused(
                f"{service['serviceName']} has no load balancer with a production listener rule and an alternate "
                "target group, so users cannot be split; give it one (infra/aws shows how), or write strategy: rolling"
            )
        test = told["advancedConfiguration"].get("testListenerRule", "")
        listeners = dict.fromkeys(listener_of(arn) for arn in (rule, test) if arn)
        pages = await asyncio.gather(*(self._calls.rules(arn, patience_s) for arn in listeners))
        await self._hear(listeners)
        rules = {one["RuleArn"]: one for page in pages for one in page}
        return balance(rules, self._listeners, rule, test, self._settings.url)

    async def _hear(self, listeners: Iterable[str]) -> None:
        for arn in listeners:
            if arn not in self._listeners:
                self._listeners[arn] = await self._calls.listener(arn)


def _revisions(deployment: Mapping[str, Any]) -> list[str]:
    target = deployment.get("targetServiceRevision") or {}
    return [one["arn"] for one in (*(deployment.get("sourceServiceRevisions") or ()), target) if one.get("arn")]


def _group(revision: Mapping[str, Any], service: Mapping[str, Any]) -> str:
    """Return the target group that a revision's tasks are really in; ECS takes turns between the two."""
    resolved = (revision.get("resolvedConfiguration") or {}).get("loadBalancers") or ()
    told = (*resolved, *(revision.get("loadBalancers") or ()), *(service.get("loadBalancers") or ()))
    return next((str(one["targetGroupArn"]) for one in told if one.get("targetGroupArn")), "")
