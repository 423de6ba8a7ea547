"""Both of AWS's protocols, seen through the vendor's own client."""

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from rehearsed_aws import Clients, fronted

from rehearsal.aws import Refusal

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
ARN = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:listener/app/lb/1/2"


class Echo:
    """Remembers what came, and answers what it was given."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.came: list[tuple[dict[str, Any], str]] = []

    async def __call__(self, params: dict[str, Any], caller: str) -> dict[str, Any]:
        self.came.append((params, caller))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def post(url: str, body: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_json_comes_and_goes_as_it_is_with_moments_as_numbers():
    echo = Echo({"services": [{"serviceName": "shop", "createdAt": NOON}], "failures": []})
    async with fronted(ecs={"DescribeServices": echo}) as at:
        answer = await at.call("ecs", "describe_services", cluster="main", services=["shop", "cart"])
    assert answer["services"] == [{"serviceName": "shop", "createdAt": NOON}]
    assert echo.came == [({"cluster": "main", "services": ["shop", "cart"]}, "team")]


async def test_fields_that_no_model_knows_reach_the_handler_and_come_back():
    echo = Echo({"clusterArns": [], "somethingNew": {"deep": [1, None, 2.5]}})
    async with fronted(ecs={"ListClusters": echo}) as at:
        target = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters"}
        status, text = await post(at.url, '{"future": {"a": [true]}}', **target)
    assert (status, text) == (200, '{"clusterArns": [], "somethingNew": {"deep": [1, null, 2.5]}}')
    assert echo.came == [({"future": {"a": [True]}}, "anonymous")]


@pytest.mark.parametrize(
    ("code", "status"),
    [("ServiceNotFoundException", 400), ("ServerException", 500), ("ServiceUnavailable", 503)],
)
async def test_a_refusal_of_ecs_is_the_clients_own_error(code, status):
    async with fronted(ecs={"UpdateService": Echo(Refusal(code, "Not so."))}) as at:
        asked = {"service": "shop", "cluster": "main"}
        assert await at.call.refused("ecs", "update_service", **asked) == (code, "Not so.", status)
        if status == 400:
            with pytest.raises(at.call.of("ecs").exceptions.ServiceNotFoundException):
                await at.call("ecs", "update_service", **asked)


async def test_a_refusal_of_a_load_balancer_is_the_clients_own_error():
    async with fronted(elb={"DescribeRules": Echo(Refusal("RuleNotFound", "No rule <&> here."))}) as at:
        told = await at.call.refused("elbv2", "describe_rules", RuleArns=["x"])
        assert told == ("RuleNotFound", "No rule <&> here.", 400)
        with pytest.raises(at.call.of("elbv2").exceptions.RuleNotFoundException):
            await at.call("elbv2", "describe_rules", RuleArns=["x"])


async def test_what_nobody_handles_is_refused_by_name():
    async with fronted() as at:
        ecs = await at.call.refused("ecs", "list_clusters")
        elb = await at.call.refused("elbv2", "describe_account_limits")
    assert ecs == ("UnknownOperationException", "The action ListClusters is not known here.", 400)
    assert elb == ("InvalidAction", "The action DescribeAccountLimits is not known here.", 400)


async def test_a_mistake_of_the_rehearsal_is_told_as_one(caplog):
    async with fronted(ecs={"ListClusters": Echo(KeyError("cluster"))}) as at:
        told = await at.call.refused("ecs", "list_clusters")
    assert told == ("InternalFailure", "KeyError: 'cluster'", 500)
    assert "ListClusters failed" in caplog.text


ASKED: dict[str, dict[str, Any]] = {
    "create_rule": {
        "ListenerArn": ARN,
        "Priority": 7,
        "Conditions": [
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["*a?", "<&>'\"é", ""]}},
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "v"}, {"Value": "only"}]}},
        ],
        "Actions": [
            {
                "Type": "forward",
                "Order": 1,
                "ForwardConfig": {
                    "TargetGroups": [{"TargetGroupArn": f"arn:{n}", "Weight": n} for n in range(12)],
                    "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
                },
            }
        ],
        "Tags": [{"Key": "team", "Value": ""}],
    },
    "create_target_group": {
        "Name": "blue",
        "HealthCheckEnabled": False,
        "Matcher": {"HttpCode": "200-299"},
        "Port": 80,
    },
    "describe_rules": {"RuleArns": []},
    "describe_load_balancers": {},
}


@pytest.mark.parametrize("operation", ASKED)
async def test_flattened_parameters_are_read_back_as_the_client_was_given_them(operation):
    echo = Echo({})
    action = "".join(word.title() for word in operation.split("_"))
    async with fronted(elb={action: echo}) as at:
        await at.call("elbv2", operation, **ASKED[operation])
    assert echo.came == [(ASKED[operation], "team")]


async def test_an_answer_in_xml_is_read_by_the_client_as_it_was_given():
    rule = {
        "RuleArn": "arn:<&>é",
        "Priority": "7",
        "IsDefault": False,
        "Conditions": ASKED["create_rule"]["Conditions"],
        "Actions": ASKED["create_rule"]["Actions"],
    }
    balancer = {"LoadBalancerName": "lb", "CreatedTime": NOON, "State": {"Code": "active"}, "SecurityGroups": []}
    handlers = {
        "DescribeRules": Echo({"Rules": [rule, {**rule, "IsDefault": True}], "NotInTheModel": 1}),
        "DescribeLoadBalancers": Echo({"LoadBalancers": [balancer], "NextMarker": None}),
    }
    async with fronted(elb=handlers) as at:
        rules = await at.call("elbv2", "describe_rules", ListenerArn=ARN)
        balancers = await at.call("elbv2", "describe_load_balancers")
    assert rules["Rules"] == [rule, {**rule, "IsDefault": True}]
    assert "NotInTheModel" not in rules
    assert balancers["LoadBalancers"] == [balancer]


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        ("{", {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters"}, "SerializationException"),
        ("[]", {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters"}, "SerializationException"),
        ("Action=CreateRule&Version=2015-12-01&Priority=high", {}, "ValidationError"),
        ("Version=2015-12-01", {}, "MissingAction"),
    ],
)
async def test_what_cannot_be_read_is_refused(body, headers, code):
    async with fronted(ecs={"ListClusters": Echo({})}, elb={"CreateRule": Echo({})}) as at:
        status, text = await post(at.url, body, **headers)
        assert (status, code in text) == (400, True)
        assert [call.code for call in at.front.journal.calls] == [code]


async def test_the_journal_tells_who_asked_what_of_which_service():
    async with fronted(ecs={"UpdateService": Echo({})}, elb={"ModifyRule": Echo(Refusal("RuleNotFound", "no"))}) as at:
        other = Clients(at.url, "operator")
        await other("ecs", "update_service", service="shop", cluster="main", taskDefinition="shop:2")
        other.close()
        await at.call.refused("elbv2", "modify_rule", RuleArn="arn:rule", Actions=[])
        first, second = at.front.journal.calls
    assert (first.api, first.method, first.caller, first.code) == ("ecs", "UpdateService", "operator", "OK")
    assert set(first.resource.split()) == {"shop", "main", "shop:2"}
    assert (second.api, second.method, second.code) == ("elasticloadbalancing", "ModifyRule", "RuleNotFound")
    assert (second.resource, second.caller, second.faulted) == ("arn:rule", "team", False)
