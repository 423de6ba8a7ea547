"""What has to be so in every Terraform file here, whether or not Terraform is there to read it."""

import re
from pathlib import Path

import pytest

INFRA = Path(__file__).parent.parent.parent / "infra"
CLOUDS = ("aws", "gcp")
_WILD = re.compile(r"[*?]")
# Whatever is given to these is kept in the state, in plain text.
_KEPT = {"password", "root_password", "master_password", "secret_string", "secret_binary", "secret_data"}
_SECRET = re.compile(r"password|secret_string|secret_data|token|credential|private_key|auth_string", re.IGNORECASE)

EVERYWHERE = {".".join("0000") + "/0", "::/0"}


def test_the_files_are_formatted(terraform):
    for cloud in CLOUDS:
        done = terraform.run("fmt", "-check", "-diff", "-recursive", str(INFRA / cloud))
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("cloud", CLOUDS)
def test_versions_are_pinned_where_it_is_applied_and_bounded_in_every_module(cloud, read):
    blocks = read(cloud).of("terraform")
    assert {block.file.parent for block in blocks} == {file.parent for file in (INFRA / cloud).rglob("*.tf")}
    for block in blocks:
        assert block.body["required_version"] == ">= 1.11", block
        (providers,) = block.body["required_providers"]
        root = block.file.parent == INFRA / cloud
        shape = r"~> \d+\.\d+" if root else r">= \d+\.\d+, < \d+\.0"
        assert all(re.fullmatch(shape, one["version"]) for one in providers.values()), block


def test_the_service_asks_for_a_provider_that_knows_pauses(aws):
    (root,) = (block for block in aws.of("terraform") if block.file.parent == INFRA / "aws")
    (service,) = (block for block in aws.of("terraform") if block.file.parent.name == "service")
    least = [
        tuple(map(int, re.search(r"(\d+)\.(\d+)", block.body["required_providers"][0]["aws"]["version"]).groups()))
        for block in (root, service)
    ]
    assert least == [(6, 66), (6, 66)]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_variable_and_output_says_what_it_is(cloud, read):
    said = [*read(cloud).of("variable"), *read(cloud).of("output")]
    assert [str(block) for block in said if not block.body.get("description", "").endswith(".")] == []
    assert [str(block) for block in read(cloud).of("variable") if "type" not in block.body] == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_input_of_a_module_is_given_and_every_variable_is_used(cloud, read):
    for module in (INFRA / cloud, *(INFRA / cloud / "modules").iterdir()):
        text = "".join(file.read_text("utf-8") for file in module.glob("*.tf"))
        names = [block.labels[0] for block in read(cloud).of("variable") if block.file.parent == module]
        assert [name for name in names if f"var.{name}" not in text] == [], module
        if module.name != cloud:
            given = read(cloud).one("module", module.name)
            assert set(names) == set(given) - {"source", "for_each", "depends_on"}, module


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_secret_stands_in_a_file_or_reaches_the_state(cloud, read):
    kept = [
        f"{block} {name}"
        for block in read(cloud).of("resource")
        for name, value in _attributes(block.body)
        if name in _KEPT or (_SECRET.search(name) and not name.endswith(("_wo", "_wo_version")) and not _refers(value))
    ]
    assert kept == []
    for block in read(cloud).of("resource"):
        for name, value in _attributes(block.body):
            if name.endswith("_wo"):
                assert "ephemeral." in value, f"{block} {name}"


def _attributes(body):
    """Yield every name and value in a block and in the blocks inside it; what only groups others is not a value."""
    for name, value in body.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield from _attributes(each)
            else:
                yield name, each


def _refers(value):
    """Say whether it is a number, or the name of something that is elsewhere."""
    return not isinstance(value, str) or (value.startswith("${") and "ephemeral." not in value)


