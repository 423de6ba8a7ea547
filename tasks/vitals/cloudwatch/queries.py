"""What is asked of CloudWatch, and what its answers say, in our words. No I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import sqrt
from typing import Any

from surefoot.release import Revision
from surefoot.vitals import Histogram
from tasks.vitals.aggregated import Unseen
from tasks.vitals.counted import Counted
from tasks.vitals.minutes import MINUTE_S, Window

_NAMESPACE = "AWS/ApplicationELB"
_SIDES = ("stable", "canary")
_COUNTS = {
    "requests": "RequestCount",
    "5xx": "HTTPCode_Target_5XX_Count",
    "4xx": "HTTPCode_Target_4XX_Count",
    "connection": "TargetConnectionErrorCount",
}
_LATENCY = "TargetResponseTime"
# Seconds, each a sixth above the one before, from 1 ms to 60 s: what moves a quantile from one to the next is less than
# the harm that plans usually look for. GetMetricData takes 500 queries, and is paid by the query.
_STEPS = 72
BOUNDS_S = tuple(float(f"{0.001 * 60_000 ** (step / _STEPS):.3g}") for step in range(_STEPS + 1))
_NEAR_WHOLE = 1e-6


def request(stable: Revision, canary: Revision, window: Window) -> dict[str, Any]:
    """Return the parameters of GetMetricData; Unseen where the two cannot be told apart."""
    places = [_place(name, revision) for name, revision in zip(_SIDES, (stable, canary), strict=True)]
    if places[0] == places[1]:
        raise Unseen(f"stable and canary are both in {places[0]['TargetGroup']}, which is counted as one")
    return {
        "MetricDataQueries": [
            query for name, place in zip(_SIDES, places, strict=True) for query in _queries(name, place)
        ],
        "StartTime": datetime.fromtimestamp(window.start, UTC),
        "EndTime": datetime.fromtimestamp(window.end, UTC),
        "ScanBy": "TimestampAscending",
    }


def counted(pages: Iterable[Mapping[str, Any]], window: Window) -> tuple[Counted, Counted]:
    """Return what the pages of an answer say of stable and of canary; Unseen where they are not whole."""
    totals, points, status = Counter[str](), Counter[str](), dict[str, str]()
    for page in pages:
        _refuse_messages(page)
        for result in page["MetricDataResults"]:
            _refuse_messages(result)
            status[result["Id"]] = result.get("StatusCode", "")
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                totals[result["Id"]] += _whole(value, at, window)
                points[result["Id"]] += 1
    ids = [_id(side, what) for side in _SIDES for what in (*_COUNTS, *map(str, range(len(BOUNDS_S) + 1)))]
    if unfinished := [f"{each} {status.get(each) or 'missing'}" for each in ids if status.get(each) != "Complete"]:
        raise Unseen(f"CloudWatch's answer is not whole: {unfinished[0]} ({len(unfinished)} of {len(ids)})")
    stable, canary = (_side(side, totals, points) for side in _SIDES)
    return stable, canary


def _side(side: str, totals: Mapping[str, int], points: Mapping[str, int]) -> Counted:
    counts = {what: totals[_id(side, what)] for what in _COUNTS}
    requests = counts.pop("requests")
    # A load balancer may try more than one connection for a request.
    counts["connection"] = min(counts["connection"], max(0, requests - counts["5xx"]))
    latencies = ((_representative(number), totals[_id(side, str(number))]) for number in range(len(BOUNDS_S) + 1))
    return Counted(
        requests=requests,
        errors=counts["5xx"] + counts["connection"],
        classes=counts,
        latency_ms=Histogram.of((value, number) for value, number in latencies if number),
        points=points[_id(side, "requests")],
        unanswered=counts["connection"],
    )


def _place(name: str, revision: Revision) -> dict[str, str]:
    """Return the dimensions of a revision's metrics."""
    balancer, group = revision.labels.get("load_balancer"), revision.labels.get("target_group")
    if not balancer or not group:
        raise Unseen(f"{name} ({revision.name}) is in no target group of a load balancer, so nothing counts it")
    return {"LoadBalancer": balancer, "TargetGroup": group}


def _queries(side: str, place: Mapping[str, str]) -> list[dict[str, Any]]:
    dimensions = [{"Name": name, "Value": value} for name, value in place.items()]

    def query(what: str, metric: str, stat: str) -> dict[str, Any]:
        about = {"Namespace": _NAMESPACE, "MetricName": metric, "Dimensions": dimensions}
        return {"Id": _id(side, what), "MetricStat": {"Metric": about, "Period": int(MINUTE_S), "Stat": stat}}

    counts = [query(what, metric, "Sum") for what, metric in _COUNTS.items()]
    return counts + [query(str(number), _LATENCY, _trimmed(number)) for number in range(len(BOUNDS_S) + 1)]


def _trimmed(number: int) -> str:
    """Return the statistic that counts a bucket: above the lower bound, up to and with the upper one."""
    low = _plain(BOUNDS_S[number - 1]) if number else ""
    high = _plain(BOUNDS_S[number]) if number < len(BOUNDS_S) else ""
    return f"TC({low}:{high})"


def _representative(number: int) -> float:
    """Return what stands for a bucket (ms): the middle of its ratio, or what is known of one that is open."""
    if not number:
        return BOUNDS_S[0] * 1000 / 2
    if number == len(BOUNDS_S):
        return BOUNDS_S[-1] * 1000
    return round(sqrt(BOUNDS_S[number - 1] * BOUNDS_S[number]) * 1000, 3)


def _plain(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def _id(side: str, what: str) -> str:
    return f"{side}_{what}"


def _whole(value: float, at: datetime, window: Window) -> int:
    if not window.start <= at.timestamp() < window.end:
        raise Unseen(f"CloudWatch tells of {at:%H:%M:%S}, which was not asked for")
    if not 0 <= value < float("inf") or abs(value - round(value)) > _NEAR_WHOLE:
        raise Unseen(f"CloudWatch counts {value} requests, which cannot be")
    return round(value)


def _refuse_messages(told: Mapping[str, Any]) -> None:
    """Refuse an answer that says of itself that something is left out."""
    messages: Sequence[Mapping[str, str]] = told.get("Messages") or ()
    if messages:
        raise Unseen(f"CloudWatch says {messages[0].get('Code', '')}: {messages[0].get('Value', '')}")
