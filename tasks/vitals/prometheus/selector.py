"""A selector of Prometheus with places for what a revision is called: `http_requests_total{revision="$revision"}`."""

import json
import re
from dataclasses import dataclass

from surefoot.release import Revision

_NAME = r"[A-Za-z_:][A-Za-z0-9_:]*"
_MATCHER = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\\n]|\\.)*)"\s*')
_SELECTOR = re.compile(rf"\s*({_NAME})?\s*\{{(.*)\}}\s*", re.DOTALL)
_PLACE = re.compile(r"\$(\$|[A-Za-z_][A-Za-z0-9_]*)")
# What means something in a regular expression of Go.
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_RIGHT = 'write name{label="value", revision="$revision"}'


class NoSuchLabel(Exception):
    """A revision is not known by what a selector asks for."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric's name and its matchers (label, operator, text between the quotes, places still in it)."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    @classmethod
    def parse(cls, text: str) -> "Selector":
        """Read a selector; ValueError for anything more.

        Functions and sums are refused: a sum hides that one of its counters began anew, or is not there any more.
        """
        match = _SELECTOR.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a plain selector of counters; {_RIGHT}, without functions and sums")
        matchers = tuple(_matchers(match[2], text))
        if not any(_places(value) for _, how, value in matchers if how in ("=", "=~")):
            raise ValueError(f"{text!r} names no revision, so both sides would be the same requests; {_RIGHT}")
        return cls(match[1] or "", matchers)

    @property
    def labels(self) -> frozenset[str]:
        """Return the labels that are matched."""
        return frozenset(label for label, _, _ in self.matchers)

    def of(self, revision: Revision) -> str:
        """Return the selector of one revision, its names escaped; NoSuchLabel says which label it has not."""
        filled = (f'{label}{how}"{_filled(value, how, revision)}"' for label, how, value in self.matchers)
        return f"{self.name}{{{','.join(filled)}}}"


def _matchers(inside: str, text: str) -> list[tuple[str, str, str]]:
    found, at = [], 0
    while at < len(inside.rstrip()):
        match = _MATCHER.match(inside, at)
        if match is None or inside[match.end() : match.end() + 1] not in ("", ","):
            raise ValueError(f'{text!r}: {inside[at:].strip()!r} is not a matcher; write label="value"')
        found.append((match[1], match[2], match[3]))
        at = match.end() + 1
    return found


def _places(value: str) -> list[str]:
    return [name for name in _PLACE.findall(value) if name != "$"]


def _filled(value: str, how: str, revision: Revision) -> str:
    known = {**revision.labels, "revision": revision.name}

    def fill(place: re.Match[str]) -> str:
        name = place[1]
        if name == "$":
            return "$"
        if name not in known:
            raise NoSuchLabel(f"nothing says what ${name} is for {revision.name}; it has ${', $'.join(sorted(known))}")
        exact = known[name] if how in ("=", "!=") else _SPECIAL.sub(r"\\\g<0>", known[name])
        return json.dumps(exact, ensure_ascii=False)[1:-1]

    return _PLACE.sub(fill, value)
