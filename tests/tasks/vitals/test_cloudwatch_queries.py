"""What is asked of CloudWatch, and what answers of it are believed, without a call."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from surefoot.release import Revision
from tasks.vitals.aggregated import Unseen
from tasks.vitals.cloudwatch.queries import BOUNDS_S, counted, request
from tasks.vitals.minutes import Window

NOON = 1_800_000_000.0
WINDOW = Window(NOON, NOON + 120, NOON)
BLUE, GREEN = "targetgroup/shop-blue/1", "targetgroup/shop-green/2"


def revision(name, group, balancer="app/shop/9"):
    return Revision(name, "", ready=True, labels={"load_balancer": balancer, "target_group": group})


STABLE, CANARY = revision("shop:1", BLUE), revision("shop:2", GREEN)
QUERIES = request(STABLE, CANARY, WINDOW)["MetricDataQueries"]
IDS = [query["Id"] for query in QUERIES]


def answer(**values):
    """Return an answer that is whole: by id the values of the window's two minutes."""
    return {
        "MetricDataResults": [
            {
                "Id": name,
                "Timestamps": [datetime.fromtimestamp(NOON + 60 * number, UTC) for number, _ in enumerate(told)],
                "Values": list(told),
                "StatusCode": "Complete",
            }
            for name in IDS
            for told in [values.get(name, ())]
        ],
        "Messages": [],
    }


def changed(answer, name, **more):
    for result in answer["MetricDataResults"]:
        if result["Id"] == name:
            result.update(more)
    return answer


def test_a_histogram_is_asked_for_in_buckets_that_leave_no_gap():
    stats = [query["MetricStat"]["Stat"] for query in QUERIES if query["Id"].startswith("stable_")][4:]

    assert (stats[0], stats[1], stats[-2], stats[-1]) == ("TC(:0.001)", "TC(0.001:0.00117)", "TC(51.5:60)", "TC(60:)")
    assert [stat.partition(":")[2][:-1] for stat in stats[:-1]] == [stat[3:].partition(":")[0] for stat in stats[1:]]
    assert len(stats) == len(BOUNDS_S) + 1 == 74
    ratios = [high / low for low, high in pairwise(BOUNDS_S)]
    assert min(ratios) > 1.15
    assert max(ratios) < 1.18


def test_no_more_is_asked_for_than_a_call_may_hold_and_each_by_a_name_of_its_own():
    assert len(set(IDS)) == len(QUERIES) == 156
    assert all(name[0].islower() and name.replace("_", "").isalnum() for name in IDS)


@pytest.mark.parametrize(
    ("stable", "canary", "told"),
    [
        (Revision("shop:1", "", ready=True), CANARY, r"stable \(shop:1\) is in no target group"),
        (STABLE, revision("shop:2", ""), r"canary \(shop:2\) is in no target group"),
        (STABLE, revision("shop:2", GREEN, balancer=""), r"canary \(shop:2\) is in no target group"),
        (STABLE, revision("shop:2", BLUE), "stable and canary are both in targetgroup/shop-blue/1"),
    ],
)
def test_revisions_that_cannot_be_told_apart_are_not_asked_about(stable, canary, told):
    with pytest.raises(Unseen, match=told):
        request(stable, canary, WINDOW)


def test_minutes_are_added_up_by_side():
    told = answer(
        stable_requests=(90.0, 10.0), stable_5xx=(2.0,), stable_4xx=(3.0, 4.0), stable_10=(60.0, 40.0),
        canary_requests=(5.0,), canary_0=(1.0,), canary_10=(2.0,), canary_73=(2.0,),
    )  # fmt: skip
    stable, canary = counted([told], WINDOW)

    assert (stable.requests, stable.errors, stable.points, stable.unanswered) == (100, 2, 2, 0)
    assert stable.classes == {"5xx": 2, "4xx": 7, "connection": 0}
    middle = 1000 * (BOUNDS_S[9] * BOUNDS_S[10]) ** 0.5
    assert stable.latency_ms.counts == ((round(middle, 3), 100),)
    assert canary.latency_ms.counts == ((0.5, 1), (round(middle, 3), 2), (60_000.0, 2))


def test_connections_that_failed_are_errors_and_no_more_than_the_requests_that_were_not_answered():
    told = answer(canary_requests=(10.0,), canary_5xx=(4.0,), canary_connection=(30.0,))
    _, canary = counted([told], WINDOW)

    assert (canary.errors, canary.classes["connection"], canary.unanswered) == (10, 6, 6)


def test_pages_are_read_as_one_answer_and_the_last_word_on_a_result_counts():
    first = changed(answer(stable_requests=(90.0,)), "stable_requests", StatusCode="PartialData")
    rest = {"Id": "stable_requests", "StatusCode": "Complete", "Values": [10.0]}
    rest["Timestamps"] = [datetime.fromtimestamp(NOON + 60, UTC)]
    stable, _ = counted([first, {"MetricDataResults": [rest]}], WINDOW)

    assert (stable.requests, stable.points) == (100, 2)


@pytest.mark.parametrize("status", ["PartialData", "InternalError", "Forbidden"])
def test_an_answer_that_is_not_whole_is_not_used(status):
    with pytest.raises(Unseen, match=rf"not whole: canary_4xx {status} \(1 of 156\)"):
        counted([changed(answer(), "canary_4xx", StatusCode=status)], WINDOW)


def test_a_result_that_is_missing_is_noticed():
    told = answer()
    told["MetricDataResults"] = told["MetricDataResults"][:-2]

    with pytest.raises(Unseen, match=r"not whole: canary_72 missing \(2 of 156\)"):
        counted([told], WINDOW)


def test_what_an_answer_says_is_left_out_of_it_is_told():
    messages = [{"Code": "MaxMetricsExceeded", "Value": "Too many metrics."}]
    said = r"CloudWatch says MaxMetricsExceeded: Too many metrics\."

    with pytest.raises(Unseen, match=said):
        counted([answer() | {"Messages": messages}], WINDOW)
    with pytest.raises(Unseen, match=said):
        counted([changed(answer(), "stable_3", Messages=messages)], WINDOW)


@pytest.mark.parametrize("value", [-1.0, 0.5, float("nan"), float("inf")])
def test_what_is_no_count_is_not_counted(value):
    with pytest.raises(Unseen, match="which cannot be"):
        counted([answer(stable_requests=(value,))], WINDOW)


def test_a_minute_that_was_not_asked_for_is_not_counted():
    with pytest.raises(Unseen, match="was not asked for"):
        counted([answer(stable_requests=(1.0, 1.0, 1.0))], WINDOW)
