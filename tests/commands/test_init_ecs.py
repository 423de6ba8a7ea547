"""`surefoot init --from ecs`, as it is typed: what runs on ECS already, as a service file that ECS can climb.

And what `surefoot plan` says of such a file. Neither needs a Prefect.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from commands_typed import answered, image, typed
from prefect_real import RealPrefect

from commands.rehearsed import rehearsed
from commands.rehearsed_ecs import CLUSTER, REGION, client, seed_ecs, seed_rolling
from tasks.settings import load_service

# Real processes on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def ecs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrefect]:
    """Start a rehearsal whose ECS is quick; of the rest there are only the folder and the variables."""
    home = tmp_path_factory.mktemp("ecs")
    real = RealPrefect(home)
    running = rehearsed(home, "ecs", real.environ)
    with asyncio.Runner() as runner:
        cloud = runner.run(running.__aenter__())
        real.addresses = {"aws": cloud.aws, "control": cloud.control}
        try:
            yield real
        finally:
            runner.run(running.__aexit__(None, None, None))
            real.close()


def where(ecs: RealPrefect, cluster: str = CLUSTER) -> tuple[str, ...]:
    """Return what is typed to reach the rehearsed ECS."""
    return ("--from", "ecs", "--region", REGION, "--cluster", cluster, "--endpoint", ecs.addresses["aws"])


def deployments(ecs: RealPrefect, service: str) -> int:
    """Return how many deployments there were."""
    api = client(ecs.addresses["aws"], "ecs")
    try:
        return len(api.list_service_deployments(cluster=CLUSTER, service=service)["serviceDeployments"])
    finally:
        api.close()


@pytest.mark.slow
def test_a_service_behind_a_load_balancer_becomes_a_file_that_ecs_can_climb(ecs: RealPrefect, tmp_path: Path) -> None:
    made = asyncio.run(seed_ecs(ecs.addresses["aws"], "read", image("1.0.0")))
    file = tmp_path / "read.yaml"
    document = answered(ecs, "init", *where(ecs), "read", "-o", str(file))
    assert [mark["text"].partition(":")[0] for mark in document["todo"]] == ["smoke", "staging", "approvers"]
    assert (document["image"], document["traffic"], document["url"]) == (image("1.0.0"), {"read:1": 100}, made.url)
    assert {call.split()[0] for call in document["calls"]} >= {"DescribeServices", "DescribeRules"}
    assert all(call.startswith(("Describe", "List")) for call in document["calls"])
    text = file.read_text()
    assert f"# Read from ECS: 100 % on read:1, at {made.url}\n# image {image('1.0.0')}\n" in text
    assert max(map(len, text.splitlines())) <= 120

    assert typed(ecs, "validate", str(file)).returncode == 0
    service = load_service(file)
    assert [step.percent for step in service.environments["production"].plan.steps] == [10, 100]
    assert service.environments["production"].plan.compare_s > 0
    assert service.environments["production"].place.settings["service"] == "read"
    assert service.environments["staging"].place.settings["service"] == "read-staging"

    planned = answered(ecs, "plan", str(file), "production")
    assert planned["way_back"] == {"read:1": 100}
    assert planned["promises"] == [
        "ECS moves users itself (CANARY, 10 and then 100 %), one step at each word of ours",
        "ECS puts the release back by itself after 27m without one",
    ]
    assert planned["undo"]["by_hand"].startswith("aws ecs stop-service-deployment --stop-type ROLLBACK")
    said = typed(ecs, "plan", str(file), "production").stdout
    assert "    by itself   ECS moves users itself (CANARY, 10 and then 100 %), one step at\n" in said
    assert "\n                ECS puts the release back by itself after 27m without one\n" in said
    assert deployments(ecs, "read") == 1


@pytest.mark.slow
def test_a_service_without_a_load_balancer_becomes_a_rolling_one_and_its_address_is_asked_for(
    ecs: RealPrefect, tmp_path: Path
) -> None:
    asyncio.run(seed_rolling(ecs.addresses["aws"], "Worker_1", image("1.0.0")))
    file = tmp_path / "worker.yaml"
    ran = typed(ecs, "init", *where(ecs), "Worker_1", "-o", str(file))
    assert ran.returncode == 0, ran.stderr
    assert "  address    not known" in ran.stderr
    assert "5 marked TODO" in ran.stdout
    assert ran.stdout.count("address: where do users reach it?") == 2

    checked = typed(ecs, "validate", str(file))
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count(" TODO ") == 5
    service = load_service(file)
    assert service.name == "worker-1"
    for name, theirs in (("staging", "Worker_1-staging"), ("production", "Worker_1")):
        environment = service.environments[name]
        settings = environment.place.settings
        assert (settings["cluster"], settings["service"]) == (CLUSTER, theirs)
        assert (settings["strategy"], settings["url"]) == ("rolling", "")
        assert [(step.percent, step.watch_s) for step in environment.plan.steps] == [(100, 0.0)]
        assert (environment.plan.compare_s, environment.plan.bake_s) == (0, 0)

    said = typed(ecs, "plan", str(file), "production").stdout
    assert "    smoke       1 check through the public address, when users are there" in said
    assert "    harm        not looked for: no step of this climb is watched" in said
    assert "    by itself   ECS replaces the tasks (ROLLING) and puts them back by its" in said
    assert deployments(ecs, "Worker_1") == 1


def test_what_is_not_there_on_ecs_is_bad_input_and_nothing_is_written(ecs: RealPrefect, tmp_path: Path) -> None:
    asyncio.run(seed_rolling(ecs.addresses["aws"], "there", image("1.0.0")))
    for service, cluster, why in (("nobody", CLUSTER, "list-services"), ("there", "nowhere", "list-clusters")):
        ran = typed(ecs, "init", *where(ecs, cluster), service, "-o", str(tmp_path / "x.yaml"))
        assert ran.returncode == 2
        assert ran.stderr.startswith(f"SERVICE: {service!r} is not there: ")
        assert f"look for it: aws ecs {why}" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_service_whose_rules_may_not_be_read_is_not_taken_for_one_without(ecs: RealPrefect, tmp_path: Path) -> None:
    asyncio.run(seed_ecs(ecs.addresses["aws"], "shut", image("1.0.0")))
    faults = f"{ecs.addresses['control']}/faults"
    fault = {"method": "DescribeRules", "code": "AccessDeniedException"}
    httpx.post(f"{faults}/aws", json=fault).raise_for_status()
    ran = typed(ecs, "init", *where(ecs), "shut", "-o", str(tmp_path / "x.yaml"))
    assert httpx.get(faults).json()["aws"] == [], "the fault was met"
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("DescribeRules shut: AccessDeniedException")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_plan_on_ecs_says_after_how_much_silence_it_goes_back_by_itself(ecs: RealPrefect, tmp_path: Path) -> None:
    asyncio.run(seed_ecs(ecs.addresses["aws"], "silent", image("1.0.0")))
    file = tmp_path / "silent.yaml"
    place = {"region": REGION, "cluster": CLUSTER, "service": "silent", "endpoint": ecs.addresses["aws"]}
    steps = [{"traffic": f"{percent}%", "watch": "10m"} for percent in (25, 50, 75, 100)]
    checks = [{"name": "front page", "path": "/"}]
    for given, silence in (({}, "22m"), ({"hook_timeout": "4h"}, "4h")):
        environment = {"target": {"kind": "ecs", **place, **given}, "rollout": {"steps": steps}}
        file.write_text(json.dumps({"name": "silent", "checks": checks, "environments": {"production": environment}}))
        document = answered(ecs, "plan", str(file), "production")
        assert document["promises"] == [
            "ECS moves users itself (LINEAR, 25 % at a time), one step at each word of ours",
            f"ECS puts the release back by itself after {silence} without one",
        ]
        assert document["way_back"] == {"silent:1": 100}
        assert all(call.startswith(("Describe", "List")) for call in document["calls"])
