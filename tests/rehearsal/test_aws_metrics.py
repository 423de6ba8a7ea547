"""GetMetricData as the vendor's own client sees it, and load balancers whose requests it tells of."""

from datetime import UTC, datetime

import pytest
from prometheus_client import generate_latest
from rehearsed_aws import Clients, lab

from rehearsal.aws import Front
from rehearsal.aws.metrics import Metrics, dimensions, group_of, labels_of
from rehearsal.meter import Meter, Minute
from rehearsal.splitter import Place

pytestmark = pytest.mark.anyio
NOON = 1_800_000_000.0
KEY = ("app/shop/9", "targetgroup/blue/1")


def moment(seconds):
    return datetime.fromtimestamp(NOON + seconds, UTC)


def query(stat="Sum", metric="RequestCount", key=KEY, name="a", period=60, namespace="AWS/ApplicationELB"):
    named = [{"Name": kind, "Value": value} for kind, value in zip(("LoadBalancer", "TargetGroup"), key, strict=True)]
    about = {"Namespace": namespace, "MetricName": metric, "Dimensions": named}
    return {"Id": name, "MetricStat": {"Metric": about, "Period": period, "Stat": stat}}


def meter():
    made = Meter()
    lengths = ((0.001, 1), (0.02, 6), (0.025, 1), (70.0, 1))
    made.add(KEY, Minute(NOON, {200: 7, 301: 1, 404: 2, 500: 3}, lengths, unconnected=2, unanswered=1))
    made.add(KEY, Minute(NOON + 60, {200: 5}, ((0.02, 5),)))
    return made


async def asked(*queries, start=0, end=120, now=NOON + 600, refused=False, told=None, **more):
    metrics = Metrics(meter(), clock=lambda: now, **more)
    async with Front({}, {}, cloudwatch=metrics.handlers).serve() as url:
        call = Clients(url)
        about = {"MetricDataQueries": list(queries), "StartTime": moment(start), "EndTime": moment(end)} | (told or {})
        try:
            if refused:
                return await call.refused("cloudwatch", "get_metric_data", **about)
            return await call("cloudwatch", "get_metric_data", **about)
        finally:
            call.close()


async def values(*queries, **more):
    more.setdefault("told", {"ScanBy": "TimestampAscending"})
    [result] = (await asked(*queries, **more))["MetricDataResults"]
    return [(at.timestamp() - NOON, value) for at, value in zip(result["Timestamps"], result["Values"], strict=True)]


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("RequestCount", [(0, 16), (60, 5)]),
        ("HTTPCode_Target_2XX_Count", [(0, 7), (60, 5)]),
        ("HTTPCode_Target_3XX_Count", [(0, 1)]),
        ("HTTPCode_Target_4XX_Count", [(0, 2)]),
        ("HTTPCode_Target_5XX_Count", [(0, 3)]),
        ("TargetConnectionErrorCount", [(0, 2)]),
        ("Nothing", []),
    ],
)
async def test_counts_are_told_by_the_start_of_their_minute_where_there_are_any(metric, told):
    assert await values(query(metric=metric)) == told


@pytest.mark.parametrize(
    ("stat", "told"),
    [
        ("TC(:0.001)", [(0, 1), (60, 0)]),
        ("TC(0.001:0.02)", [(0, 6), (60, 5)]),
        ("TC(0.02:0.025)", [(0, 1), (60, 0)]),
        ("TC(60:)", [(0, 1), (60, 0)]),
        ("TC(:)", [(0, 9), (60, 5)]),
    ],
)
async def test_a_trimmed_count_is_above_its_lower_bound_and_up_to_its_upper(stat, told):
    assert await values(query(stat, "TargetResponseTime")) == told


async def test_the_newest_stand_first_unless_they_are_asked_for_the_other_way():
    assert await values(query(), told={}) == [(60, 5), (0, 16)]


@pytest.mark.parametrize(("start", "end", "at"), [(0, 60, [0]), (60, 120, [60]), (30, 120, [60]), (0, 119, [0])])
async def test_an_interval_holds_its_start_and_not_its_end(start, end, at):
    assert [when for when, _ in await values(query(), start=start, end=end)] == at


async def test_a_minute_is_shown_when_it_has_been_over_for_the_lag():
    assert [when for when, _ in await values(query(), now=NOON + 239, lag_s=120.0)] == [0]
    assert [when for when, _ in await values(query(), now=NOON + 240, lag_s=120.0)] == [0, 60]


