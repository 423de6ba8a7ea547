"""The source `probes`: our own requests, which need no settings beyond the checks and the plan."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from surefoot.rollout import Plan
from surefoot.service import Environment

if TYPE_CHECKING:
    from tasks.vitals.probes import Probes


class Settings(BaseModel):
    """Our own requests: `checks` say what is asked, `rollout.probes_per_second` how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def connect(_settings: Settings, environment: Environment, _token: str) -> "Probes":
    """Return the environment's checks as a source."""
    from tasks.vitals.probes import Probes  # noqa: PLC0415 (aiohttp takes longer to import than a file to check)

    return Probes(environment.checks, environment.plan.probes_per_s)


def plan_problem(_settings: Settings, _plan: Plan) -> str:
    """Return "": our own requests are answered at once, whatever the climb."""
    return ""
