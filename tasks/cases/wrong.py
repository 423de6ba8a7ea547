"""What is wrong with a recorded rollout, in words: what is there, and what would be right."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from tasks.cases.model import Case, Limited, OfRate, Seen, Side, Strict
from tasks.settings.mistake import Found
from tasks.settings.near import near

_COUNT = "a whole number, 0 or more"
_WANTED = {
    "false_alarm": "a chance above 0 and at most 0.5, such as 0.01",
    "planned_looks": "a whole number, 1 or more",
    "limits": 'an object such as {"error_rate": {"harm": 0.015}}',
    "looks": "a list of looks",
    "seconds": "a number of seconds, 0 or more",
    "stable": "an object with requests and errors, or null where nobody could look",
    "canary": "an object with requests and errors, or null where nobody could look",
    "share": "the canary's share of the traffic, 0 to 1",
    "requests": _COUNT,
    "errors": _COUNT,
    "classes": 'an object of counts such as {"5xx": 3}',
    "latency_ms": "a list of pairs [milliseconds, how many]",
    "blind": "a text that says why nobody could look",
    "limit": "a latency in milliseconds, above 0",
    "harm": 'a worsening such as 0.015 or "1.5%"',
}
_ONE_LIMIT = 'an object such as {"harm": 0.015}'
_LOOK = "an object with seconds, stable and canary"
_ROLLOUT = "a rollout: an object with limits and looks"
_OF_PAIR = ("a latency in milliseconds, above 0", _COUNT)
_PAIR = "a pair [milliseconds, how many]"
# What may stand in an object, by the last name that leads to it.
_KNOWN: Mapping[str, type[Strict]] = {"": Case, "limits": Limited, "looks": Seen, "stable": Side, "canary": Side}
_SHOWN = 60


def wrong_in(problem: ValidationError) -> Iterator[Found]:
    """Yield all that is wrong, in the order of the model, each place once."""
    said = set()
    for each in problem.errors(include_url=False):
        found = _found(tuple(each["loc"]), each)
        if found.path not in said:
            said.add(found.path)
            yield found


def _found(path: tuple[str | int, ...], error: Mapping[str, Any]) -> Found:
    kind = error["type"]
    if kind == "extra_forbidden":
        known = _KNOWN.get(_name(path[:-1]), OfRate).model_fields
        return Found(path, f"unknown; {near(str(path[-1]), known)}", on_key=True)
    if kind == "missing" and isinstance(path[-1], int):  # half a pair
        path, kind = path[:-1], ""
    if kind == "missing":
        return Found(path, f"is missing; it is {_wanted(path)}", missing=True)
    if kind == "value_error":
        return Found(path, f"{_shown(error['input'])} {error['ctx']['error']}")
    if kind == "json_invalid":
        return Found(path, f"cannot be read: {error['ctx']['error']}")
    return Found(path, f"{_shown(error['input'])} is not {_wanted(path)}")


def _wanted(path: tuple[str | int, ...]) -> str:
    name = _name(path)
    places = path[path.index(name) + 1 :] if name else ()
    if name == "latency_ms" and places:
        return _OF_PAIR[int(places[1])] if len(places) > 1 else _PAIR
    if name == "looks" and places:
        return _LOOK
    if not name:
        return _ROLLOUT
    if path[-2:-1] == ("classes",):
        return _COUNT
    return _WANTED.get(name, _ONE_LIMIT)


def _name(path: tuple[str | int, ...]) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
