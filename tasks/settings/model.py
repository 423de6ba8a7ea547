"""The service file as people write it: each field's one description is its documentation everywhere.

Values stay as written (`10m`, `5%`); `tasks.settings.meaning` turns them into the core's. Defaults are the core's own,
held to them by a test.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from surefoot.rollout import WhenUnclear
from surefoot.service import OnCrash, VitalsRule
from tasks.settings.written import (
    ApiUrl,
    Captured,
    Duration,
    Expected,
    Identifier,
    Name,
    Path,
    Share,
    SomeTime,
    TrafficPercent,
    secret_reference,
)

DEFAULT_SOURCE = VitalsRule().source


class Section(BaseModel):
    """A mapping of the file: unknown keys are mistakes, values are not guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Secret(Section):
    """Where a secret is, never what it is: one of the two."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    env: str = Field(
        default="", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="The environment variable that holds it."
    )
    prefect: str = Field(
        default="", pattern=r"^[a-z0-9][a-z0-9-]*$", description="The Prefect secret block that holds it."
    )


class Request(Section):
    """One request, and what its answer has to be."""

    path: Path = Field(description="The path below the release's address. `{name}` is replaced by a captured value.")
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        default="GET", description="The HTTP method."
    )
    headers: dict[str, str] = Field(
        default={}, description="Headers to send. Nothing secret: checks carry no credentials."
    )
    body: str | None = Field(default=None, description="The body to send, as it is.")
    json_: JsonValue = Field(default=None, alias="json", description="The body to send, as JSON (sets content-type).")
    expect: list[Expected] = Field(
        default=[],
        description="What has to be true of the answer, all of it: `status`, `time`, `size`, `text`, `header.<name>`, "
        "`json.<path>`, compared by `==`, `!=`, `<`, `<=`, `>`, `>=`, `contains`, `not contains`, `matches`, `exists`, "
        "`not exists`. Where nothing is said about the status, it has to be below 400.",
    )
    capture: dict[Identifier, Captured] = Field(
        default={},
        description="Values to carry to the journey's later requests: name to `json.<path>`, a JSONPath that "
        "begins with `$`, `header.<name>`, or a regular expression over the text with one group.",
    )


class Check(Request):
    """One request, or a journey of several `steps` that share cookies and captured values."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["path"]}, {"required": ["steps"]}]})

    name: str = Field(min_length=1, max_length=60, description="What people call it, in reports.", examples=["order"])
    path: Path = Field(default="", description="The path of the one request; leave it out for a journey.")
    steps: list[Request] = Field(default=[], min_length=1, description="A journey's requests, in order.")
    timeout: SomeTime = Field(default="10s", description="How long each request may take.")


class Step(Section):
    """One rung of the climb."""

    traffic: TrafficPercent = Field(description="The new release's share of the users' requests.")
    watch: Duration = Field(description="How long to look at it before going on; 0s only passes through.")


class Harm(Section):
    """The worsening that must not get through."""

    error_rate: Share = Field(
        default="2%", description="More failures than stable has, of all requests: 2% is 2 in 100 more."
    )
    latency: Share = Field(
        default="25%", description="Slower than stable, at p50, p95 or p99: 25% is a quarter slower."
    )
    false_alarm: Share = Field(
        default="1%", description="The chance of putting back a healthy release, over the whole rollout."
    )


class Rollout(Section):
    """How a release climbs: steps up to 100 %, and what is looked at meanwhile."""

    steps: list[Step] = Field(min_length=1, description="The climb, ending at 100%.")
    bake: Duration = Field(default="0s", description="How long to keep looking at 100 % before it counts as promoted.")
    compare: Duration = Field(
        default="0s",
        description="How long to compare with stable at 0 %, by preview address, before any user is sent there.",
    )
    look: SomeTime = Field(
        default="5s",
        description="The time between two looks; longer where the source of vitals sees no window as short.",
    )
    probes_per_second: float = Field(
        default=2.0, gt=0, le=1000, description="How many requests of ours go to each side in a second."
    )
    patience: Duration = Field(default="10m", description="How much longer than its watch a step may stay unclear.")
    when_unclear: Literal["roll_back", "ask"] = Field(
        default=WhenUnclear.ROLL_BACK.value,
        description="What to do when patience has run out: put it back, or ask a person.",
    )
    harm: Harm = Field(default=Harm(), description="What is too much.")


class Limits(Section):
    """What a new release has to keep, whatever the one before it did."""

    error_rate: Share | None = Field(default=None, description="The most requests that may fail.", examples=["1%"])
    p50: SomeTime | None = Field(default=None, description="Half of the answers come within.", examples=["200ms"])
    p95: SomeTime | None = Field(default=None, description="19 of 20 answers come within.", examples=["800ms"])
    p99: SomeTime | None = Field(default=None, description="99 of 100 answers come within.", examples=["2s"])


class Approval(Section):
    """Who says yes before anything is changed here."""

    approvers: list[str] = Field(default=[], description="Who may say yes; empty: anybody who can open the form.")
    within: SomeTime = Field(default="3d", description="How long to wait for a yes; after that it is a no.")


class Slack(Section):
    """Where people are told."""

    channel: str = Field(
        pattern=r"^(#[^\s#]{1,80}|[CGD][A-Z0-9]{6,})$",
        description="The channel's name or id; in quotes, since # begins a comment.",
        examples=["#shop-releases"],
    )
    token: Annotated[Secret, BeforeValidator(secret_reference)] = Field(description="A bot's token, by reference.")
    mention: str = Field(
        default="", description="Whom to mention when a person is needed.", examples=["@ana", "<!here>"]
    )
    api_url: ApiUrl = Field(default="https://slack.com/api/", description="Slack's address, or a stand-in's.")


class Notices(Section):
    """Who is told, and where."""

    slack: Slack | None = Field(default=None, description="Tell them in Slack.")


class Environment(Section):
    """A place we deploy to."""

    target: dict[str, JsonValue] = Field(description="The platform, by its `kind`, and the place on it.")
    rollout: Rollout = Field(description="How a release climbs here.")
    limits: Limits = Field(default=Limits(), description="What a new release has to keep, whatever stable does.")
    vitals: dict[str, JsonValue] = Field(
        default={"source": DEFAULT_SOURCE},
        description="Where the numbers come from that stable and canary are compared by, by its `source`.",
    )
    checks: list[Check] = Field(default=[], description="What is checked here, besides the checks of all environments.")
    approval: Approval | None = Field(default=None, description="Who says yes first. Left out: nobody is asked.")
    notices: Notices | None = Field(default=None, description="Who is told. Left out: nobody is.")
    on_crash: Literal["restore", "resume"] = Field(
        default=OnCrash.RESTORE.value, description="What the watchdog does with a rollout whose process died."
    )


class ServiceFile(Section):
    """What is deployed, and all the places it is deployed to: one file a service."""

    name: Name = Field(description="The service's name: in Slack, in commands, in runs.")
    repository: str = Field(
        default="",
        pattern=r"^https://\S+[^\s/]$",
        description="Where its commits can be looked at.",
        examples=["https://github.com/example/shop"],
    )
    checks: list[Check] = Field(default=[], description="What is checked in every environment.")
    environments: dict[Name, Environment] = Field(
        min_length=1, description="The places, by name; `staging` and `production` are what the flows ask for."
    )
