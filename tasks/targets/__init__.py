"""The platforms we can deploy to: one module each, found by the `kind` a service file names."""

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, cast

from pydantic import BaseModel

from surefoot.errors import ConfigError
from surefoot.service import Place
from surefoot.target import Target
from surefoot.traffic import Traffic

TARGETS: Mapping[str, str] = {"cloud_run": "tasks.targets.cloud_run"}

OnCall = Callable[[str], None]


class Adapter(Protocol):
    """What a target's module has to offer."""

    Settings: type[BaseModel]

    def connect(self, settings: BaseModel, on_call: OnCall | None = None) -> Target:
        """Return the target; called inside a running event loop, and only here are SDKs imported."""
        ...

    def undo_command(self, settings: BaseModel, traffic: Traffic) -> str:
        """Return what a person would type by hand to get this traffic."""
        ...


def settings_model(kind: str) -> type[BaseModel]:
    """Return the model that a target's settings are validated with; ConfigError for a kind we do not have."""
    return _adapter(kind).Settings


def connect(place: Place, on_call: OnCall | None = None) -> Target:
    """Return the target at a place; `on_call` is told of each API call (`GetService projects/…`) before it is made."""
    adapter = _adapter(place.kind)
    return adapter.connect(adapter.Settings.model_validate(dict(place.settings)), on_call)


def undo_command(place: Place, traffic: Traffic) -> str:
    """Return what a person would type by hand, without Surefoot, to get this traffic."""
    adapter = _adapter(place.kind)
    return adapter.undo_command(adapter.Settings.model_validate(dict(place.settings)), traffic)


def _adapter(kind: str) -> Adapter:
    if kind not in TARGETS:
        near = difflib.get_close_matches(kind, TARGETS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there is {', '.join(TARGETS)}"
        raise ConfigError(f"no target is called {kind!r}; {meant}")
    return cast("Adapter", import_module(TARGETS[kind]))
