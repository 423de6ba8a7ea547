"""What a worker may do in a cloud is one list: plain, narrow, of real operations, and the only one Terraform knows."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from botocore.session import get_session
from google.cloud import run_v2
from google.cloud.monitoring_v3 import MetricServiceClient
from permitted import listed, unlike_permissions

from commands.rehearsed_ecs import client
from rehearsal.catalogue import SAMPLE, Catalogue
from rehearsal.cloud import Rehearsal
from tasks.registries import ImageMissing, resolve

INFRA = Path(__file__).parent.parent.parent / "infra"
CLOUDS = ("aws", "gcp")
# What IAM calls a service is not always what the SDK does.
_SDK = {"elasticloadbalancing": "elbv2"}
_KEYS = {"aws": {"call", "on", "why"}, "gcp": {"call", "on", "permission", "why"}}


def granted(cloud: str, listed: dict) -> list[str]:
    """Return every permission of a list, as the cloud's IAM calls it."""
    name = "call" if cloud == "aws" else "permission"
    return [each[name] for each in listed["calls"]] + [each["permission"] for each in listed["also"]]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_list_has_calls_and_what_they_need_besides_each_with_its_reason(cloud, permissions):
    listed = permissions(cloud)
    assert set(listed) == {"calls", "also"}
    assert all(set(each) == _KEYS[cloud] for each in listed["calls"])
    assert all(set(each) == {"on", "permission", "why"} for each in listed["also"])
    assert all(word.strip() for part in listed.values() for each in part for word in each.values())


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_list_is_in_order_and_says_nothing_twice_and_nothing_wild(cloud, permissions):
    listed = permissions(cloud)
    calls = [each["call"] for each in listed["calls"]]
    assert calls == sorted(set(calls))
    assert [each["permission"] for each in listed["also"]] == sorted({each["permission"] for each in listed["also"]})
    everything = granted(cloud, listed)
    assert len(everything) == len(set(everything))
    shape = r"[a-z]+:[A-Z][A-Za-z]+" if cloud == "aws" else r"[a-z]+\.[a-zA-Z]+\.[a-zA-Z]+"
    assert [each for each in everything if not re.fullmatch(shape, each)] == []


def test_every_call_to_aws_is_an_operation_of_the_sdk_and_nothing_besides_is(permissions):
    listed, session = permissions("aws"), get_session()

    def known(action: str) -> bool:
        service, _, operation = action.partition(":")
        model = session.get_service_model(_SDK.get(service, service))
        return operation in model.operation_names

    assert [each["call"] for each in listed["calls"] if not known(each["call"])] == []
    assert [each["permission"] for each in listed["also"] if known(each["permission"])] == []


