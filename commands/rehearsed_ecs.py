"""A shop on the rehearsed ECS, as a team would find it: load balancer, two groups, rules, a service that serves."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from surefoot.errors import Unavailable

REGION = "eu-west-1"
CLUSTER = "rehearsal"
PREVIEW_HEADER = "x-surefoot-preview"
GROUP_HEADER = "x-surefoot-group"
_TEAM = "team"
_ROLE = "arn:aws:iam::000000000000:role/ecs-infrastructure"
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """What was made: the public address, and the names of what moves in a rollout."""

    url: str
    service: str
    groups: tuple[str, str]
    production_rule: str
    test_rule: str


async def seed_ecs(url: str, service: str, image: str, *, port: int = 0, health: str = "/healthz") -> Found:
    """Make a service that serves at the AWS endpoint `url`; port 0 is any free one for its public address."""
    return await asyncio.to_thread(_Team(url).make, service, image, port, health)


async def seed_rolling(url: str, service: str, image: str) -> None:
    """Make a service without a load balancer, which ECS can only replace task by task."""
    await asyncio.to_thread(_Team(url).make_rolling, service, image)


def client(url: str, kind: str, caller: str = _TEAM) -> Any:
    """Return a client of somebody's at a rehearsal; `caller` is the access key id that its journal shows."""
    import boto3  # noqa: PLC0415 (--help does without)
    from botocore.config import Config  # noqa: PLC0415

    return boto3.session.Session().client(
        kind,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=caller,
        aws_secret_access_key="rehearsal",  # noqa: S106 (the stand-in takes any)
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


class _Team:
    """Somebody who sets up a service by hand."""

    def __init__(self, url: str) -> None:
        self._ecs, self._elb = client(url, "ecs"), client(url, "elbv2")

    def make(self, service: str, image: str, port: int, health: str) -> Found:
        balancer = self._elb.create_load_balancer(Name=service, Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
        blue, green = (self._group(f"{service}-{colour}", health) for colour in ("blue", "green"))
        nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"}}
        listener = self._elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            DefaultActions=[nothing],
            **({"Port": port} if port else {}),
        )["Listeners"][0]
        for priority, (name, group) in enumerate((("blue", blue), ("green", green)), 10):
            self._rule(listener, priority, _header(GROUP_HEADER, name), {group: 1})
        test = self._rule(listener, 20, _header(PREVIEW_HEADER, "canary"), {blue: 100, green: 0})
        everybody = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}
        production = self._rule(listener, 100, everybody, {blue: 100, green: 0})
        advanced = {
            "alternateTargetGroupArn": green,
            "productionListenerRule": production,
            "testListenerRule": test,
            "roleArn": _ROLE,
        }
        told = {"targetGroupArn": blue, "containerName": "shop", "containerPort": 8080}
        self._create(service, image, loadBalancers=[{**told, "advancedConfiguration": advanced}])
        public = f"http://{balancer['DNSName']}:{listener['Port']}"
        return Found(public, service, (blue, green), production, test)

    def make_rolling(self, service: str, image: str) -> None:
        self._create(service, image)

    def _create(self, service: str, image: str, **more: Any) -> None:
        self._ecs.create_cluster(clusterName=CLUSTER)
        container = {
            "name": "shop",
            "image": image,
            "essential": True,
            "portMappings": [{"containerPort": 8080}],
        }
        definition = self._ecs.register_task_definition(
            family=service,
            containerDefinitions=[container],
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
        )["taskDefinition"]["taskDefinitionArn"]
        self._ecs.create_service(
            cluster=CLUSTER,
            serviceName=service,
            taskDefinition=definition,
            desiredCount=1,
            launchType="FARGATE",
            deploymentController={"type": "ECS"},
            **more,
        )
        self._until_serving(service)

    def _until_serving(self, service: str) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            listed = self._ecs.list_service_deployments(cluster=CLUSTER, service=service)["serviceDeployments"]
            if listed and listed[0]["status"] == "SUCCESSFUL":
                return
            time.sleep(0.05)
        raise Unavailable(f"{service} does not serve on the rehearsed ECS after {_START_S:.0f} s")

    def _group(self, name: str, health: str) -> str:
        made = self._elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=8080,
            TargetType="ip",
            VpcId="vpc-1",
            HealthCheckPath=health,
            HealthCheckIntervalSeconds=5,
            HealthyThresholdCount=2,
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def _rule(self, listener: Any, priority: int, condition: Any, weights: dict[str, int]) -> str:
        groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in weights.items()]
        made = self._elb.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=priority,
            Conditions=[condition],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        )
        return str(made["Rules"][0]["RuleArn"])


def _header(name: str, value: str) -> dict[str, Any]:
    return {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": [value]}}
