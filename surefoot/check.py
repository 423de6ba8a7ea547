"""An expectation of a service, and what was seen when somebody looked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from surefoot.units import parse_duration

_EXPECTATION = re.compile(
    r"(?P<subject>status|text|size|time|header\.[A-Za-z0-9-]+|json(?:[.\[].*?)?)\s*"
    r"(?P<operator>==|!=|<=|>=|<|>|\bnot contains\b|\bcontains\b|\bmatches\b|\bexists\b)\s*(?P<value>.*)"
)


class Comparison(StrEnum):
    """How a seen value is held against the expected one."""

    EQUAL = "=="
    UNEQUAL = "!="
    AT_MOST = "<="
    AT_LEAST = ">="
    LESS = "<"
    MORE = ">"
    CONTAINS = "contains"
    LACKS = "not contains"
    MATCHES = "matches"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line such as `status == 200`, `json.items[0].name == "tea"`, `header.cache-control contains no-store`.

    `subject` is `status`, `text`, `size` (bytes), `time` (seconds), `header.<name>` or `json<path>`.
    """

    subject: str
    comparison: Comparison
    value: str | float | bool | None

    @classmethod
    def parse(cls, line: str) -> "Expectation":
        """Read one line; ValueError says what would be right."""
        match = _EXPECTATION.fullmatch(line.strip())
        if match is None:
            raise ValueError(
                f"{line!r} is not an expectation; write status == 200, time < 800ms, text contains …, "
                'header.<name> contains …, or json.<path> == "…"'
            )
        subject, comparison = match["subject"], Comparison(match["operator"])
        return cls(subject, comparison, _value(subject, comparison, match["value"].strip(), line))

    def __str__(self) -> str:
        value = "" if self.comparison is Comparison.EXISTS else f" {self.value!r}"
        return f"{self.subject} {self.comparison}{value}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a check: path below the address, and what its answer has to be.

    `capture` names values to carry to later requests: name to `json.<path>`, `header.<name>` or a regular expression
    with one group over the text. `{name}` in path, headers and body is replaced by the carried value.
    """

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    expect: tuple[Expectation, ...] = ()
    capture: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One request, or a journey of several that share cookies and carried values. `timeout_s` is for each request."""

    name: str
    requests: tuple[Request, ...]
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was seen when a check was made: `problem` is empty when all was as expected."""

    check: str
    seconds: float
    status: int | None = None
    problem: str = ""
    revision: str = ""

    @property
    def good(self) -> bool:
        """Return whether all was as expected."""
        return not self.problem


def _value(subject: str, comparison: Comparison, text: str, line: str) -> str | float | bool | None:
    if comparison is Comparison.EXISTS:
        return None
    if not text:
        raise ValueError(f"{line!r} has nothing after {comparison}")
    if comparison is Comparison.MATCHES:
        re.compile(text)
    if subject == "time":
        return parse_duration(text.replace(" ", ""))
    if subject in ("status", "size"):
        if not text.isdigit():
            raise ValueError(f"{text!r} in {line!r} is not a whole number")
        return float(text)
    return _literal(text)


def _literal(text: str) -> str | float | bool | None:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    words: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    try:
        return float(text)
    except ValueError:
        return text
