"""What has to be true between the fields of a service file.

The rules read the file's plain values, right or wrong, so that they speak although something else is wrong too.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from surefoot.units import parse_percent
from tasks.settings.document import Path
from tasks.settings.mistake import Found
from tasks.settings.secrets import sounds_secret

_SENDS_A_SECRET = {"authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"}
_CARRIED = re.compile(r"\{([A-Za-z_]\w*)\}")
_QUERY = re.compile(r"[?&]([^=&#]+)=([^&#]*)")
_NO_CREDENTIALS = "checks carry no credentials; check an address that needs none"


def broken_rules(tree: Any) -> Iterator[Found]:
    """Yield every broken rule of a service file."""
    yield from _empty(tree, ())
    shared = _list(tree, "checks")
    yield from _checks(shared, ("checks",), ())
    places: dict[str, Path] = {}
    for name, environment in _mapping(tree, "environments").items():
        at: Path = ("environments", name)
        if not isinstance(environment, dict):
            continue
        yield from _climb(_list(environment.get("rollout"), "steps"), (*at, "rollout", "steps"))
        yield from _checks(_list(environment, "checks"), (*at, "checks"), shared)
        if not shared and not environment.get("checks"):
            yield Found((*at, "checks"), "missing: nothing is checked here, so nothing could ever pass", missing=True)
        yield from _own_place(environment.get("target"), at, places)


def _empty(value: Any, at: Path) -> Iterator[Found]:
    """A key without a value is a slip, not a choice: an empty `approval:` must not mean that nobody is asked."""
    if value is None:
        yield Found(at, "empty; write a value, in quotes when it has a # in it, or leave the key out")
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        if key != "json":
            yield from _empty(each, (*at, key))


def _climb(steps: list[Any], at: Path) -> Iterator[Found]:
    before, before_at = 0.0, None
    for index, step in enumerate(steps):
        percent = _percent(step.get("traffic") if isinstance(step, dict) else None)
        here: Path = (*at, index, "traffic")
        if percent is None:
            before_at = here
            continue
        if percent <= before:
            yield Found(
                here,
                f"{percent:g} % comes after {before:g} %; steps only climb. Move it up, or drop it",
                also=before_at,
            )
        elif index == len(steps) - 1 and percent != 100:
            yield Found(here, f"the last step is {percent:g} %; a climb ends at 100%. Add {{traffic: 100%, watch: 5m}}")
        before, before_at = max(before, percent), here


def _checks(checks: list[Any], at: Path, shared: list[Any] | tuple[()]) -> Iterator[Found]:
    names = {check["name"]: "the checks of all environments" for check in shared if _named(check)}
    for index, check in enumerate(checks):
        here: Path = (*at, index)
        if not isinstance(check, dict):
            continue
        if _named(check):
            name = check["name"]
            if name in names:
                yield Found((*here, "name"), f"{name!r} is already a name in {names[name]}; names tell checks apart")
            names.setdefault(name, "this list")
        yield from _one_or_steps(check, here)
        yield from _requests(check, here)


def _one_or_steps(check: Mapping[str, Any], at: Path) -> Iterator[Found]:
    if "path" not in check and "steps" not in check:
        yield Found((*at, "path"), "missing: write path for one request, or steps for a journey", missing=True)
    if "steps" in check:
        for key in ("path", "method", "headers", "body", "json", "expect", "capture"):
            if key in check:
                yield Found((*at, key), "belongs to a request; with steps, write it in one of them", on_key=True)


def _requests(check: Mapping[str, Any], at: Path) -> Iterator[Found]:
    carried: set[str] = set()
    steps = _list(check, "steps")
    requests = [((*at, "steps", index), step) for index, step in enumerate(steps)] if steps else [(at, check)]
    for here, request in requests:
        if isinstance(request, dict):
            yield from _request(request, here, carried)
            carried |= set(_mapping(request, "capture"))


def _request(request: Mapping[str, Any], at: Path, carried: set[str]) -> Iterator[Found]:
    if "body" in request and "json" in request:
        yield Found((*at, "json"), "there is a body already; send one of the two", on_key=True)
    for name in _mapping(request, "headers"):
        if str(name).lower() in _SENDS_A_SECRET:
            yield Found((*at, "headers", name), _NO_CREDENTIALS, secret=True)
    path = request.get("path")
    path = path if isinstance(path, str) else ""
    if any(sounds_secret(name) and not _CARRIED.search(value) for name, value in _QUERY.findall(path)):
        yield Found((*at, "path"), _NO_CREDENTIALS, secret=True)
    yield from _secrets(request.get("json"), (*at, "json"))
    for name in _CARRIED.findall(path):
        if name not in carried:
            yield Found(
                (*at, "path"), f"nothing before captures {{{name}}}; add capture: {{{name}: json.…}} to an earlier step"
            )


def _secrets(value: Any, at: Path) -> Iterator[Found]:
    """A password in a body is one in a file; what an earlier answer gave (`{token}`) is not."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        if isinstance(each, str | int) and sounds_secret(str(key)) and not _CARRIED.search(str(each)):
            yield Found((*at, key), _NO_CREDENTIALS, secret=True)
        yield from _secrets(each, (*at, key))


def _own_place(target: Any, at: Path, places: dict[str, Path]) -> Iterator[Found]:
    if not isinstance(target, dict):
        return
    place = repr(sorted((str(key), str(value)) for key, value in target.items()))
    if place in places:
        yield Found(
            (*at, "target"), f"the same place as {'.'.join(map(str, places[place]))}; they would undo each other"
        )
    places.setdefault(place, at)


def _percent(value: Any) -> float | None:
    try:
        return round(parse_percent(value) * 100, 6)
    except (ValueError, AttributeError):
        return None


def _named(check: Any) -> bool:
    return isinstance(check, dict) and isinstance(check.get("name"), str)


def _mapping(value: Any, key: str) -> dict[str, Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _list(value: Any, key: str) -> list[Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else []