def test_secrets_reach_containers_only_by_reference(aws, gcp):
    for configuration in (aws, gcp):
        (local,) = (block.body for block in configuration.of("locals") if "worker_environment" in block.body)
        (server,) = (block.body for block in configuration.of("locals") if "server_environment" in block.body)
        plain = [*local["worker_environment"], *server["server_environment"]]
        assert [name for name in plain if _SECRET.search(name)] == []
        assert "PREFECT_API_AUTH_STRING" in str(local["worker_secrets"])
        assert set(server["server_secrets"]) == {"PREFECT_SERVER_DATABASE_PASSWORD", "PREFECT_SERVER_API_AUTH_STRING"}


def test_only_the_public_balancers_http_and_https_are_open_to_everybody(aws):
    ways = aws.of("resource", "aws_vpc_security_group_ingress_rule")
    everybody = [block for block in ways if EVERYWHERE & set(map(str, block.body.values()))]
    assert [block.labels[1] for block in everybody] == ["users"]
    assert everybody[0].file.parent.name == "balancer"
    assert everybody[0].body["for_each"] == {"http": 80, "https": 443}
    assert not any("ingress" in block.body for block in aws.of("resource", "aws_security_group"))
    assert aws.of("resource", "aws_security_group_rule") == []


def test_the_balancer_turns_plain_text_to_https_and_serves_nobody_by_default(aws):
    listeners = {block.labels[1]: block.body for block in aws.of("resource", "aws_lb_listener") if _public(block)}
    (redirect,) = listeners["plain"]["default_action"]
    assert (listeners["plain"]["port"], redirect["type"]) == (80, "redirect")
    assert redirect["redirect"][0]["protocol"] == "HTTPS"
    (nobody,) = listeners["this"]["default_action"]
    assert listeners["this"]["ssl_policy"].startswith("ELBSecurityPolicy-TLS13")
    assert nobody["fixed_response"][0]["status_code"] == "503"


def _public(block):
    return block.file.parent.name == "balancer"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_policy_allows_a_wild_action_and_only_a_login_is_allowed_on_everything(cloud, read):
    for block in read(cloud).of("data", "aws_iam_policy_document"):
        for statement in block.body.get("statement", []):
            assert [action for action in statement["actions"] if _WILD.search(action)] == [], block
            if statement.get("resources") == ["*"]:
                assert statement["actions"] == ["ecr:GetAuthorizationToken"], block
            assert "not_actions" not in statement
    wide = [str(block) for block in read(cloud).of("resource") if "AdministratorAccess" in str(block.body)]
    assert wide == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_nobody_is_given_a_basic_role_of_google(cloud, read):
    roles = {str(block.body.get("role", "")) for block in read(cloud).of("resource")}
    assert [
        role for role in roles if re.fullmatch(r"roles/(owner|editor|viewer|run\.admin|iam\.\w*[aA]dmin)", role)
    ] == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_workflow_is_one_repository_and_one_branch(cloud, read):
    text = (INFRA / cloud / "modules/access/github.tf").read_text("utf-8")
    assert "${var.github.repository}" in text
    assert "refs/heads/${var.github.branch}" in text
    if cloud == "aws":
        trust = read(cloud).one("data", "aws_iam_policy_document", "workflow")["statement"][0]["condition"]
        assert {each["test"] for each in trust} == {"StringEquals"}


def test_the_workflow_can_push_and_do_nothing_else(aws, gcp):
    push = aws.one("data", "aws_iam_policy_document", "push")["statement"]
    assert all(action.startswith("ecr:") for statement in push for action in statement["actions"])
    held = {
        block.body["role"]
        for block in gcp.of("resource")
        if "google_service_account.pusher.member" in str(block.body.get("member", ""))
    }
    assert held == {"roles/artifactregistry.writer"}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_images_are_taken_by_digest_only(cloud, read):
    for name in ("first_image", "prefect"):
        conditions = [each["condition"] for each in read(cloud).one("variable", name)["validation"]]
        assert any("@sha256:[0-9a-f]{64}$" in condition for condition in conditions), name
