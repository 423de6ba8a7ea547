"""Elastic Load Balancing's API: shapes, names, and what it refuses."""

import re
import socket

import pytest
from rehearsed_aws import forward, lab

from rehearsal.aws import names

pytestmark = pytest.mark.anyio
ID = "[0-9a-f]{16}"
PREFIX = "arn:aws:elasticloadbalancing:eu-west-1:000000000000"
ANYWHERE = {"Field": "path-pattern", "Values": ["/*"]}


@pytest.fixture
async def at():
    async with lab() as running:
        yield running


async def test_names_are_made_as_aws_makes_them_and_lead_from_a_rule_to_its_balancer(at):
    assert re.fullmatch(f"{PREFIX}:loadbalancer/app/lb/{ID}", at.load_balancer)
    assert re.fullmatch(f"{PREFIX}:listener/app/lb/{ID}/{ID}", at.listener)
    assert re.fullmatch(f"{PREFIX}:listener-rule/app/lb/{ID}/{ID}/{ID}", at.rule)
    assert re.fullmatch(f"{PREFIX}:targetgroup/blue/{ID}", at.blue)
    assert (names.listener_of(at.rule), names.load_balancer_of(at.listener)) == (at.listener, at.load_balancer)


async def test_load_balancers_are_found_by_name_or_arn_on_this_machine(at):
    by_name = (await at.call("describe_load_balancers", Names=["lb"]))["LoadBalancers"]
    by_arn = (await at.call("describe_load_balancers", LoadBalancerArns=[at.load_balancer]))["LoadBalancers"]
    assert by_name == by_arn == (await at.call("describe_load_balancers"))["LoadBalancers"]
    assert (by_name[0]["DNSName"], by_name[0]["State"], by_name[0]["Type"]) == (
        "127.0.0.1",
        {"Code": "active"},
        "application",
    )
    again = (await at.call("create_load_balancer", Name="lb"))["LoadBalancers"]
    assert again == by_name


async def test_target_groups_tell_their_settings_and_who_uses_them(at):
    spare = await at.group(
        "spare", HealthCheckPath="/ready", HealthCheckIntervalSeconds=10, Matcher={"HttpCode": "200-204"}
    )
    told = {one["TargetGroupName"]: one for one in (await at.call("describe_target_groups"))["TargetGroups"]}
    assert {name: one["LoadBalancerArns"] for name, one in told.items()} == {
        "blue": [at.load_balancer],
        "green": [at.load_balancer],
        "spare": [],
    }
    picked = told["spare"]
    assert (picked["HealthCheckPath"], picked["HealthCheckIntervalSeconds"], picked["Matcher"], picked["Port"]) == (
        "/ready",
        10,
        {"HttpCode": "200-204"},
        80,
    )
    assert (told["blue"]["HealthCheckPath"], told["blue"]["UnhealthyThresholdCount"]) == ("/", 2)
    used = await at.call("describe_target_groups", LoadBalancerArn=at.load_balancer)
    assert [one["TargetGroupName"] for one in used["TargetGroups"]] == ["blue", "green"]
    named = await at.call("describe_target_groups", Names=["spare"])
    assert [one["TargetGroupArn"] for one in named["TargetGroups"]] == [spare]


async def test_the_same_target_group_again_is_the_one_there_is_and_another_of_its_name_is_refused(at):
    assert await at.group("blue") == at.blue
    settings = {"Name": "blue", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "HealthCheckPath": "/other"}
    assert await at.refused("create_target_group", **settings) == "DuplicateTargetGroupName"


async def test_rules_are_told_in_order_with_the_default_one_last(at):
    first = await at.add_rule(5, {"Field": "host-header", "Values": ["a.example"]}, {at.green: 3})
    rules = (await at.call("describe_rules", ListenerArn=at.listener))["Rules"]
    assert [(one["Priority"], one["IsDefault"]) for one in rules] == [("5", False), ("100", False), ("default", True)]
    assert rules[0]["RuleArn"] == first
    assert rules[0]["Conditions"] == [
        {"Field": "host-header", "Values": ["a.example"], "HostHeaderConfig": {"Values": ["a.example"]}}
    ]
    [action] = rules[0]["Actions"]
    assert (action["TargetGroupArn"], action["ForwardConfig"]["TargetGroups"]) == (
        at.green,
        [{"TargetGroupArn": at.green, "Weight": 3}],
    )
    assert "TargetGroupArn" not in rules[1]["Actions"][0]
    picked = (await at.call("describe_rules", RuleArns=[at.rule, first]))["Rules"]
    assert [one["RuleArn"] for one in picked] == [at.rule, first]


async def test_a_plain_target_group_is_a_forward_with_one_weight(at):
    actions = [{"Type": "forward", "TargetGroupArn": at.green}]
    [rule] = (await at.call("modify_rule", RuleArn=at.rule, Actions=actions))["Rules"]
    [action] = rule["Actions"]
    assert action["ForwardConfig"] == {
        "TargetGroups": [{"TargetGroupArn": at.green, "Weight": 1}],
        "TargetGroupStickinessConfig": {"Enabled": False},
    }


async def test_conditions_can_be_changed_with_the_action_left_as_it_is(at):
    condition = {"Field": "path-pattern", "Values": ["/new/*"]}
    [rule] = (await at.call("modify_rule", RuleArn=at.rule, Conditions=[condition]))["Rules"]
    assert rule["Conditions"][0]["Values"] == ["/new/*"]
    assert at.balancer.weights(at.rule) == {at.blue: 1, at.green: 0}
    assert (await at.read("/"), await at.read("/new/1")) == ("nothing", "503")


