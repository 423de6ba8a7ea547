"""Terraform itself reads, plans and makes what infra/aws says, against moto; where it and a provider are found."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

import boto3
import pytest
from ruamel.yaml import YAML

from tasks.targets import settings_model

INFRA = Path(__file__).parent.parent.parent / "infra"
# The whole of infra/aws needs the first, everything but the service the second.
WHOLE, WITHOUT_SERVICE = (6, 66), (5, 100)
REGION = "eu-west-1"
DIGEST = "@sha256:" + "ab" * 32
_SERVICES = ("ec2", "ecr", "ecs", "elbv2", "iam", "logs", "rds", "route53", "s3", "secretsmanager", "sts")


def copied(folder: Path, version: str, *, service: bool, address: str = "http://127.0.0.1:9") -> Path:
    """Copy infra/aws, for the provider that is here and a cloud at an address; without the service if need be."""
    shutil.copytree(INFRA / "aws", folder, dirs_exist_ok=True)
    if not service:
        (folder / "service.tf").unlink()
        shutil.rmtree(folder / "modules/service")
    endpoints = "\n".join(f'    {name} = "{address}"' for name in _SERVICES)
    # A file called *_override.tf adds to, or replaces, what others say.
    (folder / "local_override.tf").write_text(f"""terraform {{
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = "{version}"
    }}
  }}
}}

provider "aws" {{
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true

  endpoints {{
{endpoints}
  }}
}}
""")
    return folder


def test_the_whole_of_it_is_valid(tmp_path, terraform_in, provider):
    folder = copied(tmp_path, provider("aws", WHOLE), service=True)
    terraform = terraform_in(folder)
    terraform.ok("init", "-backend=false")
    terraform.ok("validate")


@pytest.mark.slow
def test_everything_but_the_service_is_valid(tmp_path, terraform_in, provider):
    folder = copied(tmp_path, provider("aws", WITHOUT_SERVICE), service=False)
    terraform = terraform_in(folder)
    terraform.ok("init", "-backend=false")
    terraform.ok("validate")


def test_the_whole_of_google_is_valid(tmp_path, terraform_in, provider):
    provider("google", (7, 40))
    provider("random", (3, 7))
    shutil.copytree(INFRA / "gcp", tmp_path, dirs_exist_ok=True)
    terraform = terraform_in(tmp_path)
    terraform.ok("init", "-backend=false")
    terraform.ok("validate")


class Moto:
    """A moto server in a process of its own, and clients of it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def client(self, service: str):
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, region_name=REGION, endpoint_url=self.address, **keys)


@pytest.fixture
def moto(tmp_path):
    # With AWS's own policies, which it otherwise leaves out.
    environ = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "PYTHONUNBUFFERED": "1"}
    log = tmp_path / "moto.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as written:
        server = subprocess.Popen(command, env=environ, stdout=written, stderr=written)
    try:
        yield Moto(_address(log, server))
    finally:
        server.kill()
        server.wait(10)


def _address(log: Path, server: subprocess.Popen) -> str:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        found = [word for word in log.read_text().split() if word.startswith("http://127.0.0.1:")]
        if found:
            try:
                urllib.request.urlopen(f"{found[-1]}/moto-api/", timeout=5).close()
            except URLError:
                pass
            else:
                return found[-1]
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])


def _variables(certificate: str) -> dict:
    environments = ("staging", "production")
    return {
        "region": REGION,
        "service": {"name": "shop"},
        "first_image": f"registry.example/shop{DIGEST}",
        "environments": {
            name: {"host": f"{name}.shop.example", "certificate_arn": certificate} for name in environments
        },
        "preview": {"value": "let-me-see"},
        "github": {"repository": "example/shop"},
        "prefect": {
            "server_image": f"registry.example/prefect{DIGEST}",
            "worker_image": f"registry.example/surefoot{DIGEST}",
            "host": "prefect.example",
            "certificate_arn": certificate,
            "operator_cidrs": ["10.9.0.0/16"],
        },
    }


@pytest.fixture
def made(tmp_path, moto, terraform_in, provider):
    """Return Terraform after it has made everything but the service."""
    certificate = moto.client("acm").request_certificate(DomainName="*.shop.example")["CertificateArn"]
    version = provider("aws", WITHOUT_SERVICE)
    folder = copied(tmp_path / "made", version, service=False, address=moto.address)
    (folder / "here.auto.tfvars.json").write_text(json.dumps(_variables(certificate)))
    terraform = terraform_in(folder)
    terraform.ok("init")
    terraform.ok("apply", "-auto-approve", "-no-color")
    return terraform


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_what_it_makes_is_narrow_keeps_no_secret_and_is_left_alone_after_a_rollout(made, moto, permissions):
    the_releaser_has_the_list_and_nothing_else(moto.client("iam"), permissions("aws"))
    github_can_only_push(moto.client("iam"))
    no_secret_is_in_the_state(made, moto.client("secretsmanager"))
    what_it_prints_is_a_target(made)
    a_rollout_is_not_undone(made, moto.client("elbv2"))


