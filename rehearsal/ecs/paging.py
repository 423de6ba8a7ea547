"""Lists in pages, as maxResults and nextToken ask for them."""

import base64
from collections.abc import Sequence
from typing import Any

from rehearsal.ecs.refusals import invalid


def page(key: str, items: Sequence[Any], params: dict[str, Any], most: int = 100) -> dict[str, Any]:
    """Return the page of `items` under `key` that the request asks for, with the token of the next one."""
    size, start = int(params.get("maxResults") or most), _start(params.get("nextToken"))
    if not 1 <= size <= 100:
        raise invalid("maxResults must be between 1 and 100.")
    answer: dict[str, Any] = {key: list(items[start : start + size])}
    if start + size < len(items):
        answer["nextToken"] = base64.b64encode(f"from:{start + size}".encode()).decode()
    return answer


def _start(token: str | None) -> int:
    if not token:
        return 0
    try:
        word, _, number = base64.b64decode(token, validate=True).decode().partition(":")
        if word == "from":
            return int(number)
    except ValueError:
        pass
    raise invalid("Invalid token.")
