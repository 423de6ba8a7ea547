"""ECS at its worst: Cancel at every call, long lists, gaps in the history, two owners, ways back that fail."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from commands.rehearsed_ecs import CLUSTER
from rehearsal.aws.refusal import Refusal
from rehearsal.ecs.shifting import Shifting
from surefoot.errors import Interfered, NotThere, Refused, RolledBack, StageFailed, TargetError
from surefoot.rollout import Plan, Step
from surefoot.traffic import Traffic
from tasks.deploy import may_be_ours, settle

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["ecs"])]

campaign = pytest.mark.campaign
CANARY = Plan((Step(10, 0.0), Step(100, 0.0)))


async def staged(target, world, version="1.1.0", **mark):
    release, before = world.release(version), await target.live()
    live = await target.stage(release, world.mark(before, release, **mark), before)
    return release.revision_name(world.service), before, live


async def promoted(target, world, version, **mark):
    """Bring a release all the way, and return what is seen then."""
    canary, _, live = await staged(target, world, version, **mark)
    live = await target.shift(Traffic.all_on(canary), live.mark, live)
    return await target.shift(Traffic.all_on(canary), None, live)


async def until(world, *statuses):
    async with asyncio.timeout(20):
        while (await world.newest())["status"] not in statuses:  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.02)


def told_service(world):
    """Return the service inside the rehearsal."""
    return next(one for one in world.rehearsal.aws.ecs.account.services.values() if one.name == world.service)


# Cancel


async def climb(target, world, before):
    """Stage, ten percent, all, and the end."""
    release = world.release("1.1.0")
    canary, mark = release.revision_name(world.service), world.mark(before, release)
    live = await target.stage(release, mark, before)
    live = await target.shift(before.traffic.toward(canary, 10), replace(mark, percent=10), live)
    return await target.shift(before.traffic, None, live)


async def cancelled_at(world, number):
    """Cancel the climb at its call `number`; return what was before and whether it came so far."""
    calls, climbing = [], None

    def on_call(what):
        calls.append(what)
        if climbing is not None and len(calls) - already == number:
            climbing.cancel()

    async with world.target(on_call) as target:
        before = await target.live()
        already = len(calls)
        climbing = asyncio.create_task(climb(target, world, before))
        await asyncio.wait({climbing})
        return before, climbing.cancelled()


async def assert_way_back(world, before):
    ours = may_be_ours(before.traffic, world.release("1.1.0").revision_name(world.service), 100)
    async with world.target() as target:
        back = await settle(target, before.traffic, "r-1", ours)

    assert (back.traffic, back.mark) == (before.traffic, None)
    await until(world, "SUCCESSFUL", "ROLLBACK_SUCCESSFUL")
    assert await world.answers_as(back.url) == world.stable
    assert await world.revisions() <= 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [9, 17, 25, 33])
async def test_a_cancel_at_some_call_leaves_a_way_back(make_world, number):
    world = await make_world(CANARY)
    before, _ = await cancelled_at(world, number)
    await assert_way_back(world, before)


@campaign
@pytest.mark.timeout(1200)
async def test_a_cancel_at_every_call_leaves_a_way_back(make_world):
    for number in range(1, 400):
        world = await make_world(CANARY)
        before, met = await cancelled_at(world, number)
        if not met:
            assert number > 20, "the climb has calls"
            return
        await assert_way_back(world, before)
    raise AssertionError("the climb never runs out of calls")


# What AWS tells slowly, late or in pages


def answer_with(world, operation, wrap):
    """Let an operation's answer pass through `wrap(params, answer)`."""
    front = world.rehearsal.aws.front
    api = "ecs" if operation in front.ecs else "elb"
    handlers = getattr(front, api)
    real = handlers[operation]

    async def wrapped(params, caller):
        return wrap(params, await real(params, caller))

    setattr(front, api, {**handlers, operation: wrapped})


def in_pages(size):
    """Return a wrap that gives the rules in pages, as Elastic Load Balancing does."""

    def page(params, answer):
        start = int(params.get("Marker") or 0)
        told = {"Rules": answer["Rules"][start : start + size]}
        return told | ({"NextMarker": str(start + size)} if start + size < len(answer["Rules"]) else {})

    return page


