"""AWS on the laptop as the tests use it: the vendor's own clients, and load balancers with small servers behind."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import boto3
from aiohttp import web
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.aws import Balancer, ElasticLoadBalancing, Front, Handlers
from rehearsal.aws.elsewhere import Elsewhere
from rehearsal.backend import Backend
from rehearsal.cloud_run import Pace
from rehearsal.faults import AwsFault

_ONCE = Config(retries={"total_max_attempts": 1}, tcp_keepalive=False)
_SESSION = boto3.Session()


class Clients:
    """The vendor's clients at one address, each made when it is needed, signing as one caller."""

    def __init__(self, url: str, key: str = "team") -> None:
        self._how = {
            "endpoint_url": url,
            "region_name": "eu-west-1",
            "aws_access_key_id": key,
            "aws_secret_access_key": "x",
            "config": _ONCE,
        }
        self._made: dict[str, Any] = {}

    def of(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = _SESSION.client(service, **self._how)
        return self._made[service]

    async def __call__(self, api: str, operation: str, /, **params: Any) -> dict[str, Any]:
        client = await asyncio.to_thread(self.of, api)
        return await asyncio.to_thread(getattr(client, operation), **params)

    async def refused(self, api: str, operation: str, /, **params: Any) -> tuple[str, str, int]:
        """Return code, message and status of the error that a call is answered with."""
        try:
            await self(api, operation, **params)
        except ClientError as problem:
            error, about = problem.response["Error"], problem.response["ResponseMetadata"]
            return error["Code"], error["Message"], about["HTTPStatusCode"]
        raise AssertionError(f"{operation} was not refused")

    def close(self) -> None:
        for client in self._made.values():
            client.close()


@dataclass
class Fronted:
    """A front over given handlers, and clients for it."""

    front: Front
    url: str
    call: Clients

    def arm(self, **fault: Any) -> None:
        self.front.faults.add(AwsFault(**fault))


@asynccontextmanager
async def fronted(ecs: Handlers | None = None, elb: Handlers | None = None) -> AsyncIterator[Fronted]:
    """Serve a front while the block runs."""
    front = Front(ecs or {}, elb or {}, Elsewhere())
    async with front.serve() as url:
        clients = Clients(url)
        try:
            yield Fronted(front, url, clients)
        finally:
            clients.close()


@dataclass
class Server:
    """A small server that says its name, and is as healthy as `status` says."""

    name: str
    backend: Backend
    runner: web.AppRunner
    health: dict[str, Any] = field(default_factory=lambda: {"status": 200, "wait": None})
    asked: list[str] = field(default_factory=list)


@dataclass
class Lab:
    """A load balancer with two groups, `blue` and `green`, that a rule for every path leads to."""

    balancer: Balancer
    fronted: Fronted
    browser: aiohttp.ClientSession
    stack: AsyncExitStack
    load_balancer: str = ""
    listener: str = ""
    rule: str = ""
    blue: str = ""
    green: str = ""
    url: str = ""

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.fronted.call("elbv2", operation, **params)

    async def refused(self, operation: str, **params: Any) -> str:
        return (await self.fronted.call.refused("elbv2", operation, **params))[0]

    async def build(self) -> None:
        made = await self.call("create_load_balancer", Name="lb", Subnets=["subnet-1"])
        self.load_balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        self.blue, self.green = await self.group("blue"), await self.group("green")
        nothing = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "nothing"}}]
        made = await self.call("create_listener", LoadBalancerArn=self.load_balancer, DefaultActions=nothing)
        self.listener = made["Listeners"][0]["ListenerArn"]
        self.url = f"http://127.0.0.1:{made['Listeners'][0]['Port']}"
        self.rule = await self.add_rule(100, {"Field": "path-pattern", "Values": ["/*"]}, {self.blue: 1, self.green: 0})
        self.balancer.claim(self.rule, "main/shop", "public")

    async def group(self, name: str, **settings: Any) -> str:
        made = await self.call("create_target_group", Name=name, Protocol="HTTP", Port=80, VpcId="vpc-1", **settings)
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    async def add_rule(self, priority: int, condition: dict[str, Any], weights: dict[str, int]) -> str:
        made = await self.call(
            "create_rule",
            ListenerArn=self.listener,
            Priority=priority,
            Conditions=[condition],
            Actions=forward(weights),
        )
        return str(made["Rules"][0]["RuleArn"])

    async def serve(self, name: str, group: str, revision: str = "", status: int = 200) -> Server:
        """Start a server and register it in a group; it is not waited for."""
        app = web.Application()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

        async def answer(request: web.Request) -> web.Response:
            if request.headers.get("User-Agent", "").startswith("ELB-HealthChecker"):
                server.asked.append(request.path)
                return web.Response(status=server.health["status"])
            if server.health["wait"] is not None:
                await server.health["wait"].wait()
            return web.Response(text=name)

        app.router.add_route("*", "/{path:.*}", answer)
        await runner.setup()
        self.stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server = Server(name, Backend("127.0.0.1", runner.addresses[0][1]), runner)
        server.health["status"] = status
        await self.balancer.register(group, revision or name, [server.backend])
        return server

    async def healthy(self, group: str, *servers: Server) -> None:
        async with asyncio.timeout(5):
            while not self.balancer.all_healthy(group, [server.backend for server in servers]):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def read(self, path: str = "/", **headers: str) -> str:
        async with self.browser.get(self.url + path, headers=headers) as answer:
            return (await answer.text()).strip() if answer.status in (200, 404) else str(answer.status)

    async def seen(self, requests: int, **headers: str) -> Counter[str]:
        return Counter([await self.read(**headers) for _ in range(requests)])


def forward(weights: dict[str, int]) -> list[dict[str, Any]]:
    """Return the actions that forward by weight."""
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


@asynccontextmanager
async def lab() -> AsyncIterator[Lab]:
    """Build a load balancer and run it while the block runs."""
    async with AsyncExitStack() as stack:
        balancer = Balancer(Pace(traffic_lag_s=0.02, speed=480))
        at = await stack.enter_async_context(fronted(elb=ElasticLoadBalancing(balancer).handlers))
        browser = await stack.enter_async_context(aiohttp.ClientSession())
        stack.push_async_callback(balancer.close)
        built = Lab(balancer, at, browser, stack)
        await built.build()
        yield built
