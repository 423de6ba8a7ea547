"""CloudWatch's GetMetricData for load balancers: moto has no trimmed statistics, which a histogram is made of."""

import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws import names
from rehearsal.aws.balancer import Balancer
from rehearsal.aws.refusal import Refusal
from rehearsal.meter import Key, Keyed, Meter, Minute
from rehearsal.splitter import Place

_NAMESPACE = "AWS/ApplicationELB"
_PERIOD_S = 60
_QUERIES = 500
_POINTS = 100_800
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_TRIMMED = re.compile(r"TC\((\d*\.?\d*):(\d*\.?\d*)\)")
_SUMS: Mapping[str, Callable[[Minute], int]] = {
    "RequestCount": lambda minute: minute.requests,
    "HTTPCode_Target_2XX_Count": lambda minute: minute.of_class(2),
    "HTTPCode_Target_3XX_Count": lambda minute: minute.of_class(3),
    "HTTPCode_Target_4XX_Count": lambda minute: minute.of_class(4),
    "HTTPCode_Target_5XX_Count": lambda minute: minute.of_class(5),
    "TargetConnectionErrorCount": lambda minute: minute.unconnected,
}
_LENGTHS = "TargetResponseTime"

Point = tuple[float, float]


@dataclass(slots=True)
class Metrics:
    """What the requests of target groups came to, by the dimensions LoadBalancer and TargetGroup.

    A minute is shown once it has been over for `lag_s`. `status` is what results of a metric say of themselves, and
    `messages` (code, text) what an answer says is left out. An answer has `page` points at most; the rest follows.
    """

    meter: Meter = field(default_factory=Meter)
    lag_s: float = 60.0
    clock: Callable[[], float] = time.time
    status: dict[str, str] = field(default_factory=dict)
    messages: tuple[tuple[str, str], ...] = ()
    page: int = _POINTS
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def handlers(self) -> dict[str, Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]]:
        """Return what is answered here, by operation."""
        return {"GetMetricData": self.get_metric_data}

    async def get_metric_data(self, asked: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Answer one page."""
        self.asked.append(asked)
        queries = _checked(asked)
        rows = [(query["Id"], point) for query in queries for point in self._points(query, asked)]
        start = int(asked.get("NextToken") or 0)
        end = start + min(self.page, int(asked.get("MaxDatapoints") or _POINTS))
        results = [self._result(query, rows[start:end], rows[end:]) for query in queries]
        answer: dict[str, Any] = {"MetricDataResults": results}
        answer["Messages"] = [{"Code": code, "Value": text} for code, text in self.messages]
        return answer | ({"NextToken": str(end)} if end < len(rows) else {})

    def _result(
        self, query: Mapping[str, Any], shown: Sequence[tuple[str, Point]], rest: Sequence[tuple[str, Point]]
    ) -> dict[str, Any]:
        name, metric = query["Id"], query["MetricStat"]["Metric"]["MetricName"]
        more = any(owner == name for owner, _ in rest)
        points = [point for owner, point in shown if owner == name]
        return {
            "Id": name,
            "Label": metric,
            "Timestamps": [at for at, _ in points],
            "Values": [value for _, value in points],
            "StatusCode": "PartialData" if more else self.status.get(metric, "Complete"),
        }

    def _points(self, query: Mapping[str, Any], asked: Mapping[str, Any]) -> list[Point]:
        stat = query["MetricStat"]
        metric, told = stat["Metric"], {one["Name"]: one["Value"] for one in stat["Metric"]["Dimensions"]}
        last = min(float(asked["EndTime"]), self.clock() - self.lag_s)
        if metric["Namespace"] != _NAMESPACE or told.keys() != {"LoadBalancer", "TargetGroup"}:
            return []
        minutes = self.meter.of((told["LoadBalancer"], told["TargetGroup"]))
        within = [one for one in minutes if one.start >= float(asked["StartTime"]) and one.end <= last]
        points = list(_values(metric["MetricName"], stat["Stat"], within))
        return points if asked.get("ScanBy") == "TimestampAscending" else points[::-1]


def _values(metric: str, stat: str, minutes: Sequence[Minute]) -> Iterator[Point]:
    """Yield what a statistic of a metric is in each minute that has any."""
    trimmed = _TRIMMED.fullmatch(stat)
    if metric == _LENGTHS and trimmed:
        low, high = float(trimmed[1] or "-inf"), float(trimmed[2] or "inf")
        for minute in minutes:
            if minute.lengths:
                yield minute.start, float(sum(count for length, count in minute.lengths if low < length <= high))
    elif stat == "Sum" and metric in _SUMS:
        for minute in minutes:
            # Codes and failed connections are told of where there are some, requests always.
            if (value := _SUMS[metric](minute)) or metric == "RequestCount":
                yield minute.start, float(value)
    elif stat != "Sum" and not trimmed:
        raise Refusal("ValidationError", f"The value {stat} for parameter MetricDataQueries Stat is not supported.")


def _checked(asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the queries, or refuse them as AWS does."""
    queries = list(asked.get("MetricDataQueries") or ())
    if not 0 < len(queries) <= _QUERIES:
        text = f"The collection MetricDataQueries must have 1 to {_QUERIES} members, and has {len(queries)}."
        raise Refusal("ValidationError", text)
    ids = [query.get("Id", "") for query in queries]
    if len(set(ids)) != len(ids) or not all(map(_ID.fullmatch, ids)):
        raise Refusal("ValidationError", "Each MetricDataQueries Id must be its own, and begin with a small letter.")
    if any(query.get("MetricStat", {}).get("Period", 0) % _PERIOD_S for query in queries):
        raise Refusal("ValidationError", f"A Period is a multiple of {_PERIOD_S}.")
    if float(asked["StartTime"]) >= float(asked["EndTime"]):
        raise Refusal("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return queries


def group_of(balancer: Balancer) -> Keyed:
    """Return what tells the dimensions that a place's requests are counted under: its revision's group, or its last."""
    known: dict[Place, Key] = {}

    def keyed(place: Place) -> Key | None:
        for rule in balancer.estate.rules():
            if rule.route.service != place.service:
                continue
            for arn in rule.weights:
                group = balancer.estate.groups.get(arn)
                if group and any(target.revision == place.revision for target in group.targets.values()):
                    known[place] = dimensions(rule.arn, arn)
        return known.get(place)

    return keyed


def labels_of(balancer: Balancer) -> Callable[[Place], Mapping[str, str]]:
    """Return what tells those dimensions as labels; nothing where a place is no group's."""
    keyed = group_of(balancer)

    def labels(place: Place) -> Mapping[str, str]:
        key = keyed(place)
        return dict(zip(("load_balancer", "target_group"), key, strict=True)) if key else {}

    return labels


def dimensions(rule: str, group: str) -> Key:
    """Return the dimensions LoadBalancer and TargetGroup of what comes to a group by a rule."""
    balancer = names.load_balancer_of(names.listener_of(rule))
    return balancer.rpartition(":loadbalancer/")[2], group.rpartition(":")[2]
