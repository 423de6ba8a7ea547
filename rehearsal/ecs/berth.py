"""Where tasks belong."""

from dataclasses import dataclass
from typing import Any

from rehearsal.ecs.definition import Definition


@dataclass(frozen=True, slots=True)
class Berth:
    """The service of a revision's tasks, what they run, and the target group they are put in."""

    cluster: str
    service: str
    started_by: str
    definition: Definition
    container: dict[str, Any]
    group_arn: str | None
    grace_s: float
