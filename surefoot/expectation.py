"""What is expected of an answer: one line each, held against what was seen."""

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from surefoot.answer import JSON_STEP, Answer
from surefoot.units import count, duration, parse_duration

_EXPECTATION = re.compile(
    rf"(?P<subject>status|text|size|time|header\.[A-Za-z0-9_-]+|json(?:{JSON_STEP})*)\s*"
    r"(?P<operator>==|!=|<=|>=|<|>|\bnot contains\b|\bcontains\b|\bmatches\b|\bnot exists\b|\bexists\b)\s*(?P<value>.*)"
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_SECRETIVE = re.compile(r"token|secret|passw|cookie|session|authorization|api.?key", re.IGNORECASE)
_SHOWN_MAX = 60

Scalar = str | float | bool | None


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
    ABSENT = "not exists"


_ORDER: dict[Comparison, Callable[[float, float], bool]] = {
    Comparison.AT_MOST: operator.le,
    Comparison.AT_LEAST: operator.ge,
    Comparison.LESS: operator.lt,
    Comparison.MORE: operator.gt,
}
_NUMERIC = (*_ORDER, Comparison.EQUAL, Comparison.UNEQUAL)
_WORDS = {
    Comparison.EQUAL: "",
    Comparison.UNEQUAL: "anything but ",
    Comparison.AT_MOST: "at most ",
    Comparison.AT_LEAST: "at least ",
    Comparison.LESS: "less than ",
    Comparison.MORE: "more than ",
    Comparison.CONTAINS: "it to contain ",
    Comparison.LACKS: "it not to contain ",
    Comparison.MATCHES: "it to match ",
    Comparison.EXISTS: "it to exist",
    Comparison.ABSENT: "it not to exist",
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line such as `status == 200`, `json.items[0].name == "tea"`, `header.cache-control contains no-store`.

    `subject` is `status`, `text`, `size` (bytes), `time` (seconds), `header.<name>` or `json<path>`.
    """

    subject: str
    comparison: Comparison
    value: Scalar

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

    def problem(self, answer: Answer) -> str:
        """Return what is wrong with an answer, with both values (`status is 500, expected 200`), or nothing."""
        try:
            seen = answer.value(self.subject)
        except LookupError as missing:
            return "" if self.comparison is Comparison.ABSENT else f"{missing}, expected {self._wanted}"
        except ValueError as unreadable:
            return f"{unreadable}; expected {self}"
        return "" if self._holds(seen) else f"{self.subject} is {_shown(self.subject, seen)}, expected {self._wanted}"

    @property
    def _wanted(self) -> str:
        if self.comparison in (Comparison.EXISTS, Comparison.ABSENT):
            return _WORDS[self.comparison]
        return _WORDS[self.comparison] + _written(self.subject, self.value)

    def _holds(self, seen: Any) -> bool:
        match self.comparison:
            case Comparison.EXISTS | Comparison.ABSENT:
                return self.comparison is Comparison.EXISTS
            case Comparison.EQUAL | Comparison.UNEQUAL:
                return _same(seen, self.value) is (self.comparison is Comparison.EQUAL)
            case Comparison.CONTAINS | Comparison.LACKS:
                return _contains(seen, self.value) is (self.comparison is Comparison.CONTAINS)
            case Comparison.MATCHES:
                return isinstance(seen, str) and re.search(str(self.value), seen) is not None
            case _:
                number = _number(self.subject, seen)
                return number is not None and _ORDER[self.comparison](number, float(self.value or 0))

    def __str__(self) -> str:
        if self.comparison in (Comparison.EXISTS, Comparison.ABSENT):
            return f"{self.subject} {self.comparison}"
        return f"{self.subject} {self.comparison} {_written(self.subject, self.value)}"


def _value(subject: str, comparison: Comparison, text: str, line: str) -> Scalar:
    if subject in ("status", "size", "time") and comparison not in _NUMERIC:
        raise ValueError(f"{subject} in {line!r} is a number; compare it by ==, !=, <, <=, > or >=")
    if comparison in (Comparison.EXISTS, Comparison.ABSENT):
        if text:
            raise ValueError(f"{line!r} has {text!r} after {comparison}, where nothing belongs")
        return None
    if not text:
        raise ValueError(f"{line!r} has nothing after {comparison}")
    if subject == "time":
        return parse_duration(text.replace(" ", ""))
    if subject in ("status", "size"):
        return _whole(text, line)
    if comparison in _ORDER:
        return _ordered(text, line)
    if comparison is Comparison.MATCHES:
        return _pattern(text, line)
    return _literal(text) if subject.startswith("json") else _unquoted(text)


def _whole(text: str, line: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} in {line!r} is not a whole number")
    return int(text)


def _ordered(text: str, line: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} in {line!r} is not a number, so nothing is above or below it")
    return _literal_number(text)


def _pattern(text: str, line: str) -> str:
    pattern = _unquoted(text)
    try:
        re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"{text!r} in {line!r} is not a regular expression: {problem}") from None
    return pattern


def _literal(text: str) -> Scalar:
    words: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    return _literal_number(text) if _NUMBER.fullmatch(text) else _unquoted(text)


def _literal_number(text: str) -> float:
    # A whole number stays one: a float would make neighbours of large identifiers equal.
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'" else text


def _same(seen: Any, value: Scalar) -> bool:
    # In Python True == 1; in JSON true is not 1.
    return isinstance(seen, bool) is isinstance(value, bool) and bool(seen == value)


def _contains(seen: Any, value: Scalar) -> bool:
    if isinstance(seen, str):
        return (value if isinstance(value, str) else json.dumps(value)) in seen
    if isinstance(seen, list):
        return any(_same(item, value) for item in seen)
    return isinstance(seen, dict) and value in seen


def _number(subject: str, seen: Any) -> float | None:
    if isinstance(seen, str) and subject.startswith("header.") and _NUMBER.fullmatch(seen):
        return float(seen)
    return seen if isinstance(seen, int | float) and not isinstance(seen, bool) else None


def _written(subject: str, value: Scalar) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if subject == "time" and value is not None:
        return duration(value)
    return json.dumps(value)


def _shown(subject: str, seen: Any) -> str:
    if subject == "time":
        return f"{count(round(seen * 1000))} ms"
    text = json.dumps(seen, ensure_ascii=False)
    start = text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}… ({count(len(text))} characters)"
    if _SECRETIVE.search(subject) or _SECRETIVE.search(start):
        return f"something else (not shown, {count(len(text))} characters)"
    return start
