"""A check from its first request to its last: cookies and carried values go along."""

import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

import aiohttp

from surefoot.answer import Answer
from surefoot.check import Check, Request
from tasks.probes.http import Exchange, ask

_PLACE = re.compile(r"\{([A-Za-z_]\w*)\}")


async def walk(check: Check, url: str, who: aiohttp.ClientSession) -> AsyncGenerator[Exchange, None]:
    """Make a check's requests one after the other; the first that fails is the last."""
    carried: dict[str, str] = {}
    for request in check.requests:
        seen = await ask(who, url, request, _filled(request, carried), check.timeout_s)
        if seen.answer and not seen.problem:
            seen = _keep(request, seen.answer, seen, carried)
        yield seen
        if seen.problem:
            return


def _keep(request: Request, answer: Answer, seen: Exchange, carried: dict[str, str]) -> Exchange:
    for name, where in request.capture.items():
        try:
            carried[name] = found(where, answer)
        except (LookupError, ValueError) as problem:
            return replace(seen, problem=f"nothing to carry as {name}: {problem}", cause=f"nothing to carry as {name}")
    return seen


def found(where: str, answer: Answer) -> str:
    """Return the value that a capture names; LookupError or ValueError say why there is none."""
    if where.startswith("$"):
        return _written(_by_jsonpath(where, answer))
    if re.match(r"(json|header)\b[.\[]", where):
        return _written(answer.value(where))
    return _by_pattern(where, answer.text)


def _by_pattern(pattern: str, text: str) -> str:
    try:
        match = re.search(pattern, text)
    except re.error as problem:
        raise ValueError(f"{pattern} is not a regular expression: {problem}") from None
    if match is None:
        raise LookupError(f"nothing matches {pattern}")
    return (match[1] if match.re.groups else match[0]) or ""


def _by_jsonpath(path: str, answer: Answer) -> object:
    # Imported where it is used: most checks carry nothing, and it costs 50 ms.
    import jsonpath  # noqa: PLC0415

    try:
        matches = jsonpath.findall(path, answer.json)
    except jsonpath.JSONPathError as problem:
        raise ValueError(f"{path} is not a JSONPath: {problem}") from None
    if not matches:
        raise LookupError(f"there is no {path}")
    return matches[0]


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _filled(request: Request, carried: Mapping[str, str]) -> Request:
    if not carried:
        return request

    def fill(text: str) -> str:
        # Only what was carried is a place: a GraphQL body has braces of its own.
        return _PLACE.sub(lambda place: carried.get(place[1], place[0]), text)

    return replace(
        request,
        path=fill(request.path),
        headers={name: fill(value) for name, value in request.headers.items()},
        body=None if request.body is None else fill(request.body),
    )