async def test_the_default_rule_is_changed_and_deleted_only_with_its_listener(at):
    default = (await at.call("describe_rules", ListenerArn=at.listener))["Rules"][-1]["RuleArn"]
    assert names.listener_of(default) == at.listener
    changed = {"RuleArn": default, "Actions": forward({at.blue: 1})}
    assert await at.refused("modify_rule", **changed) == "OperationNotPermitted"
    assert await at.refused("delete_rule", RuleArn=default) == "OperationNotPermitted"


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("create_rule", {"Priority": 100}, "PriorityInUse"),
        ("create_rule", {"Priority": 50_001}, "ValidationError"),
        ("create_rule", {"ListenerArn": "LISTENER0"}, "ListenerNotFound"),
        ("create_rule", {"Conditions": []}, "ValidationError"),
        ("create_rule", {"Conditions": [{"Field": "colour", "Values": ["red"]}]}, "ValidationError"),
        ("create_rule", {"Conditions": [{"Field": "path-pattern", "Values": []}]}, "ValidationError"),
        ("create_rule", {"Actions": forward({"BLUE": 1000})}, "ValidationError"),
        ("create_rule", {"Actions": forward({"BLUE": -1})}, "ValidationError"),
        ("create_rule", {"Actions": forward({"BLUE0": 1})}, "TargetGroupNotFound"),
        ("create_rule", {"Actions": forward({"BLUE": 1}) * 2}, "ValidationError"),
        (
            "create_rule",
            {"Actions": [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}]},
            "ValidationError",
        ),
        ("modify_rule", {"RuleArn": "RULE0", "Actions": forward({"BLUE": 1})}, "RuleNotFound"),
        ("modify_rule", {"RuleArn": "RULE", "Actions": forward({"BLUE": 1, "BLUE0": 1})}, "TargetGroupNotFound"),
        ("delete_rule", {"RuleArn": "RULE0"}, "RuleNotFound"),
        ("describe_rules", {"RuleArns": ["RULE0"]}, "RuleNotFound"),
        ("describe_rules", {"ListenerArn": "LISTENER0"}, "ListenerNotFound"),
        ("describe_listeners", {"ListenerArns": ["LISTENER0"]}, "ListenerNotFound"),
        ("describe_listeners", {"LoadBalancerArn": "x"}, "LoadBalancerNotFound"),
        ("describe_load_balancers", {"Names": ["x"]}, "LoadBalancerNotFound"),
        ("describe_target_groups", {"Names": ["x"]}, "TargetGroupNotFound"),
        ("describe_target_health", {"TargetGroupArn": "BLUE0"}, "TargetGroupNotFound"),
        ("create_listener", {"Protocol": "HTTPS"}, "UnsupportedProtocol"),
        ("modify_listener", {"ListenerArn": "LISTENER", "Port": 1}, "InvalidConfigurationRequest"),
        ("create_load_balancer", {"Name": "nlb", "Type": "network"}, "InvalidConfigurationRequest"),
        (
            "create_target_group",
            {"Name": "a", "Protocol": "HTTP", "Matcher": {"HttpCode": "200,fine"}},
            "ValidationError",
        ),
        ("create_target_group", {"Name": "a", "Protocol": "TCP", "Port": 80}, "ValidationError"),
        ("add_tags", {"ResourceArns": ["RULE0"], "Tags": [{"Key": "a"}]}, "RuleNotFound"),
    ],
)
async def test_what_aws_would_not_take_is_refused_and_changes_nothing(at, operation, params, code):
    usual = {
        "create_rule": {
            "ListenerArn": "LISTENER",
            "Priority": 7,
            "Conditions": [ANYWHERE],
            "Actions": forward({"BLUE": 1}),
        },
        "create_listener": {"LoadBalancerArn": at.load_balancer, "DefaultActions": forward({"BLUE": 1})},
    }
    known = {"LISTENER": at.listener, "RULE": at.rule, "BLUE": at.blue}
    before = await at.call("describe_rules", ListenerArn=at.listener)
    assert await at.refused(operation, **_filled({**usual.get(operation, {}), **params}, known)) == code
    assert (await at.call("describe_rules", ListenerArn=at.listener))["Rules"] == before["Rules"]


def _filled(value, known: dict[str, str]):
    """Return a value with the names of what is there in place of their placeholders."""
    if isinstance(value, dict):
        return {key: _filled(one, known) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, known) for one in value]
    name = value.rstrip("0") if isinstance(value, str) else ""
    return known[name] + value[len(name) :] if name in known else value


async def test_tags_are_kept_from_the_start_and_added_later(at):
    made = await at.call("create_load_balancer", Name="tagged", Tags=[{"Key": "team", "Value": "shop"}])
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    await at.call("add_tags", ResourceArns=[arn, at.rule], Tags=[{"Key": "env", "Value": "test"}])
    told = (await at.call("describe_tags", ResourceArns=[arn, at.rule]))["TagDescriptions"]
    assert {one["ResourceArn"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in told} == {
        arn: {"team": "shop", "env": "test"},
        at.rule: {"env": "test"},
    }


async def test_a_listener_takes_the_port_it_is_given_and_no_other(at):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        wanted = {"LoadBalancerArn": at.load_balancer, "Port": port, "DefaultActions": forward({at.blue: 1})}
        probe.listen()
        assert await at.refused("create_listener", **wanted) == "InvalidConfigurationRequest"
    [made] = (await at.call("create_listener", **wanted))["Listeners"]
    assert made["Port"] == port
    assert await at.refused("create_listener", **wanted) == "DuplicateListener"
    told = (await at.call("describe_listeners", LoadBalancerArn=at.load_balancer))["Listeners"]
    assert [one["ListenerArn"] for one in told] == [at.listener, made["ListenerArn"]]


async def test_after_its_end_nothing_listens():
    async with lab() as at:
        port = at.balancer.estate.listener(at.listener).splitter.port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
