"""Terraform and Surefoot in one place: each leaves alone what the other writes, and they mean the same by it."""

import re
from pathlib import Path

import pytest
from prefect.settings import Settings
from pydantic import AliasChoices, BaseModel
from ruamel.yaml import YAML

from tasks.settings.tool import KNOWN
from tasks.targets import TARGETS, settings_model
from tasks.targets.ecs.climb import STAGES

INFRA = Path(__file__).parent.parent.parent / "infra"
CLOUDS = ("aws", "gcp")
# What a rollout writes, by the thing it writes to.
WRITTEN = {
    "aws": {
        ("aws_lb_listener_rule", "preview"): {"action"},
        ("aws_lb_listener_rule", "production"): {"action"},
        ("aws_ecs_service", "this"): {
            "task_definition",
            "desired_count",
            "deployment_configuration",
            "deployment_circuit_breaker",
            "deployment_maximum_percent",
            "deployment_minimum_healthy_percent",
            "load_balancer",
            "tags",
            "tags_all",
        },
    },
    "gcp": {
        ("google_cloud_run_v2_service", "this"): {"template", "traffic", "annotations", "client", "client_version"},
    },
}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_terraform_ignores_exactly_what_rollouts_write(cloud, read):
    ignored = {
        block.labels: set(block.body["lifecycle"][0]["ignore_changes"])
        for block in read(cloud).of("resource")
        if "ignore_changes" in block.body.get("lifecycle", [{}])[0]
    }
    assert ignored == WRITTEN[cloud]


def test_the_two_rules_that_ecs_writes_are_those_that_terraform_leaves_alone(aws):
    advanced = aws.one("resource", "aws_ecs_service", "this")["load_balancer"][0]["advanced_configuration"][0]
    assert set(advanced) == {
        "alternate_target_group_arn",
        "production_listener_rule",
        "test_listener_rule",
        "role_arn",
    }
    told = {block.labels[0]: block.body["value"] for block in aws.of("output") if _in(block, "balancer")}
    named = [
        re.search(r"balancer\.(\w+)", advanced[name])[1] for name in ("production_listener_rule", "test_listener_rule")
    ]
    rules = [("aws_lb_listener_rule", re.search(r"aws_lb_listener_rule\.(\w+)\.arn", told[name])[1]) for name in named]
    assert [WRITTEN["aws"][rule] for rule in rules] == [{"action"}, {"action"}]


def _in(block, module):
    return block.file.parent.name == module


def test_a_deployment_that_nobody_watches_stops_at_the_same_pauses_and_goes_back(aws):
    service = aws.one("resource", "aws_ecs_service", "this")
    assert service["deployment_controller"] == [{"type": "ECS"}]
    (configuration,) = service["deployment_configuration"]
    assert configuration["strategy"] == "${var.rollout.strategy}"
    (hook,) = configuration["lifecycle_hook"]
    assert hook["target_type"] == "PAUSE"
    assert tuple(hook["lifecycle_stages"]) == STAGES
    assert hook["timeout_configuration"][0]["action"] == "ROLLBACK"


def test_each_group_can_be_reached_alone_and_a_preview_without_being_a_user(aws):
    rules = {block.labels[1]: block.body for block in aws.of("resource", "aws_lb_listener_rule")}
    assert set(rules) == {"preview", "group", "production"}
    assert rules["group"]["for_each"].keys() == {"blue", "green"}
    headers = {
        name: [each["http_header"][0]["http_header_name"] for each in rule["condition"] if "http_header" in each]
        for name, rule in rules.items()
    }
    assert headers == {"preview": ["${var.preview.header}"], "group": ["${var.group_header}"], "production": []}
    first = [rules["preview"]["priority"], *rules["group"]["for_each"].values()]
    assert max(first) < rules["production"]["priority"]
    given = {block.labels[0]: block.body for block in aws.of("variable") if block.file.parent == INFRA / "aws"}
    assert given["group_header"]["default"] == "x-surefoot-group"
    assert 'optional(string, "x-surefoot-preview")' in given["preview"]["type"]


@pytest.mark.parametrize(("cloud", "kind"), [("aws", "ecs"), ("gcp", "cloud_run")])
def test_what_terraform_prints_is_a_target_of_a_service_file(cloud, kind, read):
    (targets,) = (block.body["value"] for block in read(cloud).of("output", "targets"))
    line = "".join(re.findall(r'"((?:target|region): ?.*?)(?<!\\)"', targets))
    # Whatever stands for a name is one that every field takes.
    written = YAML(typ="safe").load(re.sub(r"\$\{[^}]*\}", "eu-west-1", line).replace('\\"', '"'))["target"]
    assert written.pop("kind") == kind
    assert kind in TARGETS
    settings_model(kind)(**written)


def _environment(configuration):
    names = ("worker_environment", "server_environment", "worker_secrets", "server_secrets")
    text = "".join(
        str(block.body[name]) for block in configuration.of("locals") for name in names if name in block.body
    )
    return set(re.findall(r"\b(?:PREFECT|SUREFOOT)_[A-Z_]+\b", text))


def _known(model: type[BaseModel]) -> set[str]:
    """Return the variables that Prefect reads, by walking its settings."""
    prefix, found = model.model_config.get("env_prefix", ""), set()
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else []
        found |= {f"{prefix}{name}".upper(), *(choice.upper() for choice in choices if isinstance(choice, str))}
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= _known(field.annotation)
    return found


@pytest.mark.parametrize("cloud", CLOUDS)
def test_prefect_and_surefoot_know_every_variable_that_their_containers_get(cloud, read):
    given = _environment(read(cloud))
    assert {"PREFECT_API_URL", "PREFECT_SERVER_DATABASE_PASSWORD", "SUREFOOT_STORE"} <= given
    own = {name for name in given if name.startswith("SUREFOOT_")} - {"SUREFOOT_DATABASE"}
    assert own <= set(KNOWN)
    assert {name for name in given if name.startswith("PREFECT_")} <= _known(Settings)


def test_prefects_server_is_one_and_ends_before_the_next_begins(aws, gcp):
    server = aws.one("resource", "aws_ecs_service", "server")
    assert (server["desired_count"], server["deployment_maximum_percent"]) == (1, 100)
    (scaling,) = gcp.one("resource", "google_cloud_run_v2_service", "server")["template"][0]["scaling"]
    assert scaling == {"min_instance_count": 1, "max_instance_count": 1}


def test_prefect_is_reached_from_inside_only(aws, gcp):
    (balancer,) = (block.body for block in aws.of("resource", "aws_lb") if _in(block, "prefect"))
    assert balancer["internal"] is True
    assert aws.one("resource", "aws_db_instance", "this")["publicly_accessible"] is False
    server = gcp.one("resource", "google_cloud_run_v2_service", "server")
    assert server["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    (database,) = gcp.one("resource", "google_sql_database_instance", "this")["settings"]
    (address,) = database["ip_configuration"]
    assert (address["ipv4_enabled"], address["ssl_mode"]) == (False, "ENCRYPTED_ONLY")
    (worker,) = gcp.one("resource", "google_cloud_run_v2_worker_pool", "this")["template"]
    assert worker["vpc_access"][0]["egress"] == "ALL_TRAFFIC"
