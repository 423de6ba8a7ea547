"""Users' requests of target groups, asked for by the vendor's own client at a rehearsed CloudWatch."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from passing_time import NOON, Clock, blindness

from rehearsal.aws import Front
from rehearsal.aws.metrics import Metrics
from rehearsal.faults import AwsFault
from rehearsal.meter import Meter, Minute
from surefoot.release import Revision
from surefoot.rollout import Plan, Step
from surefoot.service import Environment, Place, VitalsRule
from tasks.targets import ecs
from tasks.vitals import connect, plan_problem
from tasks.vitals.aggregated import Aggregated
from tasks.vitals.cloudwatch.platform import CloudWatch

BALANCER, BLUE, GREEN = "app/shop/9", "targetgroup/shop-blue/1", "targetgroup/shop-green/2"
STABLE, CANARY = (
    Revision(name, "", ready=True, labels={"load_balancer": BALANCER, "target_group": group})
    for name, group in (("shop:1", BLUE), ("shop:2", GREEN))
)


def target(url):
    return {"region": "eu-west-1", "cluster": "main", "service": "shop", "endpoint": url}


def metered(**groups):
    """Return a meter of (minute, codes, lengths in ms, failed connections), by group."""
    meter = Meter()
    for group, minutes in groups.items():
        for number, codes, lengths, *failed in minutes:
            seconds = tuple((length / 1000, count) for length, count in lengths.items())
            key = (BALANCER, {"blue": BLUE, "green": GREEN}[group])
            meter.add(key, Minute(NOON + 60 * number, codes, seconds, sum(failed)))
    return meter


def usual():
    return metered(
        blue=[(0, {200: 90, 404: 6, 503: 4}, {20: 90, 150: 10}), (1, {200: 100}, {20: 100})],
        green=[(0, {200: 10}, {30: 10}), (1, {200: 8, 500: 2}, {30: 10}, 3)],
    )


@asynccontextmanager
async def watching(meter, *, answer_s=10.0, **more):
    clock = Clock()
    metrics = Metrics(meter, clock=clock, **more)
    front = Front({}, {}, cloudwatch=metrics.handlers)
    async with front.serve() as url:
        platform = CloudWatch(ecs.Settings(**target(url)))
        source = Aggregated(platform, 180.0, clock=clock, sleep=clock.sleep, answer_s=answer_s)
        try:
            yield SimpleNamespace(front=front, metrics=metrics, clock=clock, source=source)
        finally:
            await source.close()


def looked(meter, *, seconds=10.0, number=1, faults=(), **more):
    async def story():
        async with watching(meter, **more) as at:
            for fault in faults:
                at.front.faults.add(fault)
            return [await at.source.look(STABLE, CANARY, seconds) for _ in range(number)], at

    return asyncio.run(story())


def blind(meter=None, **more):
    """Return why a look at it is blind."""
    ((look,), _) = looked(meter or usual(), **more)
    return blindness(look)


def test_both_groups_are_seen_over_the_same_minute():
    ((look,), at) = looked(usual())

    assert at.clock.now == NOON + 60 + 180
    assert (look.stable.requests, look.stable.errors, look.stable.seconds) == (100, 4, 60)
    assert look.stable.classes == (("4xx", 6), ("5xx", 4))
    assert (look.canary.requests, look.canary.errors, look.canary.classes) == (10, 0, ())
    assert look.share == pytest.approx(10 / 110)
    # The middles of our buckets, each a sixth above the one before.
    assert look.stable.latency_ms.quantile(0.5) == pytest.approx(20, rel=0.08)
    assert look.stable.latency_ms.quantile(0.95) == pytest.approx(150, rel=0.08)
    assert look.canary.latency_ms.quantile(0.5) == pytest.approx(30, rel=0.08)


def test_the_next_look_goes_on_where_the_last_one_ended_and_failed_connections_are_errors():
    ((first, second), _) = looked(usual(), number=2)

    assert (first.stable.requests, second.stable.requests) == (100, 100)
    assert (first.canary.errors, second.canary.requests, second.canary.errors) == (0, 13, 5)
    assert second.canary.classes == (("connection", 3), ("5xx", 2))
    assert second.canary.latency_ms.total == 10


def test_several_whole_minutes_are_one_look():
    ((look,), _) = looked(usual(), seconds=330.0)

    assert (look.stable.requests, look.canary.requests, look.canary.errors, look.stable.seconds) == (200, 23, 5, 120)


def test_what_is_asked_for_as_it_arrives():
    _, at = looked(usual())
    [asked] = at.metrics.asked
    queries = {query["Id"]: query["MetricStat"] for query in asked["MetricDataQueries"]}
    dimensions = [{"Name": "LoadBalancer", "Value": BALANCER}, {"Name": "TargetGroup", "Value": BLUE}]

    assert (asked["StartTime"], asked["EndTime"], asked["ScanBy"]) == (NOON, NOON + 60, "TimestampAscending")
    assert set(asked) == {"MetricDataQueries", "StartTime", "EndTime", "ScanBy"}
    assert queries["stable_requests"] == {
        "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount", "Dimensions": dimensions},
        "Period": 60,
        "Stat": "Sum",
    }
    sums = {name: stat["Metric"]["MetricName"] for name, stat in queries.items() if stat["Stat"] == "Sum"}
    assert {name: metric for name, metric in sums.items() if name.startswith("canary_")} == {
        "canary_requests": "RequestCount",
        "canary_5xx": "HTTPCode_Target_5XX_Count",
        "canary_4xx": "HTTPCode_Target_4XX_Count",
        "canary_connection": "TargetConnectionErrorCount",
    }
    timed = [stat for name, stat in queries.items() if name not in sums]
    assert {(stat["Metric"]["MetricName"], stat["Stat"][:3], stat["Period"]) for stat in timed} == {
        ("TargetResponseTime", "TC(", 60)
    }
    assert {stat["Metric"]["Dimensions"][1]["Value"] for stat in timed} == {BLUE, GREEN}
    [call] = at.front.journal.of("GetMetricData")
    assert (call.api, call.code, "surefoot" in call.agent) == ("cloudwatch", "OK", True)


def test_minutes_that_are_late_are_waited_for_and_none_of_them_is_lost():
    ((first, second), _) = looked(usual(), number=2, seconds=60.0, lag_s=240.0)

    assert first.stable.blind == "no numbers yet, of neither revision"
    assert (second.stable.requests, second.stable.seconds, second.stable.blind) == (100, 120, "")


def test_a_group_that_nobody_asked_is_no_request_beside_one_that_was():
    ((look,), _) = looked(metered(blue=[(0, {200: 50}, {20: 50})]))

    assert (look.stable.requests, look.canary.requests, look.canary.blind, look.share) == (50, 0, "", 0)


def test_pages_are_followed():
    ((look,), at) = looked(usual(), seconds=330.0, page=100)

    assert (look.stable.requests, look.stable.latency_ms.total, look.canary.errors) == (200, 200, 5)
    assert [asked.get("NextToken") for asked in at.metrics.asked] == [None, "100", "200", "300"]
    assert len({str(asked["MetricDataQueries"]) for asked in at.metrics.asked}) == 1


def test_pages_without_end_are_given_up():
    assert blind(page=1) == "CloudWatch's answer has more than 20 pages"


GRANT = "grant it: infra/aws/permissions.json lists all that is needed"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AccessDenied", f"not allowed to call cloudwatch:GetMetricData; {GRANT}"),
        ("ThrottlingException", "throttled"),
        ("Throttling", "throttled"),
        ("LimitExceededException", "throttled"),
        ("ExpiredTokenException", "the session has expired; log in: aws sso login"),
        ("UnrecognizedClientException", "the credentials are not known; log in: aws sso login"),
        ("InternalServiceFault", "InternalServiceFault"),
        ("ServiceUnavailable", "ServiceUnavailable"),
    ],
)
def test_a_refusal_blinds_both_sides_and_says_what_to_do(code, told):
    fault = AwsFault(code=code, message="arn:aws:sts::1234:assumed-role/theirs")

    assert blind(faults=[fault]) == f"CloudWatch: {told}"


def test_after_a_refusal_nothing_is_lost():
    fault = AwsFault(code="Throttling")
    ((first, second), _) = looked(usual(), number=2, seconds=60.0, faults=[fault])

    assert first.stable.blind == "CloudWatch: throttled"
    assert (second.stable.requests, second.canary.requests, second.stable.seconds) == (200, 23, 120)


def test_a_connection_that_is_cut_is_no_exception():
    assert blind(faults=[AwsFault(cut=True)]) == "CloudWatch: out of reach"


def test_a_slow_answer_is_given_up():
    assert blind(faults=[AwsFault(delay_s=0.5)], answer_s=0.1) == "no answer within 0.1 s"


@pytest.mark.parametrize("status", ["InternalError", "PartialData"])
def test_an_answer_that_is_not_whole_is_not_used(status):
    told = blind(status={"TargetResponseTime": status})

    assert told == f"CloudWatch's answer is not whole: stable_0 {status} (148 of 156)"


def test_an_answer_that_says_what_is_left_out_is_not_used():
    told = blind(messages=(("MaxMetricsExceeded", "The maximum number of metrics was exceeded."),))

    assert told == "CloudWatch says MaxMetricsExceeded: The maximum number of metrics was exceeded."


def test_requests_that_no_target_answered_are_not_guessed_at():
    """A target that hangs: the load balancer's own 504 is counted for no group, so what became of them is not known."""
    meter = metered(blue=[(0, {200: 100}, {20: 100})])
    meter.add((BALANCER, GREEN), Minute(NOON, {200: 40}, ((0.02, 40),), unanswered=60))

    assert blind(meter) == "contradicts itself: 40 latencies of 100 requests of canary"


