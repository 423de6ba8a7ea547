"""What the doctor finds of a place on ECS: each kind of ill once."""

import json
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rollout_world import anyio_backend
from rollout_world_ecs import EcsWorld

from rehearsal.faults import AwsFault
from tasks import settings
from tasks.doctor import Finding, examine
from tasks.doctor.finding import Once
from tasks.targets.ecs import Settings
from tasks.targets.ecs.account import Account
from tasks.targets.ecs.calls import Calls
from tasks.targets.ecs.granting import grant, principal, resources, simulated
from tasks.targets.ecs.permissions import Permissions
from tasks.targets.ecs.reader import Reader

pytestmark = pytest.mark.anyio

__all__ = ["anyio_backend"]
PATIENT_S = 60.0
ROLE = "arn:aws:sts::123456789012:assumed-role/surefoot/ci"


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EcsWorld]:
    async with EcsWorld.start(tmp_path, speed=240.0) as started:
        for name, value in started.environ.items():
            monkeypatch.setenv(name, value)
        await started.service()
        yield started


def arm(world: EcsWorld, method: str, code: str = "AccessDeniedException", **more: Any) -> None:
    world.rehearsal.aws.front.faults.add(AwsFault(method=method, code=code, times=99, **more))


def nobody_asks(world: EcsWorld) -> None:
    """Answer for the services that are not rehearsed, which take their time to start."""
    arm(world, "GetCallerIdentity", "NotImplemented", status=501)
    arm(world, "SimulatePrincipalPolicy", "AccessDenied")


async def found() -> dict[str, Finding]:
    place = settings.environment(settings.load("shop"), "production")
    return {finding.subject: finding for finding in await examine(place, limit_s=PATIENT_S)}


async def state(world: EcsWorld) -> object:
    rule = await world.ask("DescribeRules", RuleArns=[world.found["shop"].production_rule])
    definitions = await world.ask("ListTaskDefinitions", familyPrefix="shop")
    return await world.deployments(), await world.tags(), rule, definitions


async def test_where_all_is_well_each_thing_says_so_and_nothing_was_changed(world: EcsWorld):
    arm(world, "SimulatePrincipalPolicy", "AccessDenied")
    before = await state(world)
    findings = await found()

    assert [subject for subject, each in findings.items() if each.well is not True] == ["releases"]
    assert findings["credentials"].seen == "AWS knows us as arn:aws:sts::000000000000:user/moto"
    assert findings["service"].seen == "100 % on shop:1"
    assert findings["strategy"].seen.startswith("CANARY, 25 and then 100 %; botocore 1.")
    assert "x-surefoot-preview: canary leads to a new revision" in findings["preview"].seen
    assert findings["groups"].seen == "shop-blue and shop-green, each with a rule that leads to it alone"
    assert findings["reads"].seen.startswith("12 calls are allowed: ecs:DescribeServices, ")
    assert "ecs:StopServiceDeployment" in findings["writes"].seen
    assert (
        "ecs:UpdateService could not be tested: iam:SimulatePrincipalPolicy AccessDenied" in findings["releases"].seen
    )
    assert "aws iam put-user-policy --user-name moto" in findings["releases"].mend
    assert "iam:SimulatePrincipalPolicy" in findings["releases"].mend
    assert await state(world) == before


async def without_rules(world: EcsWorld, *kept: str) -> None:
    """Delete the rules of the listener that lead to one group alone, but for those to be kept."""
    listener = world.found["shop"].production_rule.rpartition("/")[0].replace(":listener-rule/", ":listener/")
    keep = {world.found["shop"].production_rule, *kept}
    for rule in (await world.ask("DescribeRules", ListenerArn=listener))["Rules"]:
        if rule["RuleArn"] not in keep and not rule["IsDefault"]:
            await world.ask("DeleteRule", RuleArn=rule["RuleArn"])


async def only_the_test_rule(world: EcsWorld) -> None:
    await without_rules(world, world.found["shop"].test_rule)


def armed(method: str, code: str = "AccessDeniedException") -> Callable[[EcsWorld], Awaitable[None]]:
    async def arrange(world: EcsWorld) -> None:
        arm(world, method, code)

    return arrange


async def in_another_cluster(world: EcsWorld) -> None:
    world.write("shop", target={"cluster": "another"})


