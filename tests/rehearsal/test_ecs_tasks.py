"""Tasks as real processes: how they fail, are told of, are started again, and end."""

import asyncio
import os
from contextlib import suppress

import pytest
from rehearsed_ecs import CLUSTER, NAME, configuration, staged

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(tmp_path):
    # A hanging image is given up after half a second.
    async with staged(tmp_path, least_grace_s=0.5) as running:
        yield running


async def first_to_fail(stage) -> dict:
    """Describe the first task that ended."""
    await stage.until(lambda: any(task.stopped for task in stage.service().tasks))
    return (await stage.stopped_tasks())[0]


def runs(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def pids(stage) -> list[int]:
    return [
        instance.process.pid
        for service in stage.cloud.services.values()
        for running in service.platform._running.values()
        for instance in running
    ]


async def test_a_running_task_is_told_with_its_image_and_where_it_belongs(stage):
    service = await stage.create(configuration("BLUE_GREEN"))

    (arn,) = (await stage.call("list_tasks", cluster=CLUSTER, serviceName=NAME))["taskArns"]
    answer = await stage.call("describe_tasks", cluster=CLUSTER, tasks=[arn, "unknown"])

    (task,), (container,) = answer["tasks"], answer["tasks"][0]["containers"]
    assert answer["failures"] == [{"arn": "unknown", "reason": "MISSING"}]
    assert arn.startswith(f"arn:aws:ecs:eu-west-1:000000000000:task/{CLUSTER}/")
    assert (task["lastStatus"], task["desiredStatus"], task["group"]) == ("RUNNING", "RUNNING", f"service:{NAME}")
    assert task["taskDefinitionArn"] == service["taskDefinition"]
    assert task["startedBy"] == service["deployments"][0]["id"]
    assert task["startedBy"].startswith("ecs-svc/")
    assert (container["name"], container["image"], container["lastStatus"]) == ("web", "registry/shop:good", "RUNNING")
    assert container["imageDigest"] == f"sha256:{0:064x}"


async def test_a_task_has_the_environment_of_its_definition_and_the_name_of_its_revision(stage):
    await stage.create(configuration("BLUE_GREEN"))
    definition = await stage.register("better", GREETING=" hello")

    await stage.update(taskDefinition=definition)
    await stage.ended()

    assert await stage.answers(2) == {"shop:2 hello": 2}


async def test_a_task_that_crashes_is_told_with_its_exit_code_and_started_again(stage):
    await stage.create(configuration("BLUE_GREEN"))

    await stage.update("crash")
    task = await first_to_fail(stage)
    await stage.until(lambda: len(stage.service().latest.target.fleet.tasks) >= 3)

    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert (task["lastStatus"], task["desiredStatus"], task["containers"][0]["exitCode"]) == ("STOPPED", "STOPPED", 3)
    assert (await stage.deployment())["status"] == "IN_PROGRESS"
    assert await stage.answers(3) == {"shop:1": 3}


async def test_an_image_that_is_not_there_cannot_be_pulled(stage):
    await stage.create(configuration("BLUE_GREEN"))

    await stage.update("none")
    task = await first_to_fail(stage)

    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert task["stoppedReason"].endswith("registry/shop:none: not found")
    assert task["containers"][0]["reason"] == task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]
    assert "startedAt" not in task


async def test_a_task_that_never_answers_fails_the_load_balancer_s_checks(stage):
    await stage.create(configuration("BLUE_GREEN"))

    await stage.update("hang")
    task = await first_to_fail(stage)

    assert task["stopCode"] == "ServiceSchedulerInitiated"
    assert task["stoppedReason"] == f"Task failed ELB health checks in (target-group {stage.groups[1]})"
    assert "exitCode" not in task["containers"][0]
    assert any("is unhealthy in (target-group" in one["message"] for one in (await stage.told())["events"])


async def test_a_task_that_is_being_ended_when_it_is_no_longer_wanted_is_ended_all_the_same(stage):
    await stage.create(configuration("BLUE_GREEN"))
    old = pids(stage)
    await stage.update("stubborn")  # takes a second to end
    target = stage.service().latest.target.fleet
    await stage.until(lambda: len(pids(stage)) == 2)
    (pid,) = set(pids(stage)) - set(old)
    await stage.until(lambda: target.tasks[0].stopping)

    arn = (await stage.deployment())["serviceDeploymentArn"]
    await stage.call("stop_service_deployment", serviceDeploymentArn=arn)

    assert (await stage.ended())["status"] == "ROLLBACK_SUCCESSFUL"
    assert target.tasks[0].status == "STOPPED"
    assert not runs(pid)


