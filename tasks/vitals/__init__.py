"""Where vitals come from: one module a source, found by the `source` a service file names."""

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from pydantic import BaseModel

from surefoot.errors import ConfigError
from surefoot.release import Revision
from surefoot.rollout import Plan
from surefoot.service import Environment
from surefoot.units import duration
from surefoot.vitals import Look

# Kind to module, imported when a service asks for it.
SOURCES: Mapping[str, str] = {
    "probes": "tasks.vitals.ours",
    "prometheus": "tasks.vitals.prometheus",
    "cloud_monitoring": "tasks.vitals.cloud_monitoring",
    "cloudwatch": "tasks.vitals.cloudwatch",
}
# Sources that read the metrics of one platform, which knows nothing of what runs on another.
_ONLY_ON: Mapping[str, str] = {"cloud_monitoring": "cloud_run", "cloudwatch": "ecs"}


class Source(Protocol):
    """Sees stable and canary over the same window, side by side.

    `ours`: it sees requests that we send to both alike, not those of users. `lag_s` is how late its numbers are whole:
    a window that ended less than this ago is not looked at yet. `shortest_s` is the shortest window it can see. What it
    could not see is never raised: the vitals say so themselves (`blind`), both sides' where either cannot be trusted.
    """

    ours: bool
    lag_s: float
    shortest_s: float

    def begin(self) -> None:
        """Let the next look cover nothing that was before now: traffic was shifted just now."""
        ...

    async def look(self, stable: Revision, canary: Revision, seconds: float) -> Look:
        """Return what was seen from where the last look ended (or `begin`) up to `lag_s` before this returns.

        It takes about `seconds`, longer where lag and shortest window ask for it. Windows never overlap, and what lies
        between two looks is lost for neither.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Metrics(Source, Protocol):
    """A source that asks somebody's metrics system, which may refuse or know nothing of us."""

    async def reach(self, revision: Revision) -> str:
        """Return why nothing can be asked about a revision now, and what mends it; "" where an answer came."""
        ...


class Adapter(Protocol):
    """What a source's module has to offer.

    Settings are read back from text, so each field takes its own. One that needs a secret has a field `token` of
    `tasks.settings.model.Secret`: what it refers to comes to `connect` resolved, and is never in the settings then.
    """

    Settings: type[BaseModel]

    def connect(self, settings: BaseModel, environment: Environment, token: str) -> Source:
        """Return the source; called inside a running event loop, and only here are SDKs imported."""
        ...

    def plan_problem(self, settings: BaseModel, plan: Plan) -> str:
        """Return why such a climb cannot be looked at with this source, and what would do; "" where it can."""
        ...


def settings_model(kind: str) -> type[BaseModel]:
    """Return the model that a source's settings are validated with; ConfigError for a kind we do not have."""
    return _adapter(kind).Settings


def connect(environment: Environment, token: str = "") -> Source:
    """Return the source that an environment names; `token` is what `environment.vitals.token` refers to."""
    adapter, settings = _of(environment)
    return adapter.connect(settings, environment, token)


def plan_problem(environment: Environment) -> str:
    """Return why the environment's climb cannot be looked at with its source, and what would do; "" where it can."""
    kind, place = environment.vitals.source, environment.place.kind
    if _ONLY_ON.get(kind, place) != place:
        return f"{kind} knows what runs on {_ONLY_ON[kind]}, and this runs on {place}; look with probes or prometheus"
    adapter, settings = _of(environment)
    return adapter.plan_problem(settings, environment.plan)


def too_short(kind: str, plan: Plan, lag_s: float, shortest_s: float) -> str:
    """Return which watch of a plan ends before a source has seen two windows of it, "" where none does."""
    least_s = lag_s + 2 * shortest_s
    watches = [(f"{step.percent} % is watched", step.watch_s) for step in plan.steps]
    for what, watch_s in (*watches, ("the bake lasts", plan.bake_s)):
        if 0 < watch_s < least_s:
            return (
                f"{what} for {duration(watch_s)}, but {kind} shows nothing for {duration(lag_s)}, and then "
                f"{duration(shortest_s)} at a time; make it {duration(least_s)} or more, or look with probes"
            )
    return ""


def _of(environment: Environment) -> tuple[Adapter, BaseModel]:
    adapter = _adapter(environment.vitals.source)
    return adapter, adapter.Settings.model_validate(dict(environment.vitals.settings))


def _adapter(kind: str) -> Adapter:
    if kind not in SOURCES:
        near = difflib.get_close_matches(kind, SOURCES, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there is {', '.join(SOURCES)}"
        raise ConfigError(f"no source of vitals is called {kind!r}; {meant}")
    return cast("Adapter", import_module(SOURCES[kind]))