def test_every_call_to_google_is_a_method_of_the_sdk_and_its_permission_is_of_that_thing(permissions):
    clients = {run_v2.ServicesClient: "run", run_v2.RevisionsClient: "run", MetricServiceClient: "monitoring"}
    for each in permissions("gcp")["calls"]:
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", each["call"]).lower()
        apis = {api for client, api in clients.items() if hasattr(client, method)}
        verb, thing = re.fullmatch(r"([A-Z][a-z]+)(\w+?)s?", each["call"]).groups()
        things = f"{thing[0].lower()}{thing[1:]}s"
        assert each["permission"] in {f"{api}.{things}.{verb.lower()}" for api in apis}, each["call"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_terraform_reads_the_list_and_writes_none_of_it_again(cloud, read, permissions):
    (access,) = (each.body for each in read(cloud).of("module", "access"))
    assert access["permissions"] == '${jsondecode(file("${path.module}/permissions.json"))}'
    text = "".join(file.read_text("utf-8") for file in (INFRA / cloud / "modules/access").glob("*.tf"))
    # To pull and to push are other roles' business too.
    ours = [each for each in granted(cloud, permissions(cloud)) if not each.startswith("ecr:")]
    assert [each for each in ours if f'"{each}"' in text] == []


def test_the_releasers_roles_in_google_are_made_of_the_list_alone(gcp):
    (roles,) = gcp.of("resource", "google_project_iam_custom_role")
    assert roles.body["for_each"] == "${local.by_place}"
    assert roles.body["permissions"] == "${each.value}"
    members = [block for block in gcp.of("resource") if block.labels[0].endswith("_iam_member")]
    ready_made = {
        (block.labels[1], block.body["role"])
        for block in members
        if "custom_role" not in block.body["role"] and block.labels[1] != "pusher"
    }
    # Each reads its own secrets, which Cloud Run asks for in the account's name.
    assert ready_made == {(name, "roles/secretmanager.secretAccessor") for name in ("reader", "slack")}


def test_the_releasers_policy_in_aws_is_made_of_the_list_alone(aws):
    policy = aws.one("data", "aws_iam_policy_document", "releaser")
    assert set(policy) == {"dynamic"}
    attached = [block for block in aws.of("resource", "aws_iam_role_policy") if "releaser" in str(block.body["role"])]
    assert [block.body["policy"] for block in attached] == ["${data.aws_iam_policy_document.releaser.json}"]
    others = [*aws.of("resource", "aws_iam_role_policy_attachment"), *aws.of("resource", "aws_iam_policy_attachment")]
    assert [str(block) for block in others if "releaser" in str(block.body)] == []


def test_every_place_in_the_list_of_aws_is_one_that_terraform_narrows(aws, permissions):
    (places,) = (block.body["places"] for block in aws.of("locals") if "places" in block.body)
    asked = {each["on"] for part in permissions("aws").values() for each in part}
    assert asked == set(places)
    wild = {place for place, arns in places.items() if arns == ["*"]}
    (conditions,) = (block.body["conditions"] for block in aws.of("locals") if "conditions" in block.body)
    assert wild - set(conditions) == {"account"}


# What AWS's authorization reference gives no resource for; everything else has to be narrowed.
_NOT_NARROWED = {
    "cloudwatch:GetMetricData",
    "ecs:DescribeTaskDefinition",
    "ecs:ListTaskDefinitions",
    "ecs:RegisterTaskDefinition",
    "ecr:GetAuthorizationToken",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetHealth",
    "sts:GetCallerIdentity",
}


def test_only_what_cannot_be_narrowed_is_granted_on_everything(permissions):
    wide = {each["call"] for each in permissions("aws")["calls"] if each["on"] == "account"}
    assert wide <= _NOT_NARROWED
    assert all(each["on"] != "account" for each in permissions("aws")["also"])


def test_every_place_in_the_list_of_google_has_a_binding_of_the_releaser_there(gcp, permissions):
    asked = {each["on"] for part in permissions("gcp").values() for each in part}
    bound = {
        found
        for block in gcp.of("resource")
        if block.labels[0].endswith("_iam_member") and block.labels[1] == "releaser"
        for found in re.findall(r'custom_role\.releaser\["(\w+)"\]', block.body["role"])
    }
    assert bound == asked


async def ask_ecr(folder, monkeypatch):
    """Let a tag be resolved at a rehearsed ECR, and another that is not there."""
    async with Rehearsal.start(Catalogue.load(SAMPLE), folder) as rehearsal:
        told = {"AWS_ENDPOINT_URL": rehearsal.aws.url, "AWS_ACCESS_KEY_ID": "surefoot", "AWS_SECRET_ACCESS_KEY": "x"}
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        ecr = client(rehearsal.aws.url, "ecr")
        await asyncio.to_thread(ecr.create_repository, repositoryName="shop")
        manifest = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}'
        await asyncio.to_thread(ecr.put_image, repositoryName="shop", imageManifest=manifest, imageTag="1.0.0")
        repository = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/shop"
        image = await resolve(f"{repository}:1.0.0")
        with pytest.raises(ImageMissing):
            await resolve(f"{repository}:9.9.9")
        return image, {
            f"{call.api}:{call.method}" for call in rehearsal.aws.front.journal.of() if call.caller == "surefoot"
        }


def test_what_a_registry_on_aws_is_asked_for_is_granted(tmp_path, monkeypatch, permissions):
    image, asked = asyncio.run(ask_ecr(tmp_path, monkeypatch))

    assert image.digest.startswith("sha256:")
    granted_calls = {each["call"] for each in permissions("aws")["calls"]}
    assert asked == {call for call in granted_calls if call.startswith("ecr:")}


def journal(folder, *asked):
    (folder / "one.json").write_text(json.dumps(asked))
    return unlike_permissions(folder)


def test_a_call_without_a_permission_and_a_permission_without_a_call_are_both_told(tmp_path):
    every = [(call.split(":")[0], call.split(":")[1], "boto surefoot") for call in listed("aws")]
    every += [("run", call, "surefoot gapic") for call in listed("gcp")]

    assert journal(tmp_path, *every) == ""
    assert "called, but in no list of infra/: ecs:DeleteService" in journal(
        tmp_path, *every, ("ecs", "DeleteService", "surefoot")
    )
    assert "granted by infra/, but never called: GetService" in journal(
        tmp_path, *(each for each in every if each[1] != "GetService")
    )
    assert journal(tmp_path, *every, ("ecs", "CreateService", "somebody"), ("iam", "GetRole", "surefoot-doctor")) == ""