async def test_a_task_that_dies_in_service_is_replaced(stage):
    await stage.create(configuration("BLUE_GREEN"))
    (before,) = pids(stage)

    stage.cloud.crash("shop:1")
    await stage.until(lambda: stage.service().current.fleet.healthy == 1 and pids(stage) not in ([before], []))

    assert await stage.answers(3) == {"shop:1": 3}
    (task,) = await stage.stopped_tasks()
    assert task["containers"][0]["exitCode"] == 137


async def test_a_task_that_falls_ill_in_service_is_replaced(stage):
    await stage.create(configuration("BLUE_GREEN"), tag="frail")
    fleet = stage.service().current.fleet

    assert await stage.ask_preview("ill") == 500
    await stage.until(lambda: fleet.failures_in_all == 1 and fleet.healthy == 1)

    (ill,) = await stage.stopped_tasks()
    assert ill["stoppedReason"] == f"Task failed ELB health checks in (target-group {stage.groups[0]})"
    assert await stage.ask_preview("") == 200


async def test_a_service_is_scaled_without_a_deployment(stage):
    await stage.create(configuration("BLUE_GREEN"))

    for count in (3, 1):
        await stage.update(desiredCount=count)
        await stage.until(lambda count=count: stage.service().current.fleet.healthy == count == len(pids(stage)))
        assert (await stage.told())["runningCount"] == count

    assert len(stage.service().deployments) == 1
    assert (await stage.stopped_tasks())[0]["stoppedReason"].startswith("Scaling activity initiated by (deployment")


async def test_what_happens_is_told_in_events_newest_first(stage):
    await stage.create(configuration("BLUE_GREEN"))

    await stage.update("better")
    await stage.ended()
    events = [event["message"] for event in (await stage.told())["events"]]

    (new,) = [task.id for task in stage.service().tasks if task.status == "RUNNING"]
    assert events[0] == f"(service {NAME}) has reached a steady state."
    assert f"(service {NAME}) has started 1 tasks: (task {new})." in events
    assert f"(service {NAME}) registered 1 targets in (target-group {stage.groups[1]})" in events
    assert f"(service {NAME}) has begun draining connections on 1 tasks." in events


async def test_what_a_task_wrote_is_kept(stage, tmp_path):
    await stage.create(configuration("BLUE_GREEN"))

    await stage.update("crash")
    await first_to_fail(stage)

    logs = sorted((tmp_path / CLUSTER / NAME).glob("shop:2-*.log"))
    assert logs[0].read_text() == "no database\n"


async def test_a_deleted_service_is_drained_and_its_name_is_free_again(stage):
    await stage.create(configuration("BLUE_GREEN"))
    await stage.update("hang")
    await stage.until(lambda: len(pids(stage)) == 2)
    started = pids(stage)

    assert (
        await stage.refused("delete_service", cluster=CLUSTER, service=NAME) == "InvalidParameterException"
    )  # it should have tasks
    await stage.call("delete_service", cluster=CLUSTER, service=NAME, force=True)
    await stage.until(lambda: stage.service().status == "INACTIVE")

    assert (await stage.told())["status"] == "INACTIVE"
    assert not any(runs(pid) for pid in started)
    assert (await stage.call("list_services", cluster=CLUSTER))["serviceArns"] == []
    code = await stage.refused("update_service", cluster=CLUSTER, service=NAME, desiredCount=2)
    assert code == "ServiceNotActiveException"
    await stage.create(configuration("BLUE_GREEN"))
    assert await stage.answers(2) == {"shop:3": 2}


async def test_nothing_outlives_the_cloud(tmp_path):
    async with staged(tmp_path) as stage:
        await stage.create(configuration("BLUE_GREEN"), desiredCount=2)
        await stage.update("hang")
        await stage.until(lambda: len(pids(stage)) == 4)
        started = pids(stage)
        before = asyncio.all_tasks()
    assert not any(runs(pid) for pid in started)
    assert not [task for task in before & asyncio.all_tasks() if "ecs" in repr(task.get_coro()) and not task.done()]