async def test_a_history_longer_than_a_page_whose_order_is_not_promised_is_read_to_its_end(make_world):
    world = await make_world(CANARY)
    inside = told_service(world)
    first = inside.deployments[0]
    old = [replace(first, arn=f"{first.arn}{n}", created=first.created - timedelta(days=n + 1)) for n in range(230)]
    inside.deployments[:0] = reversed(old)
    real = world.rehearsal.aws.front.ecs["ListServiceDeployments"]

    async def oldest_first(params, caller):
        start = int(params.pop("nextToken", 0))
        pages = [await real({**params, "maxResults": 100}, caller)]
        while token := pages[-1].get("nextToken"):
            pages.append(await real({**params, "maxResults": 100, "nextToken": token}, caller))
        every = [one for page in pages for one in page["serviceDeployments"]][::-1]
        told = {"serviceDeployments": every[start : start + 100]}
        return told | ({"nextToken": str(start + 100)} if start + 100 < len(every) else {})

    world.rehearsal.aws.front.ecs = {**world.rehearsal.aws.front.ecs, "ListServiceDeployments": oldest_first}
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        back = await target.shift(before.traffic, None, live)

    assert live.revisions[canary].preview
    assert back.traffic == before.traffic


async def test_a_listener_with_a_hundred_rules_of_others_is_read_to_its_end(make_world):
    world = await make_world(CANARY)
    listener = world.found.production_rule.rpartition("/")[0].replace(":listener-rule/", ":listener/")
    group = world.found.groups[0]
    for number in range(90):
        condition = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-app", "Values": [f"{number}"]}}
        actions = [{"Type": "forward", "TargetGroupArn": group}]
        told = {"ListenerArn": listener, "Priority": 1000 + number, "Conditions": [condition], "Actions": actions}
        await world.ask("CreateRule", **told)
    answer_with(world, "DescribeRules", in_pages(7))
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)

    assert live.traffic.percent(canary) == 10
    assert await world.answers_as(live.revisions[canary].preview) == canary


async def test_weights_that_are_read_late_are_not_taken_for_somebodys_nor_for_ours(make_world):
    world = await make_world(CANARY)
    asked, moment = [], asyncio.get_running_loop().time

    def late(params, answer):
        """Return what was true 0.15 s ago."""
        asked.append((moment(), answer))
        return next((old for at, old in reversed(asked) if at < moment() - 0.15), asked[0][1])

    answer_with(world, "DescribeRules", late)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        assert (await world.newest())["targetServiceRevision"]["requestedProductionTrafficWeight"] == 10
        live = await target.shift(Traffic.all_on(canary), live.mark, live)
        live = await target.shift(Traffic.all_on(canary), None, live)
        back = await target.shift(before.traffic, None, live)

    assert back.traffic == before.traffic


@campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("delay_s", [1.0, 3.0])
async def test_an_api_that_takes_seconds_for_each_call_only_takes_longer(make_world, delay_s):
    world = await make_world(CANARY, change_within="300s")
    world.arm(delay_s=delay_s, times=10**6)
    async with world.target() as target:
        before = await target.live()
        after = await climb(target, world, before)

    assert (after.traffic, after.mark) == (before.traffic, None)


# The history has gaps, and others write in it


async def test_other_peoples_newer_task_definitions_change_nothing_of_ours(make_world):
    world = await make_world(CANARY)
    container = {"name": "shop", "image": "theirs@sha256:" + "1" * 64, "essential": True}
    async with world.target() as target:
        for _ in range(12):
            await world.ask("RegisterTaskDefinition", family=world.service, containerDefinitions=[container])
        canary, _, _ = await staged(target, world)
        for _ in range(12):
            await world.ask("RegisterTaskDefinition", family=world.service, containerDefinitions=[container])
        _, _, again = await staged(target, world)

    assert await world.revisions() == 2
    assert again.revisions[canary].image == str(world.release("1.1.0").image)
    assert await world.answers_as(again.revisions[canary].preview) == canary


