"""What a service answered, and how a value in it is named."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# A small part of JSONPath that needs nothing but this: json.items[0].name, json["a key"], json[-1].
JSON_STEP = r"""\.[^\s.\[\]=!<>"']+|\[-?\d+\]|\["[^"]*"\]|\['[^']*'\]"""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: header names in lower case, `seconds` until its last byte, `size` of its body in bytes.

    `text` may be only the body's start.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    seconds: float = 0.0
    size: int = 0

    @cached_property
    def json(self) -> Any:
        """Return the body as JSON; ValueError says why it is none."""
        try:
            return json.loads(self.text, parse_constant=_not_json)
        except RecursionError:
            raise ValueError("the answer is not JSON: it is nested too deep") from None
        except ValueError as problem:
            kind = self.headers.get("content-type", "no content-type")
            raise ValueError(f"the answer is not JSON ({kind}, {self.size} bytes): {problem}") from None

    def value(self, subject: str) -> Any:
        """Return what `status`, `text`, `size`, `time`, `header.<name>` or `json<path>` names.

        LookupError when there is no such header or path, ValueError when the body is not JSON.
        """
        kind, _, name = subject.partition(".")
        if kind == "header":
            return self._header(name.lower())
        if kind.startswith("json"):
            return self._at(subject)
        return {"status": self.status, "text": self.text, "size": self.size, "time": self.seconds}[subject]

    def _header(self, name: str) -> str:
        if name not in self.headers:
            raise LookupError(f"there is no header.{name}")
        return self.headers[name]

    def _at(self, subject: str) -> Any:
        found = self.json
        for step in re.findall(JSON_STEP, subject.removeprefix("json")):
            try:
                found = _descend(found, step)
            except LookupError:
                raise LookupError(f"there is no {subject}") from None
        return found


def _descend(holder: Any, step: str) -> Any:
    if step[0] == "[" and step[1] not in "\"'":
        if isinstance(holder, list):
            return holder[int(step[1:-1])]
    elif isinstance(holder, dict):
        return holder[step[1:] if step[0] == "." else step[2:-2]]
    raise LookupError(step)


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")