def test_a_revision_without_a_target_group_is_not_asked_about():
    async def story():
        async with watching(usual()) as at:
            look = await at.source.look(STABLE, Revision("shop:2", "", ready=True), 10.0)
            return look, at.metrics.asked

    look, asked = asyncio.run(story())

    assert look.stable.blind == "canary (shop:2) is in no target group of a load balancer, so nothing counts it"
    assert asked == []


def environment(watch_s=600.0, **settings):
    plan = Plan((Step(10, watch_s), Step(100, 0.0)))
    vitals = VitalsRule("cloudwatch", {key: str(value) for key, value in settings.items()})
    return Environment("shop", "production", Place("ecs", target("http://127.0.0.1:1")), plan, vitals=vitals)


def test_the_registry_connects_it_with_what_the_target_says():
    async def story():
        source = connect(environment(lag="2m"))
        try:
            return source.lag_s, source.shortest_s, source._platform._client.meta
        finally:
            await source.close()

    lag_s, shortest_s, meta = asyncio.run(story())

    assert (lag_s, shortest_s) == (120.0, 60.0)
    assert (meta.region_name, meta.endpoint_url) == ("eu-west-1", "http://127.0.0.1:1")


def test_nobody_there_is_no_exception():
    async def story():
        clock = Clock()
        source = Aggregated(
            CloudWatch(ecs.Settings(**target("http://127.0.0.1:1"))), 180.0, clock=clock, sleep=clock.sleep
        )
        try:
            return await source.look(STABLE, CANARY, 10.0)
        finally:
            await source.close()

    assert asyncio.run(story()).canary.blind == "CloudWatch: out of reach"


def test_a_step_that_is_over_before_there_are_numbers_is_no_plan():
    assert plan_problem(environment(300.0)) == ""
    assert "10 % is watched for 4m" in plan_problem(environment(240.0))
    assert plan_problem(environment(240.0, lag="1m")) == ""