CASES: dict[str, tuple[Callable[[EcsWorld], Awaitable[None]], str, bool | None, str, str]] = {
    "reads are denied": (
        armed("DescribeTasks|ListTasks"),
        *("reads", False, "denied: ecs:ListTasks, ecs:DescribeTasks"),
        "grant ecs:ListTasks, ecs:DescribeTasks: infra/aws/permissions.json",
    ),
    "the service may not be read": (
        armed("DescribeServices"),
        *("reads", False, "denied: ecs:DescribeServices", "infra/aws/permissions.json"),
    ),
    "whether a service that may not be read may be written to": (
        armed("DescribeServices"),
        *("writes", None, "not known, since it could not be read", ""),
    ),
    "the balancer may not be read": (
        armed("DescribeTargetHealth", "AccessDenied"),
        *("reads", False, "denied: elasticloadbalancing:DescribeTargetHealth", "infra/aws/permissions.json"),
    ),
    "writes are denied": (
        armed("StopServiceDeployment"),
        *("writes", False, "denied: ecs:StopServiceDeployment", "infra/aws/permissions.json"),
    ),
    "whether writes are allowed is not said": (
        armed("TagResource", "InvalidParameterException"),
        *("writes", None, "could not be tested: ecs:TagResource", "infra/aws/permissions.json"),
    ),
    "the session is over": (
        armed("DescribeServices", "ExpiredTokenException"),
        *("service", False, "ExpiredTokenException", "aws sso login"),
    ),
    "the cluster is another": (
        in_another_cluster,
        *("service", False, "ClusterNotFoundException", "aws ecs list-clusters"),
    ),
    "nothing leads to a group alone": (
        only_the_test_rule,
        *("groups", False, "nothing leads to shop-blue and shop-green alone", "aws elbv2 create-rule"),
    ),
    "nothing leads to a new revision": (
        without_rules,
        *("preview", False, "is not there, or asks for more than", "aws elbv2 create-rule"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
async def test_what_is_not_well_is_said_with_what_mends_it_and_all_else_is_looked_at(world: EcsWorld, case: str):
    arrange, subject, expected, seen, mend = CASES[case]
    nobody_asks(world)
    await arrange(world)
    findings = await found()
    finding = findings[subject]

    assert (finding.well, seen in finding.seen, mend in finding.mend) == (expected, True, True), finding
    assert findings["credentials"].seen.endswith("is a rehearsal on this machine, none needed")
    assert findings["store"].well is True


async def test_credentials_that_are_refused_are_said_to_be(world: EcsWorld):
    arm(world, "SimulatePrincipalPolicy", "AccessDenied")
    arm(world, "GetCallerIdentity", "ExpiredToken")
    findings = await found()

    assert findings["credentials"].well is False
    assert "ExpiredToken" in findings["credentials"].seen
    assert findings["credentials"].mend.startswith("aws sso login")
    assert findings["releases"].seen == "not known, since the service, or who we are, could not be looked at"


class Simulating(Account):
    """An account whose IAM has one answer, which the rehearsal's has none of; all else is asked as ever."""

    decision = "allowed"

    async def ask(self, kind: str, method: str, told: Mapping[str, Any]) -> dict[str, Any]:
        if kind == "iam":
            return {"EvaluationResults": [{"EvalDecision": self.decision}]}
        return await super().ask(kind, method, told)


@pytest.mark.parametrize(
    ("decision", "expected", "said"),
    [
        ("allowed", True, "ecs:RegisterTaskDefinition, ecs:UpdateService, as IAM simulates it"),
        ("explicitDeny", False, "IAM would deny: ecs:RegisterTaskDefinition, ecs:UpdateService"),
    ],
)
async def test_what_iam_says_of_a_release_is_believed(world: EcsWorld, decision: str, expected: bool, said: str):
    place = {name: value for name, value in world.place().items() if name != "kind"}
    service = Settings.model_validate({**place, "service": "shop"})
    account, calls = Simulating(service), Calls(service)
    account.decision = decision
    (finding,) = await Permissions(service, account, Once(lambda: Reader(service, calls).look())).releases()
    await account.close()
    await calls.close()

    assert (finding.well, finding.seen) == (expected, said)
    assert ("service/rehearsal/shop" in finding.mend) is (decision != "allowed")


async def test_what_iam_would_deny_is_read_from_its_simulation():
    asked: list[Mapping[str, Any]] = []

    async def ask(_kind: str, _method: str, told: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(told)
        decision = "implicitDeny" if told["ActionNames"] == ["iam:PassRole"] else "allowed"
        return {"EvaluationResults": [{"EvalActionName": told["ActionNames"][0], "EvalDecision": decision}]}

    wanted = {"ecs:UpdateService": ["arn:one"], "iam:PassRole": ["arn:two", "arn:three"]}
    assert await simulated(ask, "arn:who", wanted) == ["iam:PassRole"]
    told = {"PolicySourceArn": "arn:who", "ActionNames": ["ecs:UpdateService"], "ResourceArns": ["arn:one"]}
    assert told.items() <= asked[0].items()
    assert asked[1]["ContextEntries"][0]["ContextKeyValues"] == ["ecs-tasks.amazonaws.com"]


def test_what_is_missing_is_granted_to_the_role_that_somebody_has_taken():
    words = shlex.split(grant("reads", ROLE, {"ecs:ListTasks": ["*"]}))

    assert principal(ROLE) == "arn:aws:iam::123456789012:role/surefoot"
    assert words[:-1] == [
        *("aws", "iam", "put-role-policy", "--role-name", "surefoot", "--policy-name", "surefoot-reads"),
        "--policy-document",
    ]
    assert json.loads(words[-1])["Statement"] == [{"Effect": "Allow", "Action": "ecs:ListTasks", "Resource": ["*"]}]
    assert principal("arn:aws:iam::1:user/ana") == "arn:aws:iam::1:user/ana"
    assert grant("reads", "arn:aws:iam::1:root", {"ecs:ListTasks": ["*"]}).startswith("grant ecs:ListTasks to arn:aws")


@pytest.mark.parametrize(
    ("action", "on"),
    [
        ("ecs:UpdateService", "arn:aws:ecs:eu-west-1:1:service/c/shop"),
        ("ecs:StopServiceDeployment", "arn:aws:ecs:eu-west-1:1:service-deployment/c/shop/*"),
        ("ecs:DescribeServiceRevisions", "arn:aws:ecs:eu-west-1:1:service-revision/c/shop/*"),
        ("ecs:ListTasks", "*"),
        ("elasticloadbalancing:DescribeRules", "*"),
    ],
)
def test_no_more_is_granted_than_is_missing(action: str, on: str):
    assert resources(action, "arn:aws:ecs:eu-west-1:1:service/c/shop") == [on]