def the_releaser_has_the_list_and_nothing_else(iam, listed):
    assert iam.list_attached_role_policies(RoleName="surefoot-releaser")["AttachedPolicies"] == []
    (name,) = iam.list_role_policies(RoleName="surefoot-releaser")["PolicyNames"]
    statements = iam.get_role_policy(RoleName="surefoot-releaser", PolicyName=name)["PolicyDocument"]["Statement"]
    granted = {action for each in statements for action in _many(each["Action"])}
    assert granted == {each["call"] for each in listed["calls"]} | {each["permission"] for each in listed["also"]}
    by_place = {each["Sid"]: each for each in statements}
    account = "arn:aws:ecs:eu-west-1:123456789012"
    services = {f"{account}:service/surefoot/shop-{name}" for name in ("staging", "production")}
    assert set(_many(by_place["service"]["Resource"])) == services
    assert by_place["cluster"]["Condition"] == {"ArnEquals": {"ecs:cluster": f"{account}:cluster/surefoot"}}
    passed = {arn.rpartition("/")[2] for arn in _many(by_place["roles"]["Resource"])}
    assert passed == {"surefoot-execution", "surefoot-task"}
    assert iam.list_role_policies(RoleName="surefoot-task")["PolicyNames"] == []


def github_can_only_push(iam):
    policy = iam.get_role_policy(RoleName="surefoot-github", PolicyName="push")["PolicyDocument"]
    assert {action.partition(":")[0] for each in policy["Statement"] for action in _many(each["Action"])} == {"ecr"}
    (trust,) = iam.get_role(RoleName="surefoot-github")["Role"]["AssumeRolePolicyDocument"]["Statement"]
    subject = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == "repo:example/shop:ref:refs/heads/main"


def _many(value):
    return value if isinstance(value, list) else [value]


def no_secret_is_in_the_state(terraform, secrets):
    names = ("surefoot/prefect/database", "surefoot/prefect/credential")
    values = [secrets.get_secret_value(SecretId=name)["SecretString"] for name in names]
    assert len(values[0]) == 40
    assert values[1].startswith("surefoot:")
    state = (terraform.folder / "terraform.tfstate").read_text()
    assert not any(value.removeprefix("surefoot:") in state for value in values)


def what_it_prints_is_a_target(terraform):
    targets = json.loads(terraform.ok("output", "-json", "targets"))
    target = YAML(typ="safe").load(targets["production"])["target"]
    assert target.pop("kind") == "ecs"
    settings = settings_model("ecs")(**target)
    assert (settings.cluster, settings.service, settings.region) == ("surefoot", "shop-production", REGION)


def a_rollout_is_not_undone(terraform, elb):
    """ECS turns production to the other group; what Terraform would do then leaves the rules alone."""
    balancers = {each["LoadBalancerName"]: each for each in elb.describe_load_balancers()["LoadBalancers"]}
    assert set(balancers) == {"surefoot-staging", "surefoot-production", "surefoot-prefect"}
    balancer = balancers["surefoot-production"]["LoadBalancerArn"]
    (listener,) = (
        each["ListenerArn"]
        for each in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        if each["Port"] == 443
    )
    rules = {each["Priority"]: each for each in elb.describe_rules(ListenerArn=listener)["Rules"]}
    assert set(rules) == {"10", "20", "21", "100", "default"}
    blue, green = (rules[priority]["Actions"][0]["TargetGroupArn"] for priority in ("20", "21"))
    moved = [{"TargetGroupArn": blue, "Weight": 5}, {"TargetGroupArn": green, "Weight": 95}]
    for priority, groups in (("100", moved), ("10", moved[1:])):
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        elb.modify_rule(RuleArn=rules[priority]["RuleArn"], Actions=[action])

    terraform.ok("plan", "-out=after", "-no-color")
    changes = json.loads(terraform.ok("show", "-json", "after"))["resource_changes"]

    changed = {each["type"] for each in changes if each["change"]["actions"] != ["no-op"]}
    assert {"aws_lb_listener_rule", "aws_lb_listener", "aws_lb_target_group"} & changed == set()
    assert any(each["type"] == "aws_lb_listener_rule" for each in changes)
