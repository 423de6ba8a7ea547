"""Vitals from a Prometheus that scrapes the service, or what stands before it: counters, side by side."""

import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from surefoot.rollout import Plan
from surefoot.service import Environment
from surefoot.units import parse_duration
from tasks.loopback import is_loopback
from tasks.settings.model import Secret
from tasks.settings.written import secret_reference
from tasks.vitals import too_short
from tasks.vitals.prometheus.selector import Selector

if TYPE_CHECKING:
    from tasks.vitals.prometheus.source import Prometheus

_ADDRESS = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/[\w./-]*)?", re.ASCII)
# A scrape may come a little late, and one may be missed.
_STALE_SCRAPES = 2.5


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise ValueError("an address with a password in it; refer to a token instead: token: {env: NAME}")
    if not _ADDRESS.fullmatch(text) or parts.port == 0:
        raise ValueError(f"{text!r} is not Prometheus' address; write http://prometheus:9090")
    return text.rstrip("/")


def _selector(text: str) -> str:
    if text:
        Selector.parse(text)
    return text


def _some_time(text: str) -> str:
    if parse_duration(text) <= 0:
        raise ValueError(f"{text!r} is no time at all; write 15s or 1m")
    return text


Url = Annotated[str, AfterValidator(_url)]
Counters = Annotated[str, AfterValidator(_selector)]
Length = Annotated[str, AfterValidator(_some_time)]


class Settings(BaseModel):
    """Where Prometheus is, and which of its counters are the users' requests to one revision.

    Selectors are plain: no functions, no sums. `$revision` in one is the revision's name, `$<label>` what else its
    platform's metrics know it by.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url = Field(description="Prometheus' address, without /api/v1.", examples=["http://prometheus:9090"])
    requests: Counters = Field(
        min_length=1,
        description="The counters of finished requests, by a selector.",
        examples=['http_requests_total{service="shop", revision="$revision"}'],
    )
    latency: Counters = Field(
        min_length=1,
        description="The buckets of how long they took, a classic histogram in seconds. Native ones are not read.",
        examples=['http_request_duration_seconds_bucket{service="shop", revision="$revision"}'],
    )
    code: str = Field(
        default="code",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="The label of `requests` that holds the status: 200, 5xx, timeout, connection. Failures are 5xx, "
        "timeout, and connection or 0.",
        examples=["code"],
    )
    errors: Counters = Field(
        default="",
        description="The counters of failed requests, where no label says it. They have to be there before the first "
        "failure, at 0.",
        examples=['http_errors_total{service="shop", revision="$revision"}'],
    )
    scrape_interval: Length = Field(
        default="15s", description="How often Prometheus scrapes these counters.", examples=["15s"]
    )
    delay: Length = Field(
        default="1s",
        description="How long after a scrape began its numbers can be asked for; more behind a remote write.",
        examples=["1s"],
    )
    stale_after: str = Field(
        default="",
        description="When the newest scrape is older than this, nothing is known. Empty: two and a half scrapes.",
        examples=["40s"],
    )
    token: Annotated[Secret, BeforeValidator(secret_reference)] | None = Field(
        default=None, description="A bearer token, by reference, where Prometheus asks for one."
    )

    @field_validator("stale_after")
    @classmethod
    def _not_between_scrapes(cls, text: str, others: ValidationInfo) -> str:
        interval = others.data.get("scrape_interval", "")
        if text and interval and parse_duration(text) < parse_duration(interval):
            raise ValueError(f"{text} is less than the {interval} between two scrapes; raise it, or leave it out")
        return text

    @field_validator("token")
    @classmethod
    def _not_in_plain_text(cls, token: Secret | None, others: ValidationInfo) -> Secret | None:
        parts = urlsplit(others.data.get("url", ""))
        if token and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError(f"{parts.geturl()} would be sent it in plain text; write https://…, or a loopback address")
        return token

    @property
    def interval_s(self) -> float:
        """Return the time between two scrapes, seconds."""
        return parse_duration(self.scrape_interval)

    @property
    def delay_s(self) -> float:
        """Return how long after a scrape began its numbers can be asked for, seconds."""
        return parse_duration(self.delay)

    @property
    def lag_s(self) -> float:
        """Return how late a request is seen: a scrape later at most, and what that takes, seconds."""
        return self.interval_s + self.delay_s

    @property
    def stale_s(self) -> float:
        """Return how old the newest scrape may be, seconds."""
        return parse_duration(self.stale_after) if self.stale_after else _STALE_SCRAPES * self.interval_s


def connect(settings: Settings, _environment: Environment, token: str) -> "Prometheus":
    """Return Prometheus as a source; `token` is the bearer token, "" where none is needed."""
    from tasks.vitals.prometheus.source import Prometheus  # noqa: PLC0415 (httpx takes longer than a file to check)

    return Prometheus.connect(settings, token)


def plan_problem(settings: Settings, plan: Plan) -> str:
    """Return which watch ends before two windows of it were seen, "" where none does."""
    return too_short("prometheus", plan, settings.lag_s, settings.interval_s)
