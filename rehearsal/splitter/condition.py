"""What a rule asks of a request's head, as load balancers write it: values with `*` and `?`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from urllib.parse import unquote_plus

from rehearsal.splitter.message import Request


class Field(Enum):
    """The part of a head that a condition looks at."""

    HEADER = "http-header"
    HOST = "host-header"
    METHOD = "http-request-method"
    PATH = "path-pattern"
    QUERY = "query-string"


@dataclass(frozen=True)
class Condition:
    """True where any of the values matches; `*` stands for anything, `?` for one character.

    Paths and methods tell upper from lower case, the rest does not. `name` is a header's. A query's value is
    `KEY=VALUE` or, for any key, `=VALUE`.
    """

    field: Field
    values: tuple[str, ...]
    name: str = ""

    def holds(self, request: Request) -> bool:
        """Say whether a request meets it."""
        return any(self._pattern.fullmatch(said) for said in self._said(request))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        exact = self.field in (Field.PATH, Field.METHOD)
        values = (f"*{value}" if self.field is Field.QUERY and value[:1] == "=" else value for value in self.values)
        return re.compile("|".join(map(_as_regex, values)), re.DOTALL | (0 if exact else re.IGNORECASE))

    def _said(self, request: Request) -> Iterator[str]:
        path, _, asked = request.target.decode("latin-1").partition("?")
        if self.field is Field.HEADER:
            wanted = self.name.lower().encode()
            yield from (value.decode("latin-1") for name, value, _ in request.fields if name == wanted)
        elif self.field is Field.HOST:
            yield re.sub(r":\d+$", "", (request.get(b"host") or b"").decode("latin-1"))
        elif self.field is Field.METHOD:
            yield request.method.decode("latin-1")
        elif self.field is Field.PATH:
            yield path
        else:
            yield from (unquote_plus(pair if "=" in pair else f"{pair}=") for pair in asked.split("&") if pair)


def all_hold(conditions: Sequence[Condition], request: Request) -> bool:
    """Say whether a request meets every condition."""
    return all(condition.holds(request) for condition in conditions)


def _as_regex(value: str) -> str:
    return re.escape(value).replace(r"\*", ".*").replace(r"\?", ".")
