"""What ECS stands on: images, a load balancer, alarms, and how fast time goes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rehearsal.aws.balancer import Balancer
from rehearsal.catalogue import Catalogue
from rehearsal.cloud_run.pace import Pace


@dataclass(frozen=True, slots=True)
class World:
    """The surroundings of all clusters.

    `breaker_for_all`: the circuit breaker also ends deployments that shift traffic. AWS's API model says that it is for
    rolling updates only, its developer guide that it covers both.
    """

    catalogue: Catalogue
    log_dir: Path
    pace: Pace
    balancer: Balancer
    alarm_state: Callable[[str], Awaitable[str]]
    region: str = "eu-west-1"
    breaker_for_all: bool = True

    def minutes(self, count: float) -> float:
        """Return how many seconds of ours so many minutes of ECS last."""
        return count * 60 / self.pace.speed

    def seconds(self, count: float, least: float = 0.0) -> float:
        """Return how many seconds of ours so many seconds of ECS last, and at least `least`."""
        return max(count / self.pace.speed, least)


def now() -> datetime:
    """Return this moment, as it stands in answers."""
    return datetime.now(UTC)
