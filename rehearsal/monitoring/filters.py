"""The filters that are understood here: `label = "value"` and `label = one_of("a", "b")`, joined by AND."""

import re
from collections.abc import Mapping

from rehearsal.cloud_run.refusal import invalid

_TEXT = r'"(?:[^"\\]|\\.)*"'
_TERM = re.compile(rf"\s*([a-z_.]+)\s*=\s*(?:({_TEXT})|one_of\(({_TEXT}(?:\s*,\s*{_TEXT})*)\))\s*")
_TYPES = ("metric.type", "resource.type")

Filter = Mapping[str, frozenset[str]]


def read(text: str) -> Filter:
    """Return the values that each label may have; refused where it is another filter, or names no metric."""
    found: dict[str, frozenset[str]] = {}
    at = 0
    while term := _TERM.match(text, at):
        label, one, several = term.groups()
        found[label] = frozenset(_plain(value) for value in re.findall(_TEXT, one or several))
        at = term.end()
        if not text.startswith("AND ", at):
            break
        at += len("AND ")
    if at != len(text):
        raise invalid("filter", f"cannot be read from sign {at}: {text[at : at + 40]!r}")
    if len(found.get("metric.type", ())) != 1:
        raise invalid("filter", "must specify a single metric type.")
    return found


def fits(wanted: Filter, resource: Mapping[str, str]) -> bool:
    """Say whether a resource has the labels that a filter asks for."""
    return all(
        resource.get(label.removeprefix("resource.labels."), "") in values
        for label, values in wanted.items()
        if label not in _TYPES
    )


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1])
