"""Google Cloud Monitoring as a source: users' requests of Cloud Run revisions, by the vendor's own client."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from surefoot.rollout import Plan
from surefoot.service import Environment
from surefoot.units import parse_duration
from tasks.targets import cloud_run
from tasks.targets.patience import Duration
from tasks.vitals import too_short
from tasks.vitals.minutes import MINUTE_S

if TYPE_CHECKING:
    from tasks.vitals.aggregated import Aggregated


class Settings(BaseModel):
    """How to reach Cloud Monitoring; which service it is about, the target says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lag: Duration = Field(
        default="3m",
        description="How long after a minute's end its numbers are whole. Cloud Run's may take 3m.",
        examples=["3m"],
    )
    endpoint: cloud_run.Endpoint = Field(
        default="",
        description="Where the Monitoring API is. Empty: Google's own, or the rehearsal that the target is at. A host "
        "name: that host by TLS, with application-default credentials. grpc://127.0.0.1:PORT: this machine, in plain "
        "text.",
        examples=["", "grpc://127.0.0.1:8085"],
    )

    @property
    def lag_s(self) -> float:
        """Return how long after a minute's end its numbers are whole, seconds."""
        return parse_duration(self.lag)


def connect(settings: Settings, environment: Environment, _token: str) -> "Aggregated":
    """Return the source; call it inside a running event loop, since the channel belongs to that loop."""
    from tasks.vitals.aggregated import Aggregated  # noqa: PLC0415 (with the next: the SDK takes a second to import)
    from tasks.vitals.cloud_monitoring.platform import CloudMonitoring  # noqa: PLC0415

    about = cloud_run.Settings.model_validate(dict(environment.place.settings))
    rehearsed = about.endpoint if about.endpoint.startswith("grpc://") else ""
    return Aggregated(CloudMonitoring(about, settings.endpoint or rehearsed), settings.lag_s)


def plan_problem(settings: Settings, plan: Plan) -> str:
    """Return why such a climb cannot be looked at with this source, "" where it can."""
    return too_short("cloud_monitoring", plan, settings.lag_s, MINUTE_S)
