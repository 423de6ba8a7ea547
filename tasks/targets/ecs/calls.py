"""Calls of AWS's APIs: each in a thread, with a deadline; reads tried again, every error in Surefoot's words."""

import asyncio
from collections.abc import Callable
from typing import Any

import stamina
from botocore import xform_name

from surefoot.errors import NotThere, Refused, Unavailable
from tasks.targets.ecs import Settings
from tasks.targets.ecs.clients import CONNECT_S, RAW, WRITE_S, ecs_client, made
from tasks.targets.ecs.features import refuse_old_sdk
from tasks.targets.ecs.problems import HINTS, translated

_PATIENCE_S = 30.0
_PAGE = 100
_PAGES = 100
# What asks for the next page, and what the page before calls it.
_NEXT = (("nextToken", "nextToken"), ("Marker", "NextMarker"))
_NO_DEFINITION = "Unable to describe task definition"

stamina.instrumentation.set_on_retry_hooks([])


class Calls:
    """The calls we make, over clients that live as long as this does."""

    def __init__(self, settings: Settings, on_call: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._on_call = on_call or (lambda _: None)
        with translated(f"connect to ECS for {settings.service}"):
            self._ecs = ecs_client(settings)
            self._elb = made(settings, "elbv2")
        refuse_old_sdk(self._ecs.meta.service_model)

    async def service(self, patience_s: float = _PATIENCE_S) -> dict[str, Any]:
        """Return the service with its tags; Refused where it does not exist."""
        about = {"cluster": self._settings.cluster, "services": [self._settings.service], "include": ["TAGS"]}
        answer = await self._read("DescribeServices", about, patience_s)
        if not answer["services"]:
            reason = "; ".join(str(failure.get("reason", "")) for failure in answer.get("failures", ()))
            raise NotThere(
                f"{self._settings.service} is not in {self._settings.cluster} ({reason or 'not found'}); "
                f"{HINTS['ServiceNotFoundException'].replace('CLUSTER', self._settings.cluster)}"
            )
        return dict(answer["services"][0])

    async def deployments(self, number: int, patience_s: float = _PATIENCE_S) -> list[dict[str, Any]]:
        """Return the newest deployments, the newest first."""
        about = {"cluster": self._settings.cluster, "service": self._settings.service, "maxResults": _PAGE}
        listed = await self._all("ListServiceDeployments", about, "serviceDeployments", patience_s)
        newest = sorted(listed, key=lambda one: one["createdAt"], reverse=True)[:number]
        if not newest:
            return []
        arns = [one["serviceDeploymentArn"] for one in newest]
        answer = await self._read("DescribeServiceDeployments", {"serviceDeploymentArns": arns}, patience_s)
        return sorted(answer["serviceDeployments"], key=lambda one: one["createdAt"], reverse=True)

    async def revisions(self, arns: list[str], patience_s: float = _PATIENCE_S) -> list[dict[str, Any]]:
        """Return service revisions by their names, at most 20."""
        answer = await self._read("DescribeServiceRevisions", {"serviceRevisionArns": arns}, patience_s)
        return list(answer["serviceRevisions"])

    async def definition(self, name: str, patience_s: float = _PATIENCE_S) -> dict[str, Any]:
        """Return a task definition as AWS wrote it, with fields that the SDK does not know; tags under `tags`."""
        try:
            told = {"taskDefinition": name, "include": ["TAGS"]}
            answer = await self._read("DescribeTaskDefinition", told, patience_s)
        except Refused as problem:
            if _NO_DEFINITION in str(problem):
                raise NotThere(str(problem)) from problem
            raise
        raw: dict[str, Any] = answer[RAW]
        return {**raw["taskDefinition"], "tags": raw.get("tags", [])}

    async def newest_definitions(self, family: str, number: int) -> list[str]:
        """Return the names of a family's newest task definitions."""
        about = {"familyPrefix": family, "sort": "DESC", "maxResults": number}
        return list((await self._read("ListTaskDefinitions", about))["taskDefinitionArns"])

    async def stopped_tasks(self) -> list[dict[str, Any]]:
        """Return the service's tasks that stopped lately."""
        cluster = self._settings.cluster
        about = {"cluster": cluster, "serviceName": self._settings.service, "desiredStatus": "STOPPED"}
        arns, tasks = await self._all("ListTasks", about, "taskArns"), []
        for start in range(0, len(arns), _PAGE):
            asked = {"cluster": cluster, "tasks": arns[start : start + _PAGE]}
            tasks += (await self._read("DescribeTasks", asked))["tasks"]
        return tasks

    async def rules(self, listener: str, patience_s: float = _PATIENCE_S) -> list[dict[str, Any]]:
        """Return the rules of a listener."""
        return await self._all("DescribeRules", {"ListenerArn": listener}, "Rules", patience_s)

    async def listener(self, arn: str) -> dict[str, Any]:
        """Return a listener with the DNS name of its load balancer under `DNSName`."""
        listener = (await self._read("DescribeListeners", {"ListenerArns": [arn]}))["Listeners"][0]
        about = {"LoadBalancerArns": [listener["LoadBalancerArn"]]}
        balancer = (await self._read("DescribeLoadBalancers", about))["LoadBalancers"][0]
        return {**listener, "DNSName": balancer["DNSName"]}

    async def health(self, group: str) -> list[dict[str, Any]]:
        """Return how each target of a group is."""
        return list((await self._read("DescribeTargetHealth", {"TargetGroupArn": group}))["TargetHealthDescriptions"])

    async def register(self, definition: dict[str, Any]) -> None:
        """Register a task definition, sent as it is."""
        least = {"family": definition["family"], "containerDefinitions": []}
        await self._write("RegisterTaskDefinition", {**least, RAW: definition}, definition["family"])

    async def update(self, definition: str, configuration: dict[str, Any], *, anew: bool = False) -> None:
        """Begin a deployment of a task definition; `anew` also where the service has it already."""
        where = {"cluster": self._settings.cluster, "service": self._settings.service}
        told: dict[str, Any] = {**where, "taskDefinition": definition, "deploymentConfiguration": configuration}
        told |= {"forceNewDeployment": True} if anew else {}
        await self._write("UpdateService", told, f"{self._settings.service} to {definition.rpartition('/')[2]}")

    async def go_on(self, deployment: str, hook: str, *, back: bool = False) -> None:
        """Answer a pause: on to the next, or back."""
        action = "ROLLBACK" if back else "CONTINUE"
        told = {"serviceDeploymentArn": deployment, "hookId": hook, "action": action}
        await self._write("ContinueServiceDeployment", told, f"{_short(deployment)} {action}")

    async def stop(self, deployment: str) -> None:
        """Put a deployment back, wherever it is."""
        told = {"serviceDeploymentArn": deployment, "stopType": "ROLLBACK"}
        await self._write("StopServiceDeployment", told, f"{_short(deployment)} ROLLBACK")

    async def tag(self, arn: str, tags: dict[str, str]) -> None:
        """Write tags onto the service."""
        written = [{"key": key, "value": value} for key, value in tags.items()]
        await self._write("TagResource", {"resourceArn": arn, "tags": written}, self._settings.service)

    async def untag(self, arn: str, keys: list[str]) -> None:
        """Take tags off the service."""
        await self._write("UntagResource", {"resourceArn": arn, "tagKeys": keys}, self._settings.service)

    async def close(self) -> None:
        """Let go of the connections."""
        self._ecs.close()
        self._elb.close()

    async def _all(self, operation: str, about: dict[str, Any], key: str, patience_s: float = _PATIENCE_S) -> list[Any]:
        """Return what a list has on all of its pages, which no order is promised for."""
        found, asked = [], about
        for _ in range(_PAGES):
            answer = await self._read(operation, asked, patience_s)
            found += answer[key]
            after = next(((ours, answer[theirs]) for ours, theirs in _NEXT if answer.get(theirs)), None)
            if after is None:
                return found
            asked = {**about, after[0]: after[1]}
        raise Refused(f"{operation} {self._settings.service}: it has more than {_PAGES} pages")

    async def _read(self, operation: str, about: dict[str, Any], patience_s: float = _PATIENCE_S) -> dict[str, Any]:
        what, every_s = f"{operation} {self._settings.service}", self._settings.poll_every_s
        waits = {"wait_initial": every_s / 10, "wait_max": every_s * 5, "wait_jitter": every_s / 5}
        async for attempt in stamina.retry_context(_come_back, attempts=None, timeout=patience_s, **waits):
            with attempt:
                self._on_call(what)
                with translated(what):
                    return await asyncio.to_thread(self._call, operation, about)
        raise AssertionError  # the last attempt raises its own error

    async def _write(self, operation: str, told: dict[str, Any], about: str) -> None:
        """Make a write once. A cancelled one is waited for: whoever puts it back has to see what it came to."""
        what = f"{operation} {about}"
        self._on_call(what)
        call = asyncio.ensure_future(asyncio.to_thread(self._call, operation, told))
        try:
            with translated(what):
                await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait({call}, timeout=WRITE_S + CONNECT_S)
            raise

    def _call(self, operation: str, told: dict[str, Any]) -> dict[str, Any]:
        client = self._elb if operation in _ELB else self._ecs
        answer: dict[str, Any] = getattr(client, xform_name(operation))(**told)
        return answer


_ELB = ("DescribeRules", "DescribeListeners", "DescribeLoadBalancers", "DescribeTargetHealth")


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]


def _come_back(problem: Exception) -> bool | float:
    if not isinstance(problem, Unavailable):
        return False
    return True if problem.retry_after_s is None else problem.retry_after_s
