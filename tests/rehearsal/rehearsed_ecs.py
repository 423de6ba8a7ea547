"""ECS with small images as the tests use it: the vendor's own client over the wire, a load balancer, and a browser."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.aws.balancer import Balancer
from rehearsal.aws.elb import ElasticLoadBalancing
from rehearsal.aws.front import Front
from rehearsal.catalogue import Catalogue, Recipe
from rehearsal.cloud_run import Pace
from rehearsal.ecs import Ecs

CLUSTER, NAME = "laptop", "shop"
# Answers with its revision's name; the standard library's server takes three times as long to start.
_ANSWERS = """
import os, socket
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64)
body = (os.environ["K_REVISION"] + os.environ.get("GREETING", "")).encode()
while True:
    line, _ = server.accept()
    if line.recv(65536):
        head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
        line.sendall(head + body)
    line.close()
"""
# Is healthy until it is asked for /ill, and runs until it is asked for /end.
_FRAIL = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    status = 200
    def do_GET(self):
        if self.path == "/end":
            os._exit(7)
        if self.path == "/ill":
            Handler.status = 500
        self.send_response(Handler.status)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
_IMAGES = {
    "good": _ANSWERS,
    "better": _ANSWERS,
    "best": _ANSWERS,
    "crash": "import sys; print('no database'); sys.exit(3)",
    "hang": "import time; time.sleep(60)",
    "deaf": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + _ANSWERS,
    "stubborn": "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
    "frail": _FRAIL,
}
PAUSED_STEPS = {"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"]}


def catalogue() -> Catalogue:
    """Return the catalogue of the small images."""

    def recipe(number: int, tag: str) -> Recipe:
        command = (sys.executable, "-S", "-E", "-c", _IMAGES[tag])
        return Recipe("registry/shop", tag, f"sha256:{number:064x}", command, {})

    return Catalogue(tuple(recipe(number, tag) for number, tag in enumerate(_IMAGES)))


def configuration(strategy: str, *hooks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a deployment configuration without baking, unless it is asked for."""
    details: dict[str, dict[str, Any]] = {
        "ROLLING": {},
        "BLUE_GREEN": {"bakeTimeInMinutes": 0},
        "CANARY": {"canaryConfiguration": {"canaryPercent": 25.0, "canaryBakeTimeInMinutes": 0}},
        "LINEAR": {"linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 0}},
    }
    return {"strategy": strategy, "lifecycleHooks": list(hooks), **details[strategy], **more}


@dataclass
class Stage:
    """ECS, its clients and a browser. `alarms` are the states of alarms by name."""

    cloud: Ecs
    balancer: Balancer
    ecs: Any
    elb: Any
    browser: aiohttp.ClientSession
    alarms: dict[str, str] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    url: str = ""

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """Make one call with the vendor's client."""
        client = self.ecs if hasattr(self.ecs, operation) else self.elb
        return await asyncio.to_thread(getattr(client, operation), **params)

    async def refused(self, operation: str, **params: Any) -> str:
        """Return the code of the error that a call is answered with."""
        try:
            await self.call(operation, **params)
        except ClientError as problem:
            return str(problem.response["Error"]["Code"])
        raise AssertionError(f"{operation} was not refused")

    async def build(self) -> None:
        """Make a cluster, and a load balancer with a production rule and a test rule over two target groups."""
        await self.call("create_cluster", clusterName=CLUSTER)
        balancer = await self.call("create_load_balancer", Name="lb", Subnets=["subnet-1", "subnet-2"])
        balancer_arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
        for name in ("blue", "green"):
            made = await self.call("create_target_group", Name=name, Protocol="HTTP", Port=80, VpcId="vpc-1")
            self.groups.append(made["TargetGroups"][0]["TargetGroupArn"])
        nothing = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
        made = await self.call("create_listener", LoadBalancerArn=balancer_arn, Protocol="HTTP", DefaultActions=nothing)
        (listener,) = made["Listeners"]
        self.url = f"http://127.0.0.1:{listener['Port']}/"
        header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-preview", "Values": ["yes"]}}
        path = {"Field": "path-pattern", "Values": ["*"]}
        for priority, condition in ((20, path), (10, header)):
            made = await self.call(
                "create_rule",
                ListenerArn=listener["ListenerArn"],
                Priority=priority,
                Conditions=[condition],
                Actions=[{"Type": "forward", "TargetGroupArn": self.groups[0]}],
            )
            self.rules.append(made["Rules"][0]["RuleArn"])

    @property
    def load_balancers(self) -> list[dict[str, Any]]:
        advanced = {
            "alternateTargetGroupArn": self.groups[1],
            "productionListenerRule": self.rules[0],
            "testListenerRule": self.rules[1],
            "roleArn": "arn:aws:iam::000000000000:role/ecs",
        }
        first = {"targetGroupArn": self.groups[0], "containerName": "web", "containerPort": 8080}
        return [{**first, "advancedConfiguration": advanced}]

    async def register(self, tag: str, family: str = NAME, **environment: str) -> str:
        """Register a task definition for an image of the catalogue and return its ARN."""
        container = {
            "name": "web",
            "image": f"registry/shop:{tag}",
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": name, "value": value} for name, value in environment.items()],
        }
        made = await self.call(
            "register_task_definition",
            family=family,
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    async def create(self, config: dict[str, Any], name: str = NAME, tag: str = "good", **more: Any) -> dict[str, Any]:
        """Create a service and return it once its first deployment is over."""
        more = {"loadBalancers": self.load_balancers, "desiredCount": 1, **more}
        definition = await self.register(tag, family=name)
        await self.call(
            "create_service",
            cluster=CLUSTER,
            serviceName=name,
            taskDefinition=definition,
            deploymentConfiguration=config,
            **more,
        )
        await self.until(lambda: self.service(name).latest.ended)
        assert self.service(name).latest.status == "SUCCESSFUL"
        return await self.told(name)

    async def update(self, tag: str = "", name: str = NAME, **fields: Any) -> dict[str, Any]:
        """Update the service, to an image if one is given, and return what is answered at once."""
        if tag:
            fields["taskDefinition"] = await self.register(tag, family=name)
        return (await self.call("update_service", cluster=CLUSTER, service=name, **fields))["service"]

    async def told(self, name: str = NAME) -> dict[str, Any]:
        (service,) = (await self.call("describe_services", cluster=CLUSTER, services=[name]))["services"]
        return dict(service)

    async def deployment(self, name: str = NAME) -> dict[str, Any]:
        """Describe the newest deployment."""
        arn = (await self.told(name))["currentServiceDeployment"]
        (told,) = (await self.call("describe_service_deployments", serviceDeploymentArns=[arn]))["serviceDeployments"]
        return dict(told)

    async def paused(self, name: str = NAME) -> dict[str, Any]:
        """Return the hook that waits, once there is one."""
        await self.until(lambda: any(hook.waits for hook in self.service(name).latest.hooks))
        return next(
            hook
            for hook in (await self.deployment(name))["lifecycleHookDetails"]
            if hook["status"] == "AWAITING_ACTION"
        )

    async def proceed(self, action: str = "CONTINUE", name: str = NAME) -> None:
        """Answer the hook that waits, once there is one."""
        hook, told = await self.paused(name), await self.deployment(name)
        arn = told["serviceDeploymentArn"]
        await self.call("continue_service_deployment", serviceDeploymentArn=arn, hookId=hook["hookId"], action=action)

    async def ended(self, name: str = NAME) -> dict[str, Any]:
        """Describe the newest deployment once it is over."""
        await self.until(lambda: self.service(name).latest.ended)
        return await self.deployment(name)

    def service(self, name: str = NAME) -> Any:
        return self.cloud.services[f"{CLUSTER}/{name}"]

    async def stopped_tasks(self) -> list[dict[str, Any]]:
        """Describe the tasks that have ended."""
        arns = await self.call("list_tasks", cluster=CLUSTER, serviceName=NAME, desiredStatus="STOPPED")
        return list((await self.call("describe_tasks", cluster=CLUSTER, tasks=arns["taskArns"]))["tasks"])

    async def ask_preview(self, path: str) -> int:
        """Ask what testers are shown, and return the status."""
        async with self.browser.get(self.url + path, headers={"x-preview": "yes"}) as answer:
            return answer.status

    async def answers(self, requests: int = 1, **headers: str) -> Counter[str]:
        """Ask so often, and count what users are told."""
        counted: Counter[str] = Counter()
        for _ in range(requests):
            async with self.browser.get(self.url, headers=headers) as answer:
                counted[await answer.text() if answer.status == 200 else str(answer.status)] += 1
        return counted

    async def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        """Return once something holds; TimeoutError when it does not come to hold."""
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110  another process or task decides when
                await asyncio.sleep(0.01)


@asynccontextmanager
async def staged(log_dir: Path, *, least_grace_s: float = 3.0, **settings: Any) -> AsyncIterator[Stage]:
    """Run ECS, its front and a load balancer while the block runs."""
    # A minute of ECS lasts an eighth of a second.
    pace = Pace(traffic_lag_s=0.02, speed=480, least_grace_s=least_grace_s)
    alarms: dict[str, str] = {}

    async def alarm_state(name: str) -> str:
        return alarms.get(name, "OK")

    balancer = Balancer(pace)
    cloud = Ecs(catalogue(), log_dir, pace, balancer, alarm_state, **settings)
    front = Front(cloud.handlers, ElasticLoadBalancing(balancer).handlers)
    try:
        async with front.serve() as url, aiohttp.ClientSession() as browser:
            ecs, elb = (_client(service, url) for service in ("ecs", "elbv2"))
            stage = Stage(cloud, balancer, ecs, elb, browser, alarms)
            try:
                await stage.build()
                yield stage
            finally:
                ecs.close()
                elb.close()
    finally:
        await cloud.close()
        await balancer.close()


def _client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="team",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
