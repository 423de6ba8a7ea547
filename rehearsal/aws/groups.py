"""Target groups: what is registered in them, and how it is."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import lcm
from typing import Any

from rehearsal.aws.health import HEALTHY, INITIAL, Health, HealthCheck, accepts
from rehearsal.aws.refusal import Refusal
from rehearsal.backend import Backend, Backends

_DEFAULTS: Mapping[str, Any] = {
    "Protocol": "HTTP",
    "ProtocolVersion": "HTTP1",
    "Port": 80,
    "VpcId": "vpc-rehearsal",
    "TargetType": "ip",
    "IpAddressType": "ipv4",
    "HealthCheckEnabled": True,
    "HealthCheckProtocol": "HTTP",
    "HealthCheckPort": "traffic-port",
    "HealthCheckPath": "/",
    "HealthCheckIntervalSeconds": 30,
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 5,
    "UnhealthyThresholdCount": 2,
    "Matcher": {"HttpCode": "200"},
}
# A process on a busy laptop may be slow without being ill.
_LEAST_TIMEOUT_S = 1.0
_LEAST_INTERVAL_S = 0.02
_LEAST_INTERVAL_WHEN_WELL_S = 0.1


@dataclass(slots=True)
class Target:
    """One instance of a revision in a group; `streak` counts looks in a row that said otherwise than its state."""

    revision: str
    health: Health = INITIAL
    streak: int = 0
    watch: asyncio.Task[None] | None = None


@dataclass(slots=True, eq=False)
class Group:
    """A target group as the API tells it, and its targets."""

    arn: str
    shape: dict[str, Any]
    drain_s: float = 300.0
    targets: dict[Backend, Target] = field(default_factory=dict)

    @classmethod
    def create(cls, arn: str, wanted: Mapping[str, Any]) -> "Group":
        """Return a new group with the settings that are wanted, and the usual ones for the rest."""
        settings = {name: value for name, value in wanted.items() if name != "Tags"}
        shape = {"TargetGroupArn": arn, "TargetGroupName": wanted["Name"], **_DEFAULTS, **settings}
        del shape["Name"]
        if shape["TargetType"] not in ("ip", "instance") or shape["Protocol"] != "HTTP":
            raise Refusal("ValidationError", "Target groups here are of type ip, and speak HTTP.")
        try:
            accepts(str(shape["Matcher"].get("HttpCode", "200")), 200)
        except ValueError as problem:
            raise Refusal("ValidationError", f"{shape['Matcher']} names no HTTP codes.") from problem
        return cls(arn, shape)

    @property
    def check(self) -> str:
        """Return the path that is looked at, empty for a connection only."""
        return "" if self.shape["HealthCheckProtocol"] == "TCP" else str(self.shape["HealthCheckPath"])

    def health_check(self, speed: float) -> HealthCheck:
        """Return what is asked of its targets."""
        timeout_s = max(self.shape["HealthCheckTimeoutSeconds"] / speed, _LEAST_TIMEOUT_S)
        return HealthCheck(self.check, str(self.shape["Matcher"].get("HttpCode", "200")), timeout_s)

    def interval_s(self, target: Target, speed: float) -> float:
        """Return how long to wait between two looks at a target."""
        least = _LEAST_INTERVAL_WHEN_WELL_S if target.health == HEALTHY else _LEAST_INTERVAL_S
        return max(float(self.shape["HealthCheckIntervalSeconds"]) / speed, least)

    def saw(self, target: Target, seen: Health) -> bool:
        """Take in what a look has seen; say whether the target's state has changed.

        A new target needs one good look, one that was unhealthy as many as the group says.
        """
        if target.health.state == seen.state:
            target.streak = 0
            return False
        target.streak = target.streak + 1
        if target.health == INITIAL and seen == HEALTHY:
            needed = 1
        else:
            needed = self.shape["HealthyThresholdCount" if seen == HEALTHY else "UnhealthyThresholdCount"]
        if target.streak < needed:
            return False
        target.health, target.streak = seen, 0
        return True

    def takers(self) -> dict[str, list[Backend]]:
        """Return who takes requests by revision: the healthy; where there is none but are unhealthy ones, those."""
        states = Counter(target.health.state for target in self.targets.values())
        wanted = "healthy" if states["healthy"] else "unhealthy"
        takers: dict[str, list[Backend]] = {}
        for backend, target in self.targets.items():
            if target.health.state == wanted:
                takers.setdefault(target.revision, []).append(backend)
        return takers


def dealt(weighted: Iterable[tuple[Group, int]]) -> list[tuple[Backends, int]]:
    """Return a table in which all instances that take requests have the same share of their group's weight.

    The share of a group that has none stands under the revision "", where nobody answers: groups do not help out.
    """
    shares = [(group.takers(), weight) for group, weight in weighted]
    sizes = [sum(map(len, takers.values())) for takers, _ in shares]
    whole = lcm(*(size for size in sizes if size))
    weights: Counter[str] = Counter()
    instances: dict[str, dict[Backend, None]] = {}
    for (takers, weight), size in zip(shares, sizes, strict=True):
        for revision, backends in (takers or {"": []}).items():
            weights[revision] += weight * whole * len(backends) // size if size else weight * whole
            instances.setdefault(revision, {}).update(dict.fromkeys(backends))
    return [(Backends(revision, tuple(known)), weights[revision]) for revision, known in instances.items()]
