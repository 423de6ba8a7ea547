"""The text of a file of rollouts: taken apart without holding all of it as objects, and where in it what stands."""

import json
import re
from collections.abc import Iterator, Sequence
from json import JSONDecodeError

from surefoot.errors import ConfigError

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")


def text_of(data: bytes, file: str) -> str:
    """Return a file's text; ConfigError where it is none."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise ConfigError(
            f"{file}:{line}: byte {problem.start} (0x{data[problem.start]:02x}) is not UTF-8; save the file as UTF-8"
        ) from problem
    if not text.strip():
        raise ConfigError(f"{file}: the file is empty; write one rollout, or a list of them")
    return text


def is_list(text: str) -> bool:
    """Return whether a text is a list of rollouts, and not one."""
    return text.startswith("[", _after_blank(text, 0))


def rollouts_in(text: str, file: str) -> Iterator[tuple[int, int]]:
    """Yield where each rollout begins and ends; ConfigError where the text is not JSON."""
    try:
        yield from _values(text)
    except JSONDecodeError as problem:
        said = problem.msg[0].lower() + problem.msg[1:]
        raise ConfigError(f"{file}:{problem.lineno}:{problem.colno}: this is not JSON: {said}") from problem
    except RecursionError as problem:
        raise ConfigError(f"{file}: nested too deep; a rollout has at most seven levels") from problem
    except ValueError as problem:  # an integer of thousands of digits
        raise ConfigError(f"{file}: a number is too long: {problem}") from problem


def place(text: str, at: int, path: Sequence[str | int]) -> tuple[int, int]:
    """Return line and column, from 1, of what a path leads to in the value at `at`, or as far as it leads."""
    for part in path:
        found = next((begins for name, begins in _members(text, at) if name == part), None)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _values(text: str) -> Iterator[tuple[int, int]]:
    at = _after_blank(text, 0)
    if not is_list(text):
        end = _DECODER.raw_decode(text, at)[1]
        yield at, end
        _refuse_more(text, end)
        return
    at = _after_blank(text, at + 1)
    more = not text.startswith("]", at)
    while more:
        end = _DECODER.raw_decode(text, at)[1]
        yield at, end
        at = _after_blank(text, end)
        more = text.startswith(",", at)
        if more:
            at = _after_blank(text, at + 1)
        elif not text.startswith("]", at):
            raise JSONDecodeError("Expecting ',' delimiter", text, at)
    _refuse_more(text, at + 1)


def _refuse_more(text: str, end: int) -> None:
    at = _after_blank(text, end)
    if at < len(text):
        raise JSONDecodeError("Extra data; several rollouts are a list", text, at)


def _members(text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Yield the members of a list or object that is known to be JSON: index or key, and where the value begins."""
    if text[at] not in "[{":
        return
    named, index = text[at] == "{", 0
    at = _after_blank(text, at + 1)
    while text[at] not in "]}":
        name: str | int = index
        if named:
            name, end = _DECODER.raw_decode(text, at)
            at = _after_blank(text, _after_blank(text, end) + 1)
        yield name, at
        at = _after_blank(text, _DECODER.raw_decode(text, at)[1])
        at = _after_blank(text, at + 1) if text[at] == "," else at
        index += 1


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at
