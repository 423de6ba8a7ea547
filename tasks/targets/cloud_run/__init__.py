"""Cloud Run as a target, through the vendor's own client (Admin API v2 over gRPC)."""

import shlex
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from surefoot.rollout import Plan
from surefoot.traffic import Traffic
from surefoot.units import parse_duration
from tasks.loopback import is_loopback
from tasks.targets.patience import Duration

if TYPE_CHECKING:
    from tasks.targets import OnCall
    from tasks.targets.cloud_run.target import CloudRun

# Users report that a tag and the service's name may have 46 characters together; ours are `sf-` and 6 more.
_SERVICE_NAME_MAX = 46 - len("sf-123456")


def _endpoint(text: str) -> str:
    if "://" not in text:
        return text
    parts = urlsplit(text)
    if parts.scheme != "grpc":
        raise ValueError(f"{text!r} is not an endpoint; write a host name for TLS, or grpc://127.0.0.1:PORT")
    if not is_loopback(parts.hostname or ""):
        raise ValueError(
            f"grpc:// is plaintext, so it is for this machine only, and {parts.hostname!r} is elsewhere; "
            "leave endpoint out for Google's own (TLS), or write a host name without grpc://"
        )
    if parts.port is None:
        raise ValueError(f"{text!r} has no port; write grpc://127.0.0.1:PORT")
    return text


Endpoint = Annotated[str, AfterValidator(_endpoint)]


class Settings(BaseModel):
    """Which Cloud Run service, and how to reach its Admin API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str = Field(
        pattern=r"^[a-z][a-z0-9:.-]{1,98}[a-z0-9]$",
        description="The Google Cloud project's id.",
        examples=["shop-production"],
    )
    region: str = Field(
        pattern=r"^[a-z][a-z0-9-]*[a-z0-9]$",
        description="The Cloud Run region.",
        examples=["europe-west1"],
    )
    service: str = Field(
        pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$",
        max_length=_SERVICE_NAME_MAX,
        description="The Cloud Run service's name. It has to exist and to serve: Surefoot releases into it.",
        examples=["shop"],
    )
    endpoint: Endpoint = Field(
        default="",
        description="Where the Admin API is. Empty: Google's own. A host name: that host by TLS, with "
        "application-default credentials. grpc://127.0.0.1:PORT: a rehearsal on this machine, in plain text.",
        examples=["", "grpc://127.0.0.1:8085"],
    )
    change_within: Duration = Field(
        default="5m",
        description="How long a change may take until it is observed; longer is a failure. Cloud Run gives a new "
        "revision up to 4 minutes to start.",
        examples=["5m"],
    )
    poll_every: Duration = Field(
        default="1s",
        description="How long to wait between two looks at a change that is on its way.",
        examples=["1s"],
    )

    @property
    def parent(self) -> str:
        """Return the location's resource name."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def change_within_s(self) -> float:
        """Return how long a change may take, seconds."""
        return parse_duration(self.change_within)

    @property
    def poll_every_s(self) -> float:
        """Return the longest wait between two looks, seconds."""
        return parse_duration(self.poll_every)

    @property
    def name(self) -> str:
        """Return the service's resource name."""
        return f"{self.parent}/services/{self.service}"


def connect(settings: Settings, _plan: Plan, on_call: "OnCall | None" = None) -> "CloudRun":
    """Return the service as a target; call it inside a running event loop, since the channel belongs to that loop."""
    from tasks.targets.cloud_run.target import CloudRun  # noqa: PLC0415 (the SDK takes a second to import)

    return CloudRun.connect(settings, on_call)


def plan_problem(_settings: Settings, _plan: Plan) -> str:
    """Return "": Cloud Run splits traffic by any whole percent, and needs not know the next."""
    return ""


def promises(_settings: Settings, _plan: Plan) -> tuple[str, ...]:
    """Return nothing: Cloud Run leaves a split as it is until somebody writes the next."""
    return ()


def undo_command(settings: Settings, traffic: Traffic) -> str:
    """Return the gcloud command that gives this traffic by hand."""
    shares = ",".join(f"{name}={percent}" for name, percent in traffic.shares)
    where = (f"--region={settings.region}", f"--project={settings.project}")
    return shlex.join(
        ["gcloud", "run", "services", "update-traffic", settings.service, f"--to-revisions={shares}", *where]
    )
