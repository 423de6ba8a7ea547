"""Rollouts on a rehearsed ECS: the world of `rollout_world`, with the place on the other platform."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from rollout_world import World

from commands.rehearsed_ecs import CLUSTER, REGION, Found, seed_ecs

# ECS climbs in equal steps, or in one and then all.
CLIMB = ({"traffic": "25%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"})
WATCHED = ({"traffic": "25%", "watch": "800ms"}, {"traffic": "100%", "watch": "0s"})


class EcsWorld(World):
    """A cloud with its Slack in this process, a store, and a folder of service files for ECS."""

    found: dict[str, Found]
    climb = CLIMB

    def place(self) -> dict[str, str]:
        """Return the settings of a target on this cloud, all but the service."""
        where = {"kind": "ecs", "region": REGION, "cluster": CLUSTER, "endpoint": self.rehearsal.aws.url}
        return {**where, "poll_every": "50ms", "change_within": "20s", "hook_timeout": "4h"}

    async def service(self, name: str = "shop", *, staging: bool = False, **more: Any) -> None:
        """Write a service file and create its places, as a team would have them."""
        self.write(name, staging=staging, **more)
        image = str(self.image("1.0.0"))
        self.found = getattr(self, "found", {})
        for service in (name, f"{name}-st")[: 2 if staging else 1]:
            self.found[service] = await seed_ecs(self.rehearsal.aws.url, service, image, health="/")

    async def ask(self, operation: str, caller: str = "team", **told: Any) -> dict[str, Any]:
        """Call ECS or its load balancer as another person, past the wire and its faults."""
        front = self.rehearsal.aws.front
        return await (front.ecs if operation in front.ecs else front.elb)[operation](told, caller)

    async def deployments(self, service: str = "shop") -> list[dict[str, Any]]:
        """Return the service's deployments, the newest first."""
        listed = (await self.ask("ListServiceDeployments", cluster=CLUSTER, service=service))["serviceDeployments"]
        arns = [one["serviceDeploymentArn"] for one in listed]
        told = await self.ask("DescribeServiceDeployments", serviceDeploymentArns=arns)
        found: list[dict[str, Any]] = told["serviceDeployments"]
        return sorted(found, key=lambda one: one["createdAt"], reverse=True)

    async def images(self, service: str = "shop") -> dict[str, int]:
        """Return the percents that users really get, by task definition's image."""
        rule = (await self.ask("DescribeRules", RuleArns=[self.found[service].production_rule]))["Rules"][0]
        told = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
        shares = {group["TargetGroupArn"]: group["Weight"] for group in told if group["Weight"]}
        found: dict[str, int] = {}
        for deployment in reversed(await self.deployments(service)):
            arns = [deployment["targetServiceRevision"]["arn"]]
            revision = (await self.ask("DescribeServiceRevisions", serviceRevisionArns=arns))["serviceRevisions"][0]
            group = revision["resolvedConfiguration"]["loadBalancers"][0]["targetGroupArn"]
            if group in shares and revision["containerImages"]:
                found = {image: share for image, share in found.items() if share != shares[group]}
                found[revision["containerImages"][0]["image"]] = shares[group]
        return found

    async def made(self, version: str, service: str = "shop") -> int:
        """Return how many deployments there were of a version."""
        found = 0
        for deployment in await self.deployments(service):
            arns = [deployment["targetServiceRevision"]["arn"]]
            revision = (await self.ask("DescribeServiceRevisions", serviceRevisionArns=arns))["serviceRevisions"][0]
            asked = await self.ask("DescribeTaskDefinition", taskDefinition=revision["taskDefinition"])
            containers = asked["taskDefinition"]["containerDefinitions"]
            found += containers[0]["image"] == str(self.image(version))
        return found

    async def marked(self, service: str = "shop") -> str:
        """Return the rollout whose mark the service carries, "" where there is none."""
        return (await self.tags(service)).get("surefoot:rollout", "")

    async def serves(self, service: str = "shop") -> bool:
        """Return whether the groups that users are sent to have a healthy task, and nothing waits any more."""
        rule = (await self.ask("DescribeRules", RuleArns=[self.found[service].production_rule]))["Rules"][0]
        groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
        for group in (one["TargetGroupArn"] for one in groups if one["Weight"]):
            told = (await self.ask("DescribeTargetHealth", TargetGroupArn=group))["TargetHealthDescriptions"]
            if not any(one["TargetHealth"]["State"] == "healthy" for one in told):
                return False
        return (await self.deployments(service))[0]["status"] in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL")

    async def tags(self, service: str = "shop") -> dict[str, str]:
        """Return the service's tags."""
        asked = {"cluster": CLUSTER, "services": [service], "include": ["TAGS"]}
        told = (await self.ask("DescribeServices", **asked))["services"][0]
        return {tag["key"]: tag["value"] for tag in told.get("tags", [])}

    async def until_status(self, status: str, service: str = "shop") -> None:
        """Return once the newest deployment has a status."""
        async with asyncio.timeout(30):
            while (await self.deployments(service))[0]["status"] != status:  # noqa: ASYNC110 (no event)
                await asyncio.sleep(0.02)


@pytest.fixture
async def ecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, within: Any) -> AsyncIterator[EcsWorld]:
    """Have a world of one's own on ECS; its tasks report to the session's Prefect server (`within`)."""
    async with EcsWorld.start(tmp_path, speed=240.0, least_grace_s=0.7) as started:
        for name, value in started.environ.items():
            monkeypatch.setenv(name, value)
        yield started
