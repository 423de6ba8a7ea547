"""The platforms we can deploy to: one module each, found by the `kind` a service file names."""

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, cast

from pydantic import BaseModel

from surefoot.errors import ConfigError
from surefoot.rollout import Plan, Step
from surefoot.service import Place
from surefoot.target import Target
from surefoot.traffic import Traffic

TARGETS: Mapping[str, str] = {"cloud_run": "tasks.targets.cloud_run", "ecs": "tasks.targets.ecs"}
# What a target is connected with by those who only look.
AT_ONCE = Plan((Step(100, 0.0),))

OnCall = Callable[[str], None]


class Adapter(Protocol):
    """What a target's module has to offer."""

    Settings: type[BaseModel]

    def connect(self, settings: BaseModel, plan: Plan, on_call: OnCall | None = None) -> Target:
        """Return the target; called inside a running event loop, and only here are SDKs imported."""
        ...

    def plan_problem(self, settings: BaseModel, plan: Plan) -> str:
        """Return why the platform cannot climb so, with the nearest that it can; "" where it can."""
        ...

    def promises(self, settings: BaseModel, plan: Plan) -> tuple[str, ...]:
        """Return what the platform itself sees to during such a climb, a sentence each; `surefoot plan` prints it."""
        ...

    def undo_command(self, settings: BaseModel, traffic: Traffic) -> str:
        """Return what a person would type by hand to get this traffic."""
        ...


def settings_model(kind: str) -> type[BaseModel]:
    """Return the model that a target's settings are validated with; ConfigError for a kind we do not have."""
    return _adapter(kind).Settings


def connect(place: Place, plan: Plan = AT_ONCE, on_call: OnCall | None = None) -> Target:
    """Return the target at a place; some platforms have to know the `plan` of a climb when it begins.

    `on_call` is told of each API call (`GetService projects/…`) before it is made.
    """
    adapter, settings = _at(place)
    return adapter.connect(settings, plan, on_call)


def plan_problem(place: Place, plan: Plan) -> str:
    """Return why the platform cannot climb so, with the nearest that it can; "" where it can."""
    adapter, settings = _at(place)
    return adapter.plan_problem(settings, plan)


def promises(place: Place, plan: Plan) -> tuple[str, ...]:
    """Return what the platform itself sees to during such a climb, a sentence each."""
    adapter, settings = _at(place)
    return adapter.promises(settings, plan)


def undo_command(place: Place, traffic: Traffic) -> str:
    """Return what a person would type by hand, without Surefoot, to get this traffic."""
    adapter, settings = _at(place)
    return adapter.undo_command(settings, traffic)


def _at(place: Place) -> tuple[Adapter, BaseModel]:
    adapter = _adapter(place.kind)
    return adapter, adapter.Settings.model_validate(dict(place.settings))


def _adapter(kind: str) -> Adapter:
    if kind not in TARGETS:
        near = difflib.get_close_matches(kind, TARGETS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there is {', '.join(TARGETS)}"
        raise ConfigError(f"no target is called {kind!r}; {meant}")
    return cast("Adapter", import_module(TARGETS[kind]))
