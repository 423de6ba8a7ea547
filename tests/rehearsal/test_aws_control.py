"""The AWS side of a whole rehearsal, and what the control API shows and does of it."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from rehearsed_aws import Clients, forward

pytestmark = pytest.mark.anyio
PLACE = "main/shop"
PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"]}


class Shop:
    """A service on ECS that is brought from image `good` to `better`, and stopped before its first step."""

    def __init__(self, rehearsal, call: Clients, browser: aiohttp.ClientSession) -> None:
        self.rehearsal = rehearsal
        self.call = call
        self.browser = browser
        self.url = ""

    async def control(self, asked: str, **body: object) -> tuple[int, Any]:
        verb, _, path = asked.partition(" ")
        async with self.browser.request(verb, f"{self.rehearsal.control_url}{path}", json=body or None) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def definition(self, tag: str) -> str:
        container = {"name": "web", "image": f"registry/shop:{tag}", "portMappings": [{"containerPort": 80}]}
        made = await self.call("ecs", "register_task_definition", family="shop", containerDefinitions=[container])
        return str(made["taskDefinition"]["taskDefinitionArn"])

    async def create(self) -> None:
        elb = self.call
        made = await elb("elbv2", "create_load_balancer", Name="lb")
        balancer, groups, rules = made["LoadBalancers"][0]["LoadBalancerArn"], [], []
        for name in ("blue", "green"):
            made = await elb("elbv2", "create_target_group", Name=name, Protocol="HTTP", Port=80, VpcId="vpc-1")
            groups.append(made["TargetGroups"][0]["TargetGroupArn"])
        actions = forward({groups[0]: 1, groups[1]: 0})
        made = await elb("elbv2", "create_listener", LoadBalancerArn=balancer, DefaultActions=actions)
        listener = made["Listeners"][0]["ListenerArn"]
        self.url = f"http://127.0.0.1:{made['Listeners'][0]['Port']}"
        header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-preview", "Values": ["1"]}}
        for priority, condition in ((20, {"Field": "path-pattern", "Values": ["/*"]}), (10, header)):
            rule = {"ListenerArn": listener, "Priority": priority, "Conditions": [condition], "Actions": actions}
            rules.append((await elb("elbv2", "create_rule", **rule))["Rules"][0]["RuleArn"])
        advanced = {
            "alternateTargetGroupArn": groups[1],
            "productionListenerRule": rules[0],
            "testListenerRule": rules[1],
            "roleArn": "arn:aws:iam::000000000000:role/ecs",
        }
        first = {"targetGroupArn": groups[0], "containerName": "web", "containerPort": 80}
        canary = {"canaryPercent": 50.0, "canaryBakeTimeInMinutes": 0}
        await self.call("ecs", "create_cluster", clusterName="main")
        await self.call(
            "ecs",
            "create_service",
            cluster="main",
            serviceName="shop",
            desiredCount=1,
            taskDefinition=await self.definition("good"),
            loadBalancers=[{**first, "advancedConfiguration": advanced}],
            deploymentConfiguration={"strategy": "CANARY", "canaryConfiguration": canary, "lifecycleHooks": [PAUSE]},
        )
        await self.until("SUCCESSFUL")

    async def update(self, tag: str) -> None:
        wanted = await self.definition(tag)
        await self.call("ecs", "update_service", cluster="main", service="shop", taskDefinition=wanted)

    async def until(self, status: str, *, waiting: bool = False) -> None:
        """Return once the newest deployment has a status, and a hook that waits if asked for; go on at other hooks."""
        async with asyncio.timeout(20):
            while True:
                deployment = self.rehearsal.aws.ecs.services[PLACE].latest
                hooks = [hook for hook in deployment.hooks if hook.status == "AWAITING_ACTION"]
                if deployment.status == status and bool(hooks) == waiting:
                    return
                for hook in hooks:
                    await self.call(
                        "ecs",
                        "continue_service_deployment",
                        serviceDeploymentArn=deployment.arn,
                        hookId=hook.id,
                        action="CONTINUE",
                    )
                await asyncio.sleep(0.02)

    async def read(self, **headers: str) -> str:
        async with self.browser.get(self.url, headers=headers) as answer:
            return await answer.text() if answer.status == 200 else str(answer.status)


@pytest.fixture
async def shop(rehearsal):
    clients = Clients(rehearsal.aws.url)
    async with aiohttp.ClientSession() as browser:
        shop = Shop(rehearsal, clients, browser)
        await shop.create()
        yield shop
    clients.close()


async def test_the_addresses_tell_where_aws_is(rehearsal):
    assert rehearsal.addresses["aws"] == rehearsal.aws.url
    assert rehearsal.aws.url.startswith("http://127.0.0.1:")


async def test_services_on_ecs_are_shown_with_address_traffic_images_and_logs(shop):
    await shop.update("better")
    await shop.until("IN_PROGRESS", waiting=True)
    _, told = await shop.control("GET /services")
    [service] = told["services"]
    assert service["name"] == "arn:aws:ecs:eu-west-1:000000000000:service/main/shop"
    assert (service["address"], service["previews"]) == (shop.url, {"test": shop.url})
    assert (service["traffic"], service["reconciling"]) == ({"shop:1": 100.0}, True)
    assert service["images"] == {"shop:1": "registry/shop:good", "shop:2": "registry/shop:better"}
    async with shop.browser.get(service["revisions"]["shop:1"]) as log:
        assert (log.status, await log.text()) == (200, "")
    await shop.until("SUCCESSFUL")
    [service] = (await shop.control("GET /services"))[1]["services"]
    assert (service["traffic"], service["reconciling"]) == ({"shop:2": 100.0}, False)


async def test_requests_are_counted_by_revision_with_its_image(shop):
    await shop.update("better")
    await shop.until("IN_PROGRESS", waiting=True)
    seen = [await shop.read(), await shop.read(), await shop.read(**{"X-Preview": "1"})]
    assert seen == ["shop:1", "shop:1", "shop:2"]
    _, stats = await shop.control(f"GET /stats/{PLACE}")
    assert stats["users"] == {"requests": 2, "failures": 0}
    assert stats["revisions"]["shop:1"]["public"]["2xx"] == 2
    assert stats["revisions"]["shop:2"]["test"]["2xx"] == 1
    assert stats["images"] == {"shop:1": "registry/shop:good", "shop:2": "registry/shop:better"}
    assert (await shop.control("GET /stats/shop"))[1] == stats


async def test_a_revision_on_ecs_can_be_hurt_for_users_and_at_previews(shop):
    assert (await shop.control("PUT /faults/revisions/shop:1", error_share=1.0))[0] == 204
    assert (await shop.read(), await shop.read(**{"X-Preview": "1"})) == ("500", "shop:1")
    [listed] = (await shop.control("GET /faults"))[1]["revisions"]
    assert (listed["service"], listed["revision"], listed["previews"]) == (PLACE, "shop:1", False)
    await shop.control("PUT /faults/revisions/shop:1?service=main/shop", error_share=1.0, status=503, previews=True)
    assert (await shop.read(), await shop.read(**{"X-Preview": "1"})) == ("503", "503")
    assert (await shop.control("DELETE /faults"))[0] == 204
    assert (await shop.read(), await shop.read(**{"X-Preview": "1"})) == ("shop:1", "shop:1")


async def test_a_crash_kills_the_tasks_which_ecs_starts_again(shop):
    await shop.control("PUT /faults/revisions/shop:1", crash=True)
    await shop.read()
    service = shop.rehearsal.aws.ecs.services[PLACE]
    async with asyncio.timeout(20):
        while [task.status for task in service.tasks] != ["STOPPED", "RUNNING"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        while await shop.read() != "shop:1":  # noqa: ASYNC110  its first look is still to come
            await asyncio.sleep(0.02)


async def test_faults_of_the_api_are_armed_listed_and_disarmed_over_http(shop):
    status, armed = await shop.control(
        "POST /faults/aws", method="UpdateService|ListClusters", code="ThrottlingException", times=9
    )
    assert status == 201
    assert (await shop.call.refused("ecs", "list_clusters"))[0] == "ThrottlingException"
    [listed] = (await shop.control("GET /faults"))[1]["aws"]
    assert (listed["number"], listed["hits"], listed["code"]) == (armed["number"], 1, "ThrottlingException")
    assert (await shop.control(f"DELETE /faults/aws/{armed['number']}"))[0] == 204
    assert (await shop.call("ecs", "list_clusters"))["clusterArns"]
    assert (await shop.control("POST /faults/aws", share=2))[0] == 400


async def test_a_service_may_be_updated_by_somebody_else_just_before_a_call(shop):
    params = {"cluster": "main", "service": "shop", "taskDefinition": await shop.definition("better")}
    fault = {"method": "DescribeServices", "writer": "ben", "writer_action": "UpdateService", "writer_params": params}
    await shop.control("POST /faults/aws", **fault)
    [service] = (await shop.call("ecs", "describe_services", cluster="main", services=["shop"]))["services"]
    assert service["taskDefinition"].endswith("shop:2")
    await shop.until("IN_PROGRESS", waiting=True)


async def test_the_journal_holds_the_calls_of_both_clouds_in_order(shop, laptop):
    await laptop.create()
    await shop.call("sts", "get_caller_identity")
    _, journal = await shop.control("GET /journal")
    calls = [(call["api"], call["method"]) for call in journal["calls"]]
    assert calls.index(("elasticloadbalancing", "CreateRule")) < calls.index(("ecs", "CreateService"))
    assert calls.index(("ecs", "CreateService")) < calls.index(("run", "CreateService")) < len(calls) - 1
    assert calls[-1] == ("sts", "GetCallerIdentity")
    _, journal = await shop.control("GET /journal?method=CreateService")
    assert [call["api"] for call in journal["calls"]] == ["ecs", "run"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("main/shop/shop:9", 404), ("main/shop/shop", 400), ("main/..%2fshop/shop:1", 400)],
)
async def test_logs_of_what_never_ran_are_refused(rehearsal, path, status):
    async with aiohttp.ClientSession() as http, http.get(f"{rehearsal.control_url}/logs/{path}") as answer:
        assert answer.status == status
