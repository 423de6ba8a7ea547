"""Other terms than a rollout was judged on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from surefoot.errors import ConfigError
from surefoot.terms import Terms
from tasks.cases.shares import share
from tasks.settings.near import near

_QUANTILES = ("p50", "p95", "p99")
_MOST_CHANCE, _MOST_RATE, _MOST_SLOWER = 0.5, 1.0, 100.0


def changes_of(false_alarm: str | None, harms: Sequence[str], planned_looks: int | None) -> dict[str, Any]:
    """Return what was typed as fields of the terms; ConfigError with all that is wrong with it."""
    changes: dict[str, Any] = {"planned_looks": planned_looks} if planned_looks else {}
    wrong = []
    for option, name, text in (
        *([("--false-alarm", "false_alarm", false_alarm)] if false_alarm is not None else []),
        *(("--harm", *_parts(each)) for each in harms),
    ):
        try:
            changes |= _change(name, text, changes)
        except ValueError as problem:
            wrong.append(f"{option}: {problem}")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return changes


def on(terms: Terms, changes: Mapping[str, Any]) -> Terms:
    """Return terms with what was typed in its place; a quantile that was not looked at then is looked at now."""
    if "latency" in changes:
        changes = {**changes, "latency": {**terms.latency, **changes["latency"]}}
    return replace(terms, **changes)


def _change(name: str, text: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    if name == "false_alarm":
        return {name: _share(text, _MOST_CHANCE)}
    if name == "errors":
        return {"error_rate": _share(text, _MOST_RATE)}
    if name in _QUANTILES:
        return {"latency": {**changes.get("latency", {}), name: _share(text, _MOST_SLOWER)}}
    raise ValueError(f"{name!r} is unknown; {near(name, ('errors', *_QUANTILES))}")


def _share(text: str, most: float) -> float:
    try:
        return share(text, most)
    except ValueError as problem:
        raise ValueError(f"{text!r} {problem}") from problem


def _parts(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value
