"""All that is known about a service and the places we deploy it to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from surefoot.check import Check
from surefoot.rollout import Plan


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is, never what it is: an environment variable or a Prefect secret block."""

    env: str = ""
    prefect: str = ""

    def __str__(self) -> str:
        return f"{{env: {self.env}}}" if self.env else f"{{prefect: {self.prefect}}}"


@dataclass(frozen=True, slots=True)
class Place:
    """Which target, and that target's own settings as its adapter has validated them."""

    kind: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Who may say yes (empty: anybody who can reach the form), and within how many seconds."""

    approvers: tuple[str, ...] = ()
    within_s: float = 259_200.0


@dataclass(frozen=True, slots=True)
class SlackRule:
    """Where people are told: channel, token, whom to mention when something was put back."""

    channel: str
    token: SecretRef
    mention: str = ""
    api_url: str = "https://slack.com/api/"


@dataclass(frozen=True, slots=True)
class VitalsRule:
    """Where vitals come from, that source's own settings as its module has validated them, and its token if any."""

    source: str = "probes"
    settings: Mapping[str, str] = field(default_factory=dict)
    token: SecretRef | None = None


class OnCrash(StrEnum):
    """What the watchdog does with a rollout whose owner died."""

    RESTORE = "restore"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Environment:
    """A place with its target, plan, checks, approval and people to tell."""

    service: str
    name: str
    place: Place
    plan: Plan
    checks: tuple[Check, ...] = ()
    approval: ApprovalRule | None = None
    slack: SlackRule | None = None
    on_crash: OnCrash = OnCrash.RESTORE
    vitals: VitalsRule = VitalsRule()

    @property
    def key(self) -> str:
        """Return the name of the place in leases, ledger and messages: `shop/production`."""
        return f"{self.service}/{self.name}"


@dataclass(frozen=True, slots=True)
class Service:
    """What is deployed: one file (`source`). `repository` is where its commits can be looked at."""

    name: str
    environments: Mapping[str, Environment]
    repository: str = ""
    source: str = ""
