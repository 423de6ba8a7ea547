"""AWS CloudWatch as a source: users' requests of ECS revisions, as the load balancer counted them by target group."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from surefoot.rollout import Plan
from surefoot.service import Environment
from surefoot.units import parse_duration
from tasks.targets import ecs
from tasks.targets.patience import Duration
from tasks.vitals import too_short
from tasks.vitals.minutes import MINUTE_S

if TYPE_CHECKING:
    from tasks.vitals.aggregated import Aggregated


class Settings(BaseModel):
    """When its numbers are whole; region, and where AWS's APIs are, the target says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lag: Duration = Field(
        default="3m",
        description="How long after a minute's end its numbers are whole. Those of a load balancer take 1m to 3m.",
        examples=["3m"],
    )

    @property
    def lag_s(self) -> float:
        """Return how long after a minute's end its numbers are whole, seconds."""
        return parse_duration(self.lag)


def connect(settings: Settings, environment: Environment, _token: str) -> "Aggregated":
    """Return the source; Refused where AWS's SDK finds no way to connect."""
    from tasks.vitals.aggregated import Aggregated  # noqa: PLC0415 (with the next: the SDK takes its time to import)
    from tasks.vitals.cloudwatch.platform import CloudWatch  # noqa: PLC0415

    about = ecs.Settings.model_validate(dict(environment.place.settings))
    return Aggregated(CloudWatch(about), settings.lag_s)


def plan_problem(settings: Settings, plan: Plan) -> str:
    """Return why such a climb cannot be looked at with this source, "" where it can."""
    return too_short("cloudwatch", plan, settings.lag_s, MINUTE_S)
