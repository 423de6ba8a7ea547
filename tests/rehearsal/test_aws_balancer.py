"""Load balancers as their users and their targets meet them: health, weights, rules, draining."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest
from rehearsed import catalogue
from rehearsed_aws import forward, lab

from rehearsal.aws import Refusal
from rehearsal.backend import Backend
from rehearsal.platform import Platform
from rehearsal.splitter import Fault, Place

pytestmark = pytest.mark.anyio


@pytest.fixture
async def at():
    async with lab() as running:
        yield running


async def health(at, group: str) -> list[tuple[str, str]]:
    told = (await at.call("describe_target_health", TargetGroupArn=group))["TargetHealthDescriptions"]
    return sorted((one["TargetHealth"]["State"], one["TargetHealth"].get("Reason", "")) for one in told)


async def until_health(at, group: str, *wanted: tuple[str, str]) -> None:
    async with asyncio.timeout(10):
        while await health(at, group) != sorted(wanted):  # noqa: ASYNC110  looks are taken meanwhile
            await asyncio.sleep(0.01)


async def test_a_target_takes_requests_once_a_look_at_it_was_good(at):
    assert await at.read() == "503"
    server = await at.serve("shop:1", at.blue, status=503)
    assert (await health(at, at.blue))[0] == ("initial", "Elb.RegistrationInProgress")
    assert not at.balancer.all_healthy(at.blue, [server.backend])
    server.health["status"] = 200
    await at.healthy(at.blue, server)
    assert await at.read() == "shop:1"
    assert await health(at, at.blue) == [("healthy", "")]
    [described] = (await at.call("describe_target_health", TargetGroupArn=at.blue))["TargetHealthDescriptions"]
    assert described["Target"]["Port"] == server.backend.port


async def test_looks_ask_for_the_groups_path_and_take_its_codes():
    async with lab() as at:
        group = await at.group("picky", HealthCheckPath="/healthz?deep=1", Matcher={"HttpCode": "204,300-302"})
        await at.add_rule(1, {"Field": "path-pattern", "Values": ["/picky"]}, {group: 1})
        good, bad = await at.serve("a", group, status=301), await at.serve("b", group, status=200)
        await at.healthy(group, good)
        await until_health(at, group, ("healthy", ""), ("unhealthy", "Target.ResponseCodeMismatch"))
        assert {*good.asked, *bad.asked} == {"/healthz"}
        assert {await at.read("/picky") for _ in range(4)} == {"a"}
        told = (await at.call("describe_target_health", TargetGroupArn=group))["TargetHealthDescriptions"]
        assert "Health checks failed with these codes: [200]" in [
            one["TargetHealth"].get("Description") for one in told
        ]


async def test_an_unhealthy_target_is_left_out_until_enough_looks_were_good(at):
    one, two = await at.serve("one", at.blue, "shop:1"), await at.serve("two", at.blue, "shop:1")
    await at.healthy(at.blue, one, two)
    assert await at.seen(10) == {"one": 5, "two": 5}
    two.health["status"] = 500
    await until_health(at, at.blue, ("healthy", ""), ("unhealthy", "Target.ResponseCodeMismatch"))
    assert await at.seen(10) == {"one": 10}
    two.health["status"] = 200
    before = len(two.asked)
    await at.healthy(at.blue, one, two)
    assert len(two.asked) - before >= 5
    assert await at.seen(10) == {"one": 5, "two": 5}


async def test_where_all_targets_are_unhealthy_they_are_asked_all_the_same(at):
    one, two = await at.serve("one", at.blue, "shop:1"), await at.serve("two", at.blue, "shop:1")
    await at.healthy(at.blue, one, two)
    one.health["status"] = two.health["status"] = 500
    await until_health(at, at.blue, *[("unhealthy", "Target.ResponseCodeMismatch")] * 2)
    assert await at.seen(10) == {"one": 5, "two": 5}


async def test_real_processes_are_seen_to_come_and_to_die(at, tmp_path):
    platform = Platform(catalogue(), tmp_path)
    try:
        backends = await platform.launch("shop-1", "registry/shop:good", service="shop", instances=2)
        await at.balancer.register(at.blue, "shop:1", backends)
        await until_health(at, at.blue, ("healthy", ""), ("healthy", ""))
        assert at.balancer.all_healthy(at.blue, backends)
        assert await at.read() == "shop-1"
        platform.crash("shop-1")
        await until_health(at, at.blue, *[("unhealthy", "Target.FailedHealthChecks")] * 2)
        assert await at.read() == "502"
    finally:
        await platform.close()


async def test_what_answers_with_something_else_than_http_is_unhealthy(at):
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 100_000)
        with suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        backend = Backend("127.0.0.1", server.sockets[0].getsockname()[1])
        await at.balancer.register(at.blue, "shop:1", [backend])
        await until_health(at, at.blue, ("unhealthy", "Target.FailedHealthChecks"))
        await at.balancer.deregister(at.blue, [backend])


async def test_targets_of_a_group_that_no_rule_names_are_unused(at):
    group = await at.group("spare")
    server = await at.serve("shop:1", group)
    assert await health(at, group) == [("unused", "Target.NotInUse")]
    assert not at.balancer.all_healthy(group, [server.backend])
    await at.add_rule(1, {"Field": "path-pattern", "Values": ["/spare"]}, {group: 1})
    await at.healthy(group, server)


async def test_weights_are_what_users_see_and_follow_a_moment_later(at):
    await at.healthy(at.blue, await at.serve("shop:1", at.blue))
    await at.healthy(at.green, await at.serve("shop:2", at.green))
    assert await at.seen(20) == {"shop:1": 20}
    at.balancer.pace.traffic_lag_s = 0.4
    moving = asyncio.create_task(at.balancer.set_weights(at.rule, {at.blue: 90, at.green: 10}))
    await asyncio.sleep(0)
    assert at.balancer.weights(at.rule) == {at.blue: 90, at.green: 10}
    assert at.balancer.shares("main/shop") == {"shop:1": 100.0}
    await moving
    assert at.balancer.shares("main/shop") == {"shop:1": 90.0, "shop:2": 10.0}
    assert await at.seen(200) == {"shop:1": 180, "shop:2": 20}


async def test_a_change_by_the_api_is_told_at_once_and_seen_a_moment_later(at):
    await at.healthy(at.blue, await at.serve("shop:1", at.blue))
    await at.healthy(at.green, await at.serve("shop:2", at.green))
    at.balancer.pace.traffic_lag_s = 0.6
    wanted = forward({at.blue: 0, at.green: 999})
    [told] = (await at.call("modify_rule", RuleArn=at.rule, Actions=wanted))["Rules"]
    assert told["Actions"][0]["ForwardConfig"]["TargetGroups"] == wanted[0]["ForwardConfig"]["TargetGroups"]
    assert at.balancer.shares("main/shop") == {"shop:1": 100.0}
    async with asyncio.timeout(5):
        while await at.read() != "shop:2":  # noqa: ASYNC110  it comes into force meanwhile
            await asyncio.sleep(0.01)
    assert (await at.call("describe_rules", RuleArns=[at.rule]))["Rules"] == [told]


async def test_two_revisions_in_one_group_share_its_weight_by_their_targets(at):
    servers = [await at.serve(f"old{n}", at.blue, "shop:1") for n in range(3)]
    new, other = await at.serve("new", at.blue, "shop:2"), await at.serve("other", at.green, "shop:3")
    await at.healthy(at.blue, *servers, new)
    await at.healthy(at.green, other)
    await at.balancer.set_weights(at.rule, {at.blue: 50, at.green: 50})
    assert at.balancer.shares("main/shop") == {"shop:1": 37.5, "shop:2": 12.5, "shop:3": 50.0}
    assert await at.seen(80) == {"old0": 10, "old1": 10, "old2": 10, "new": 10, "other": 40}


async def test_what_goes_to_a_group_without_targets_fails_and_no_other_group_helps_out(at):
    await at.healthy(at.blue, await at.serve("shop:1", at.blue))
    await at.balancer.set_weights(at.rule, {at.blue: 90, at.green: 10})
    assert await at.seen(100) == {"shop:1": 90, "503": 10}
    assert at.balancer.tally.places[Place("main/shop", "public", "")].codes == {503: 10}


async def test_no_request_is_dropped_in_fifty_changes_under_load(at):
    await at.healthy(at.blue, await at.serve("shop:1", at.blue))
    await at.healthy(at.green, await at.serve("shop:2", at.green))
    over, seen = asyncio.Event(), Counter()

    async def visit() -> None:
        while not over.is_set():
            seen[await at.read()] += 1

    visitors = [asyncio.create_task(visit()) for _ in range(8)]
    for change in range(50):
        share = change * 37 % 101
        await at.call("modify_rule", RuleArn=at.rule, Actions=forward({at.blue: 100 - share, at.green: share}))
    over.set()
    await asyncio.gather(*visitors)
    assert set(seen) == {"shop:1", "shop:2"}
    counted = [counts.requests for place, counts in at.balancer.tally.places.items() if place.address == "public"]
    assert seen.total() == sum(counted)


async def test_a_target_that_leaves_ends_its_requests_and_gets_no_more(at):
    one, two = await at.serve("one", at.blue, "shop:1"), await at.serve("two", at.blue, "shop:1")
    await at.healthy(at.blue, one, two)
    two.health["wait"] = asyncio.Event()
    first = asyncio.create_task(at.read())
    second = asyncio.create_task(at.read())
    async with asyncio.timeout(5):
        while not first.done() and not second.done():  # noqa: ASYNC110  one of them is held back
            await asyncio.sleep(0.01)
    leaving = asyncio.create_task(at.balancer.deregister(at.blue, [two.backend]))
    await asyncio.sleep(0)
    assert ("draining", "Target.DeregistrationInProgress") in await health(at, at.blue)
    assert await at.seen(6) == {"one": 6}
    assert not leaving.done()
    two.health["wait"].set()
    await leaving
    assert sorted([await first, await second]) == ["one", "two"]
    assert await health(at, at.blue) == [("healthy", "")]


async def test_a_request_without_end_keeps_a_target_only_so_long(at):
    server = await at.serve("shop:1", at.blue)
    await at.healthy(at.blue, server)
    server.health["wait"] = asyncio.Event()
    stuck = asyncio.create_task(at.read())
    async with asyncio.timeout(5):
        while not at.balancer.tally.at(Place("main/shop", "public", "shop:1")).in_flight:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await at.balancer.deregister(at.blue, [server.backend])
    assert at.balancer.health(at.blue) == {}
    server.health["wait"].set()
    assert await stuck == "shop:1"


@pytest.mark.parametrize(
    ("condition", "path", "headers"),
    [
        (
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-P", "Values": ["gr*"]}},
            "/",
            {"x-p": "GREEN"},
        ),
        ({"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example"]}}, "/", {"Host": "shop.example:80"}),
        ({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/p?/*"]}}, "/pp/x", {}),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "p", "Value": "1"}]}}, "/?a=2&p=1", {}),
    ],
)
async def test_a_rule_in_front_takes_the_requests_that_meet_its_condition(at, condition, path, headers):
    await at.healthy(at.blue, await at.serve("shop:1", at.blue))
    rule = await at.add_rule(10, condition, {at.green: 1})
    await at.healthy(at.green, await at.serve("shop:2", at.green))
    at.balancer.claim(rule, "main/shop", "test")
    assert (await at.read(path, **headers), await at.read()) == ("shop:2", "shop:1")
    assert at.balancer.urls("main/shop") == {"public": at.url, "test": at.url}
    codes = {place: counts.codes for place, counts in at.balancer.tally.places.items() if place.revision}
    assert codes == {
        Place("main/shop", "public", "shop:1"): {200: 1},
        Place("main/shop", "test", "shop:2"): {200: 1},
    }
    await at.call("delete_rule", RuleArn=rule)
    assert await at.read(path, **headers) == "shop:1"


async def test_the_lowest_priority_is_asked_first_whatever_came_first(at):
    for number, name in ((30, "late"), (20, "early")):
        group = await at.group(name)
        await at.add_rule(number, {"Field": "path-pattern", "Values": ["/x"]}, {group: 1})
        await at.healthy(group, await at.serve(name, group))
    assert await at.read("/x") == "early"


async def test_the_default_action_answers_what_no_rule_takes_and_is_changed_through_the_listener(at):
    await at.healthy(at.blue, await at.serve("shop:1", at.blue))
    await at.call("delete_rule", RuleArn=at.rule)
    assert await at.read() == "nothing"
    await at.call("modify_listener", ListenerArn=at.listener, DefaultActions=forward({at.blue: 1}))
    async with asyncio.timeout(5):
        while await at.read() != "shop:1":  # noqa: ASYNC110  it comes into force meanwhile
            await asyncio.sleep(0.01)


async def test_a_cookie_keeps_a_client_where_the_rule_says_so(at):
    await at.healthy(at.blue, await at.serve("shop:1", at.blue))
    await at.healthy(at.green, await at.serve("shop:2", at.green))
    [action] = forward({at.blue: 1, at.green: 1})
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 60}
    await at.call("modify_rule", RuleArn=at.rule, Actions=[action])
    await at.balancer.set_weights(at.rule, {at.blue: 1, at.green: 1})
    async with at.browser.get(at.url) as answer:
        first = await answer.text()
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    at.browser.cookie_jar.clear()
    assert await at.seen(10, Cookie=cookie) == {first: 10}


async def test_a_fault_hurts_users_and_previews_only_where_it_is_meant_to(at):
    await at.healthy(at.blue, await at.serve("shop:1", at.blue))
    header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-P", "Values": ["1"]}}
    at.balancer.hurt("main/shop", "shop:1", Fault(error_share=1.0), previews=False)
    rule = await at.add_rule(10, header, {at.blue: 1})
    at.balancer.claim(rule, "main/shop", "test")
    assert (await at.read(), await at.read(**{"X-P": "1"})) == ("500", "shop:1")
    at.balancer.hurt("main/shop", "shop:1", Fault(error_share=1.0, status=502), previews=True)
    assert (await at.read(), await at.read(**{"X-P": "1"})) == ("502", "502")
    at.balancer.hurt("main/shop", "shop:1", None, previews=True)
    assert (await at.read(), await at.read(**{"X-P": "1"})) == ("shop:1", "shop:1")
    assert at.balancer.faults == {"main/shop": {}}


async def test_a_fault_that_crashes_is_passed_on_by_the_revisions_name(at):
    crashed = []
    at.balancer.on_crash = crashed.append
    await at.healthy(at.blue, await at.serve("shop:1", at.blue))
    at.balancer.hurt("main/shop", "shop:1", Fault(crash=True), previews=False)
    await at.read()
    assert crashed == ["shop:1"]


async def test_groups_and_rules_that_are_not_there_are_refused(at):
    for call in (at.balancer.register("arn:x", "shop:1", []), at.balancer.set_weights(f"{at.rule}0", {})):
        with pytest.raises(Refusal, match="not found"):
            await call
    with pytest.raises(Refusal, match="TargetGroupNotFound"):
        at.balancer.health("arn:x")