async def test_another_group_or_namespace_has_nothing():
    assert await values(query(key=("app/shop/9", "targetgroup/green/2"))) == []
    assert await values(query(namespace="AWS/ECS")) == []


async def test_pages_say_that_there_is_more():
    answer = await asked(query(name="a"), query(name="b"), page=3)
    again = await asked(query(name="a"), query(name="b"), page=3, told={"NextToken": answer["NextToken"]})

    def read(one):
        return [(result["Id"], len(result["Values"]), result["StatusCode"]) for result in one["MetricDataResults"]]

    assert read(answer) == [("a", 2, "Complete"), ("b", 1, "PartialData")]
    assert read(again) == [("a", 0, "Complete"), ("b", 1, "Complete")]
    assert "NextToken" not in again


async def test_results_and_answers_may_say_that_they_are_not_whole():
    answer = await asked(query(), status={"RequestCount": "InternalError"}, messages=(("TooMany", "Too many."),))

    assert answer["MetricDataResults"][0]["StatusCode"] == "InternalError"
    assert answer["Messages"] == [{"Code": "TooMany", "Value": "Too many."}]


@pytest.mark.parametrize(
    ("queries", "more", "words"),
    [
        ([], {}, "1 to 500 members, and has 0"),
        ([query(name=f"q{number}") for number in range(501)], {}, "and has 501"),
        ([query(), query()], {}, "its own"),
        ([query(name="Big")], {}, "small letter"),
        ([query(period=90)], {}, "multiple of 60"),
        ([query()], {"start": 60, "end": 60}, "StartTime must be less"),
        ([query("p99.9", "TargetResponseTime")], {}, "p99.9 for parameter"),
    ],
)
async def test_what_makes_no_sense_is_refused(queries, more, words):
    code, message, status = await asked(*queries, refused=True, **more)

    assert (code, status) == ("ValidationError", 400)
    assert words in message


async def test_what_cloudwatch_has_no_handler_for_is_answered_elsewhere():
    async with Front({}, {}, cloudwatch=Metrics().handlers).serve() as url:
        call = Clients(url)
        assert (await call("cloudwatch", "describe_alarms"))["MetricAlarms"] == []
        call.close()


async def test_requests_that_a_load_balancer_dealt_out_are_counted_by_target_group():
    async with lab() as at:
        servers = await at.serve("one", at.blue, "shop:1"), await at.serve("two", at.green, "shop:2", status=500)
        await at.healthy(at.blue, servers[0])
        assert await at.seen(7) == {"one": 7}
        counted, keyed = Meter(), group_of(at.balancer)
        counted.take(at.balancer.tally, NOON, keyed)
        [minute] = counted.of(dimensions(at.rule, at.blue))
        assert (minute.requests, minute.codes, sum(count for _, count in minute.lengths)) == (7, {200: 7}, 7)
        assert list(counted.minutes) == [dimensions(at.rule, at.blue)]
        assert keyed(Place("main/shop", "public", "nobody")) is None
        await at.balancer.deregister(at.blue, [servers[0].backend])
        assert keyed(Place("main/shop", "public", "shop:1")) == dimensions(at.rule, at.blue)


async def test_prometheus_is_told_the_group_and_load_balancer_too_where_there_are_any():
    async with lab() as at:
        tally = at.balancer.tally
        tally.more = labels_of(at.balancer)
        await at.healthy(at.blue, await at.serve("one", at.blue, "shop:1"))
        await at.seen(3)
        tally.at(Place("rehearsal/laptop/shop", "public", "shop-1")).saw(200, 0.1, 0, 0)
        told = [line for line in generate_latest(tally.registry).decode().splitlines() if "_requests_total{" in line]
        balancer, group = dimensions(at.rule, at.blue)
        assert [line.rpartition(" ")[2] for line in told] == ["3.0", "1.0"]
        assert f'load_balancer="{balancer}"' in told[0]
        assert f'target_group="{group}"' in told[0]
        assert "target_group" not in told[1]


async def test_dimensions_are_what_load_balancers_and_groups_are_called_by():
    arn = "arn:aws:elasticloadbalancing:eu-west-1:000000000000"

    assert dimensions(f"{arn}:listener-rule/app/shop/9/8/7", f"{arn}:targetgroup/blue/1") == KEY
