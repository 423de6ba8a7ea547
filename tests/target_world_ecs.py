"""The contract's world on a rehearsed ECS."""

import asyncio
from typing import Any

from target_world import World

from commands.rehearsed_ecs import CLUSTER, REGION, Found, seed_ecs
from rehearsal.cloud import Rehearsal
from rehearsal.faults import AwsFault
from surefoot.rollout import Plan
from surefoot.service import Place

PRIYA = "priya"
_PROBLEMS: dict[str, dict[str, Any]] = {
    "away": {"code": "ServiceUnavailable"},
    "busy": {"code": "ThrottlingException"},
    "cancelled": {"cut": True},
    "conflict": {"code": "ClientException"},
    "deadline": {"cut": True},
    "forbidden": {"code": "AccessDeniedException"},
    "internal": {"code": "ServerException"},
    "invalid": {"code": "InvalidParameterException"},
    "missing": {"code": "ServiceNotFoundException"},
    "precondition": {"code": "ClientException"},
    "stranger": {"code": "UnrecognizedClientException"},
    "unimplemented": {"code": "UnsupportedFeatureException"},
    "unknown": {"cut": True},
}
_CALLS = {
    "look": "DescribeServices",
    "write": "UpdateService|ContinueServiceDeployment|StopServiceDeployment",
}


class EcsWorld(World):
    """A service on a rehearsed ECS."""

    stranger = "somebody"
    least = 10
    looks = frozenset(
        {
            "DescribeListeners",
            "DescribeLoadBalancers",
            "DescribeRules",
            "DescribeServiceDeployments",
            "DescribeServiceRevisions",
            "DescribeServices",
            "DescribeTaskDefinition",
            "ListServiceDeployments",
        }
    )
    marking = "TagResource"
    moving = 3
    guarded = False
    pauses_s = 0.0
    keeps = False
    crashed = "exited with code 3"
    hung = "health checks"
    missing = "not found"
    forbidden = r"AccessDeniedException .*infra/aws/permissions\.json"
    nowhere = r"nothing-here.*aws ecs list-services"
    silent = "no answer in time"
    found: Found

    async def called(self, answer: str) -> str:
        """Return the tag that we gave the task definition, or its own name."""
        definition = await self.ask("DescribeTaskDefinition", taskDefinition=answer, include=["TAGS"])
        return next((tag["value"] for tag in definition["tags"] if tag["key"] == "surefoot:revision"), answer)

    async def ask(self, operation: str, caller: str = "team", **told: Any) -> dict[str, Any]:
        """Call ECS or its load balancer as another person, past the wire and its faults."""
        aws = self.rehearsal.aws
        handlers = aws.front.ecs if operation in aws.front.ecs else aws.front.elb
        return await handlers[operation](told, caller)

    def arm(self, problem: str = "", *, on: str = "*", **fault: Any) -> None:
        fault.pop("retry_after_s", None)  # AWS does not say when to come back
        told = _PROBLEMS[problem] if problem else {}
        self.rehearsal.aws.front.faults.add(AwsFault(method=_CALLS.get(on, on), **told, **fault))

    def disarm(self) -> bool:
        faults = self.rehearsal.aws.front.faults
        unmet = any(not hits for _, hits in faults.listed().values())
        faults.clear()
        return unmet

    async def revisions(self) -> int:
        listed = await self.ask("ListServiceDeployments", cluster=CLUSTER, service=self.service)
        return len(listed["serviceDeployments"])

    def writes(self, *, accepted: bool = False) -> int:
        calls = [
            call
            for method in ("UpdateService", "ContinueServiceDeployment", "StopServiceDeployment")
            for call in self.rehearsal.aws.front.journal.of(method)
            if f"/{self.service}" in call.resource or call.resource == self.service
        ]
        return sum(call.code == "OK" or not accepted for call in calls)

    def slow_down(self, traffic_lag_s: float) -> None:
        self.rehearsal.cloud.reconciler.pace.traffic_lag_s = traffic_lag_s

    async def state(self) -> str:
        told = (await self.ask("DescribeServices", cluster=CLUSTER, services=[self.service]))["services"][0]
        rule = (await self.ask("DescribeRules", RuleArns=[self.found.production_rule]))["Rules"][0]
        return f"{told['deployments'][0]['id']} {told['taskDefinition']} {rule['Actions']}"

    async def theirs(self) -> dict[str, Any]:
        """Return what another person asks of UpdateService: a release of their own."""
        image = str(self.release("1.2.0").image)
        container = {"name": "shop", "image": image, "portMappings": [{"containerPort": 8080}]}
        family = f"{self.service}-theirs"
        made = await self.ask("RegisterTaskDefinition", family=family, containerDefinitions=[container])
        definition = made["taskDefinition"]["taskDefinitionArn"]
        at_once = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": []}
        where = {"cluster": CLUSTER, "service": self.service, "taskDefinition": definition}
        return {**where, "deploymentConfiguration": at_once}

    async def meddle(self, *, wait: bool = True) -> None:
        """Let another person deploy."""
        await self.ask("UpdateService", PRIYA, **await self.theirs())
        async with asyncio.timeout(20):
            while wait and (await self.newest())["status"] != "SUCCESSFUL":  # noqa: ASYNC110 (no event)
                await asyncio.sleep(0.02)

    async def newest(self) -> dict[str, Any]:
        """Return the newest deployment."""
        listed = await self.ask("ListServiceDeployments", cluster=CLUSTER, service=self.service)
        arns = [one["serviceDeploymentArn"] for one in listed["serviceDeployments"][:1]]
        told = await self.ask("DescribeServiceDeployments", serviceDeploymentArns=arns)
        return dict(told["serviceDeployments"][0])

    async def meddling(self, *, on: str = "write", after: int = 0) -> None:
        theirs = await self.theirs()
        self.arm(on=on, after=after, writer=PRIYA, writer_action="UpdateService", writer_params=theirs)

    async def theirs_stand(self) -> bool:
        newest = await self.newest()
        revision = newest["targetServiceRevision"]["arn"]
        told = (await self.ask("DescribeServiceRevisions", serviceRevisionArns=[revision]))["serviceRevisions"][0]
        return "-theirs:" in told["taskDefinition"] and newest["status"] in ("PENDING", "IN_PROGRESS", "SUCCESSFUL")


async def make_ecs(rehearsal: Rehearsal, service: str, plan: Plan, **settings: str) -> EcsWorld:
    """Make a service behind a load balancer of its own."""
    place = {"region": REGION, "cluster": CLUSTER, "service": service, "endpoint": rehearsal.aws.url}
    # Time is sped up: 4 hours of silence are over in a minute.
    place |= {"poll_every": "50ms", "change_within": "20s", "hook_timeout": "4h", **settings}
    world = EcsWorld(rehearsal, Place("ecs", place), service, plan=plan)
    world.found = await seed_ecs(rehearsal.aws.url, service, str(world.release("1.0.0").image), health="/")
    world.stable = f"{service}:1"
    return world