@pytest.mark.slow
async def test_a_release_that_comes_again_is_made_of_what_is_live_now(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        await target.shift(before.traffic, None, live)
        told = (await world.ask("DescribeTaskDefinition", taskDefinition=world.stable))["taskDefinition"]
        told["containerDefinitions"][0]["environment"] = [{"name": "LIMIT", "value": "2"}]
        kept = {key: told[key] for key in ("family", "containerDefinitions", "networkMode", "cpu", "memory")}
        made = (await world.ask("RegisterTaskDefinition", **kept))["taskDefinition"]["taskDefinitionArn"]
        at_once = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": []}
        where = {"cluster": CLUSTER, "service": world.service}
        await world.ask("UpdateService", **where, taskDefinition=made, deploymentConfiguration=at_once)
        await until(world, "SUCCESSFUL")
        await staged(target, world)
        service = (await world.ask("DescribeServices", cluster=CLUSTER, services=[world.service]))["services"][0]
        asked = {"taskDefinition": service["taskDefinition"]}
        definition = (await world.ask("DescribeTaskDefinition", **asked))["taskDefinition"]

    assert definition["containerDefinitions"][0]["environment"] == [{"name": "LIMIT", "value": "2"}]
    assert definition["containerDefinitions"][0]["image"] == str(world.release("1.1.0").image)
    assert await world.called(asked["taskDefinition"]) == canary


@pytest.mark.slow
async def test_the_same_release_comes_again_after_it_was_promoted_and_gone_back_from(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        before = await target.live()
        first = await promoted(target, world, "1.1.0")
        back = await target.shift(before.traffic, None, first)
        again = await promoted(target, world, "1.1.0", rollout="r-2", fence=2)

    assert back.traffic == before.traffic
    assert (again.traffic, again.mark) == (first.traffic, None)
    assert await world.answers_as(again.url) == again.traffic.main
    assert list(again.revisions) == [again.traffic.main, world.stable]
    assert list(back.revisions) == [again.traffic.main, world.stable]


async def test_a_release_of_the_image_that_is_live_already_is_a_release_of_its_own(make_world):
    world = await make_world(CANARY)
    release = replace(world.release("1.0.0"), version="1.0.1", commit="77777777")
    canary = release.revision_name(world.service)
    async with world.target() as target:
        before = await target.live()
        live = await target.stage(release, world.mark(before, release), before)
        live = await target.shift(Traffic.all_on(canary), live.mark, live)
        live = await target.shift(Traffic.all_on(canary), None, live)

    assert live.traffic == Traffic.all_on(canary)
    assert await world.answers_as(live.url) == canary


async def test_a_way_back_whose_task_definition_was_deregistered_says_so_and_nothing_is_begun(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        await promoted(target, world, "1.1.0")
    await world.ask("DeregisterTaskDefinition", taskDefinition=world.stable)
    async with world.target() as target:
        live = await target.live()
        with pytest.raises(Refused, match=f"cannot start {world.stable} again: its task definition was deregistered"):
            await target.shift(Traffic.all_on(world.stable), None, live)

    assert not live.revisions[world.stable].ready
    assert live.revisions[world.stable].reason == "its task definition was deregistered"
    assert await world.revisions() == 2


async def test_what_serves_goes_on_being_a_way_back_though_its_task_definition_was_deregistered(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        await world.ask("DeregisterTaskDefinition", taskDefinition=world.stable)
    async with world.target() as target:
        back = await target.shift(before.traffic, None, await target.live())

    assert (back.traffic, back.mark) == (before.traffic, None)


@pytest.mark.slow
async def test_a_task_definition_that_was_deleted_is_only_missing_from_the_ways_back(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        await promoted(target, world, "1.1.0")
    await world.ask("DeregisterTaskDefinition", taskDefinition=world.stable)
    front = world.rehearsal.aws.front
    real = front.ecs["DescribeTaskDefinition"]

    async def without(params, caller):
        if params["taskDefinition"].endswith(f"/{world.stable}"):
            raise Refusal("ClientException", "Unable to describe task definition.")
        return await real(params, caller)

    front.ecs = {**front.ecs, "DescribeTaskDefinition": without}
    async with world.target() as target:
        live = await target.live()
        canary, _, after = await staged(target, world, "1.2.0", rollout="r-2")

    assert live.revisions[world.stable].reason == "its task definition was deleted"
    assert after.revisions[canary].ready


# Somebody else, and nobody


async def test_an_owner_that_was_overtaken_in_the_middle_says_no_further_word(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        tags = {"resourceArn": told_service(world).arn, "tags": [{"key": "surefoot:fence", "value": "9"}]}
        for method, after in (("DescribeServices", 1), ("TagResource", 0)):
            world.arm(on=method, after=after, writer="priya", writer_action="TagResource", writer_params=tags)
        with pytest.raises(Interfered, match=r"overtaken: its fence is 1, and a newer owner has written here with 9"):
            await target.shift(before.traffic.toward(canary, 10), replace(live.mark, percent=10), live)
        world.disarm()
        after = await target.live()

    assert after.traffic == before.traffic
    assert "surefoot:fence=9" in after.version


async def test_the_mark_of_a_rollout_that_nobody_ended_gives_way_to_a_newer_fence_only(make_world):
    world = await make_world(CANARY)
    release = world.release("1.1.0")
    async with world.target() as target:
        before = await target.live()
        left = world.mark(before, world.release("1.2.0"), rollout="r-0", fence=5)
        left_live = await target.shift(before.traffic, left, before)
        with pytest.raises(Interfered, match="overtaken"):
            await target.stage(release, world.mark(before, release, fence=4), left_live)
        live = await target.stage(release, world.mark(before, release, fence=6), left_live)

    assert left_live.mark == left
    assert (live.mark.rollout, live.mark.fence) == ("r-1", 6)


@pytest.mark.slow
async def test_a_deployment_of_the_release_that_would_not_wait_is_put_back(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        definition = (await world.ask("DescribeServices", cluster=CLUSTER, services=[world.service]))["services"][0]
        back = await target.shift(before.traffic, None, live)
        world.slow_down(traffic_lag_s=2)
        at_once = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": []}
        where = {"cluster": CLUSTER, "service": world.service, "taskDefinition": definition["taskDefinition"]}
        await world.ask("UpdateService", "priya", **where, deploymentConfiguration=at_once)
        with pytest.raises(StageFailed, match="has no pauses of ours, so nothing would wait"):
            await target.stage(world.release("1.1.0"), world.mark(before, world.release("1.1.0")), back)
        after = await target.live()

    assert after.traffic.percent(canary) == 0


async def test_a_service_that_is_to_run_nothing_is_not_released_to(make_world):
    world = await make_world(CANARY)
    await world.ask("UpdateService", cluster=CLUSTER, service=world.service, desiredCount=0)
    async with world.target() as target:
        with pytest.raises(Refused, match=r"to run no task \(desiredCount 0\)"):
            await staged(target, world)

    assert await world.revisions() == 1
    assert len((await world.ask("ListTaskDefinitions", familyPrefix=world.service))["taskDefinitionArns"]) == 1


async def test_a_service_that_is_deleted_in_the_middle_ends_every_verb_at_once(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        await world.ask("DeleteService", cluster=CLUSTER, service=world.service, force=True)
        for wanted, mark in ((before.traffic.toward(canary, 10), live.mark), (before.traffic, None)):
            with pytest.raises(NotThere, match=r"is (DRAINING|INACTIVE): somebody has deleted it"):
                await target.shift(wanted, mark, live)
        with pytest.raises(NotThere, match="somebody has deleted it"):
            await target.live()


async def test_tags_that_somebody_damaged_stop_nobody_from_climbing_on_and_going_back(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        mark, arn = live.mark, told_service(world).arn
        await world.ask("TagResource", resourceArn=arn, tags=[{"key": "surefoot:until", "value": "noon"}])
        damaged = await target.live()
        live = await target.shift(before.traffic.toward(canary, 10), mark, damaged)
        await world.ask("TagResource", resourceArn=arn, tags=[{"key": "surefoot:stable", "value": ""}])
        back = await target.shift(before.traffic, None, await target.live())

    assert damaged.mark is None
    assert live.mark == mark
    assert (back.traffic, back.mark) == (before.traffic, None)


async def test_after_a_deployment_that_somebody_stopped_the_next_is_made_of_what_serves(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        _, before, live = await staged(target, world)
        told = {"serviceDeploymentArn": (await world.newest())["serviceDeploymentArn"], "stopType": "ABORT"}
        await world.ask("StopServiceDeployment", "priya", **told)
        await until(world, "STOPPED")
        live = await target.shift(before.traffic, None, await target.live())
        await staged(target, world, "1.2.0", rollout="r-2")
    told = {"cluster": CLUSTER, "services": [world.service]}
    definition = (await world.ask("DescribeServices", **told))["services"][0]["taskDefinition"]
    made = await world.ask("DescribeTaskDefinition", taskDefinition=definition, include=["TAGS"])

    assert live.mark is None
    assert {"key": "surefoot:from", "value": world.stable} in made["tags"]


async def test_the_mark_of_a_newer_rollout_is_not_taken_away_with_an_older_ones(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        _, before, live = await staged(target, world)
        params = {"resourceArn": told_service(world).arn, "tags": [{"key": "surefoot:rollout", "value": "r-9"}]}
        theirs = {"writer": "priya", "writer_action": "TagResource", "writer_params": params}
        world.arm("busy", on="UntagResource", **theirs)
        after = await target.shift(before.traffic, None, live)

    assert after.mark.rollout == "r-9"


async def test_of_two_owners_that_stage_two_releases_at_once_at_most_one_is_staged_and_no_user_moves(make_world):
    world = await make_world(CANARY)
    async with world.target() as one, world.target() as other:
        before = await one.live()
        first, second = world.release("1.1.0"), world.release("1.2.0")
        results = await asyncio.gather(
            one.stage(first, world.mark(before, first, rollout="r-1", fence=1), before),
            other.stage(second, world.mark(before, second, rollout="r-2", fence=2), before),
            return_exceptions=True,
        )
        after = await one.live()

    assert after.traffic == before.traffic
    staged_well = [result for result in results if not isinstance(result, BaseException)]
    assert len(staged_well) <= 1
    assert all(isinstance(result, TargetError) for result in results if result not in staged_well)
    assert after.mark.rollout == "r-2"


@pytest.mark.slow
async def test_an_operator_goes_to_an_older_revision_in_the_middle_of_a_climb_that_is_never_finished(make_world):
    world = await make_world(CANARY)
    async with world.target() as target, world.target() as operator:
        middle = (await promoted(target, world, "1.1.0")).traffic
        canary, before, live = await staged(target, world, "1.2.0", rollout="r-2", fence=2)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        world.slow_down(traffic_lag_s=0.3)
        climbing = asyncio.create_task(target.shift(Traffic.all_on(canary), live.mark, live))
        await world.until_written(world.writes() + 1)
        older = await operator.shift(Traffic.all_on(world.stable), None, await operator.live())
        (problem,) = await asyncio.gather(climbing, return_exceptions=True)

    assert middle == before.traffic
    assert (older.traffic, older.mark, older.settled) == (Traffic.all_on(world.stable), None, True)
    assert isinstance(problem, TargetError), problem
    assert await world.answers_as(older.url) == world.stable


async def test_a_release_that_cannot_start_is_given_up_though_its_tasks_are_told_in_pages(make_world):
    world = await make_world(CANARY)
    real = world.rehearsal.aws.front.ecs["ListTasks"]

    async def one_by_one(params, caller):
        return await real({**params, "maxResults": 1}, caller)

    world.rehearsal.aws.front.ecs = {**world.rehearsal.aws.front.ecs, "ListTasks": one_by_one}
    async with world.target() as target:
        with pytest.raises(StageFailed, match="exited with code 3"):
            await staged(target, world, "1.3.0-crash")


# ECS by itself


async def alarm(world):
    """Do what an alarm does, by the same way inside ECS."""
    told = {"serviceDeploymentArn": (await world.newest())["serviceDeploymentArn"], "stopType": "ROLLBACK"}
    await world.ask("StopServiceDeployment", "alarm", **told)


@pytest.mark.slow
async def test_until_users_are_back_it_is_not_told_as_put_back_and_the_way_back_waits_for_it(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        world.slow_down(traffic_lag_s=1)
        await alarm(world)
        going = await target.live()
        back = await settle(target, before.traffic, "r-1", may_be_ours(before.traffic, canary, 10))

    assert (going.undone, going.traffic.percent(canary), going.settled) == ("", 10, False)
    assert (back.traffic, back.mark) == (before.traffic, None)


async def test_a_way_forward_while_ecs_goes_back_by_itself_is_told_with_awss_reason(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        world.slow_down(traffic_lag_s=0.3)
        await alarm(world)
        with pytest.raises(RolledBack, match="ECS has put it back by itself: Service deployment rolled back"):
            await target.shift(Traffic.all_on(canary), live.mark, live)


@pytest.mark.parametrize("percent", [0, 10])
async def test_a_way_back_of_ecss_that_failed_is_never_told_as_put_back_and_ours_begins_anew(
    make_world, monkeypatch, percent
):
    world = await make_world(CANARY)

    async def fail(_):
        raise Refusal("TargetGroupNotFound", "the group is gone")

    async with world.target() as target:
        canary, before, live = await staged(target, world)
        if percent:
            live = await target.shift(before.traffic.toward(canary, percent), live.mark, live)
        with monkeypatch.context() as patched:
            patched.setattr(Shifting, "back", fail)
            await alarm(world)
            await until(world, "ROLLBACK_FAILED")
        failed = await target.live()
        with pytest.raises(
            Refused, match=r"tried to put .* back by itself, and could not: The rollback failed"
        ) as told:
            await target.shift(Traffic.all_on(canary), live.mark, live)
        back = await settle(target, before.traffic, "r-1", may_be_ours(before.traffic, canary, percent))

    assert failed.undone == ""
    assert not isinstance(told.value, RolledBack)
    assert (back.traffic, back.mark, (await world.newest())["status"]) == (before.traffic, None, "SUCCESSFUL")
    assert await world.answers_as(back.url) == world.stable


@pytest.mark.slow
async def test_a_pause_that_runs_out_while_our_word_is_on_its_way_was_answered_by_nobody(make_world):
    world = await make_world(CANARY, hook_timeout="2m")
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        world.arm(on="ContinueServiceDeployment", delay_s=1.5)
        with pytest.raises(RolledBack, match="timed out"):
            await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        after = await target.live()

    assert after.traffic == before.traffic


async def test_a_way_back_whose_pause_takes_no_word_is_gone_by_stopping(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        world.arm("invalid", on="ContinueServiceDeployment", times=10**6)
        back = await target.shift(before.traffic, None, live)

    assert (back.traffic, back.mark) == (before.traffic, None)


async def test_nothing_secret_is_said_or_logged(make_world, caplog):
    world = await make_world(CANARY)
    container = {"name": "shop", "image": str(world.release("1.0.0").image), "portMappings": [{"containerPort": 8080}]}
    container["environment"] = [{"name": "PASSWORD", "value": "hunter2"}]
    made = await world.ask("RegisterTaskDefinition", family=world.service, containerDefinitions=[container])
    where = {"cluster": CLUSTER, "service": world.service}
    at_once = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": []}
    definition = made["taskDefinition"]["taskDefinitionArn"]
    await world.ask("UpdateService", **where, taskDefinition=definition, deploymentConfiguration=at_once)
    await until(world, "SUCCESSFUL")
    calls = []
    async with world.target(calls.append) as target:
        world.arm("forbidden", on="RegisterTaskDefinition")
        with pytest.raises(TargetError) as told:
            await staged(target, world)

    assert not any(logging.getLogger(name).isEnabledFor(logging.DEBUG) for name in ("botocore", "boto3", "urllib3"))
    assert "hunter2" not in f"{told.value!r} {calls} {caplog.text}"
    assert "rehearsal" not in str(told.value).lower().replace("rehearsed", "")
