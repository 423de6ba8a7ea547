"""ECS as a target, through its native deployments: each step of ECS's own climb waits for our judge."""

import re
import shlex
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from surefoot.release import Address
from surefoot.rollout import Plan
from surefoot.traffic import Traffic
from surefoot.units import duration, parse_duration
from tasks.loopback import is_loopback
from tasks.targets.ecs.climb import Climb, problem_of, silence_min
from tasks.targets.patience import Duration

if TYPE_CHECKING:
    from tasks.targets import OnCall
    from tasks.targets.ecs.target import Ecs

# `https://…` is an address.
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): *(?!//)(\S.*)")


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address carries no name or password; write https://shop.example.com")
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError(f"{text!r} is no address of a service; write https://shop.example.com")
    return text.rstrip("/")


def _preview(text: str) -> str:
    return text if _HEADER.fullmatch(text) else _url(text)


def _endpoint(text: str) -> str:
    if text and not text.startswith("https://") and not is_loopback(urlsplit(_url(text)).hostname or ""):
        raise ValueError(f"{text!r} is plain text to another machine; write https://… or leave endpoint out")
    return _url(text)


def _hook_timeout(text: str) -> str:
    if text and not 60 <= parse_duration(text) <= 20_160 * 60:
        raise ValueError(f"{text!r} is not between 1m and 14d, which is what ECS allows")
    return text


class Settings(BaseModel):
    """Which ECS service, and what its load balancer does not say by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: str = Field(pattern=r"^[a-z]{2,5}(-[a-z]+)+-\d$", description="The AWS region.", examples=["eu-west-1"])
    cluster: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,255}$", description="The ECS cluster's name.", examples=["production"]
    )
    service: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,255}$",
        description="The ECS service's name. It has to exist and to serve: Surefoot releases into it.",
        examples=["shop"],
    )
    strategy: Literal["native", "rolling"] = Field(
        default="native",
        description="native: ECS's own CANARY, LINEAR or BLUE_GREEN, as the steps say, behind an Application Load "
        "Balancer. rolling: for a service without one; ECS replaces its tasks, its circuit breaker watches them.",
        examples=["native"],
    )
    url: Annotated[str, AfterValidator(_url)] = Field(
        default="",
        description="The service's public address. Empty: what the load balancer says of its production rule.",
        examples=["", "https://shop.example.com"],
    )
    preview: Annotated[str, AfterValidator(_preview)] = Field(
        default="",
        description="What leads to the new revision before users do: an address, or a header such as "
        "`x-preview: canary`. Empty: what the load balancer says of its test rule.",
        examples=["", "https://shop.example.com:8443", "x-preview: canary"],
    )
    container: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_-]{0,255}$",
        description="The container that runs the release. Empty: the one that the load balancer sends requests to.",
        examples=["", "web"],
    )
    hook_timeout: Annotated[str, AfterValidator(_hook_timeout)] = Field(
        default="",
        description="After so long a silence of Surefoot ECS puts a release back by itself. Empty: the plan's longest "
        "watch and its patience, and two minutes more.",
        examples=["", "30m"],
    )
    endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(
        default="",
        description="Where AWS's APIs are. Empty: as the SDK finds them (AWS_ENDPOINT_URL, or AWS's own). "
        "http://127.0.0.1:PORT: a rehearsal on this machine, without credentials.",
        examples=["", "http://127.0.0.1:8702"],
    )
    change_within: Duration = Field(
        default="15m",
        description="How long a change may take until it is observed, new tasks' start among it; longer is a failure.",
        examples=["15m"],
    )
    poll_every: Duration = Field(
        default="2s",
        description="How long to wait between two looks at a change that is on its way.",
        examples=["2s"],
    )

    @property
    def rolling(self) -> bool:
        """Return whether ECS replaces tasks in place, without a split of users."""
        return self.strategy == "rolling"

    @property
    def change_within_s(self) -> float:
        """Return how long a change may take, seconds."""
        return parse_duration(self.change_within)

    @property
    def poll_every_s(self) -> float:
        """Return the longest wait between two looks, seconds."""
        return parse_duration(self.poll_every)

    @property
    def hook_timeout_min(self) -> int | None:
        """Return the silence that was chosen, minutes; None where the plan says it."""
        return -(-round(parse_duration(self.hook_timeout)) // 60) if self.hook_timeout else None

    def previewed(self, url: str) -> Address | None:
        """Return the address that the file gives for the new revision, None where it gives none."""
        if header := _HEADER.fullmatch(self.preview):
            return Address(url, ((header[1], header[2]),))
        return Address(self.preview) if self.preview else None


def connect(settings: Settings, plan: Plan, on_call: "OnCall | None" = None) -> "Ecs":
    """Return the service as a target; Refused where the installed SDK is too old for native deployments."""
    from tasks.targets.ecs.target import Ecs  # noqa: PLC0415 (the SDK takes its time to import)

    return Ecs.connect(settings, Climb.of(plan, settings.hook_timeout_min), on_call)


def plan_problem(settings: Settings, plan: Plan) -> str:
    """Return why ECS cannot climb so, with the nearest that it can; "" where it can."""
    return problem_of(plan, rolling=settings.rolling, hook_timeout_min=settings.hook_timeout_min)


def promises(settings: Settings, plan: Plan) -> tuple[str, ...]:
    """Return what ECS itself sees to during such a climb."""
    if settings.rolling:
        return ("ECS replaces the tasks (ROLLING) and puts them back by its circuit breaker",)
    minutes = settings.hook_timeout_min or silence_min(plan)
    climb = Climb.of(plan, settings.hook_timeout_min)
    return (
        f"ECS moves users itself ({climb.said}), one step at each word of ours",
        f"ECS puts the release back by itself after {duration(minutes * 60)} without one",
    )


def undo_command(settings: Settings, _traffic: Traffic) -> str:
    """Return what ends the deployment at work by hand: ECS then goes back to what was before it."""
    where = f"--cluster {shlex.quote(settings.cluster)} --service {shlex.quote(settings.service)}"
    region = f"--region {shlex.quote(settings.region)}"
    arn = (
        f"aws ecs list-service-deployments {where} {region} --status IN_PROGRESS "
        "--query 'serviceDeployments[0].serviceDeploymentArn' --output text"
    )
    return f'aws ecs stop-service-deployment --stop-type ROLLBACK {region} --service-deployment-arn "$({arn})"'
