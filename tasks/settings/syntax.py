"""What is wrong with a text that is not YAML, in words."""

import re

from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError


class NotYaml(Exception):
    """The text cannot be read at all: where (from 0), and why."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message


# What ruamel says, and what we say; {0} is what the group caught, {line} where the thing began.
_WORDS: tuple[tuple[str, str], ...] = (
    (r"flow sequence: expected ',' or '\]'.*", "a [ opened in line {line} is never closed"),
    (r"flow mapping: expected ',' or '\}'.*", "a {{ opened in line {line} is never closed"),
    (r"quoted scalar: found unexpected end of stream", "a quote opened in line {line} is never closed"),
    (r"quoted scalar: found unknown escape character (.*)", "\\{0} means nothing in double quotes; use single ones"),
    (r".*found character '\\t' that cannot start any token", "a tab; YAML is indented with spaces"),
    (r".*found character (.*) that cannot start any token", "nothing can begin with {0}; put it in quotes"),
    (
        r".*mapping values are not allowed here",
        "a colon too many, or an indent that does not fit; quote text with ': '",
    ),
    (r".*found undefined alias (.*)", "there is no anchor for *{0} above"),
    (r".*found another document", "a second document (---); one file is one service"),
    (r"block (?:collection|mapping): expected <block end>.*", "the indent does not fit the lines above"),
)


def explain(problem: YAMLError, text: str) -> NotYaml:
    """Return the mistake with its place, in our words where we have some and in ruamel's otherwise."""
    if isinstance(problem, ReaderError):
        before = text[: problem.position]
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
        return NotYaml(line, column, f"a character that YAML does not allow (#x{problem.character:04x})")
    if not isinstance(problem, MarkedYAMLError) or problem.problem_mark is None:
        return NotYaml(0, 0, "not YAML")
    mark, began = problem.problem_mark, problem.context_mark or problem.problem_mark
    if isinstance(problem, MaxDepthExceededError):
        return NotYaml(mark.line, mark.column, "nested too deep; a service file needs no more than 10 levels")
    context = re.sub(r"^while (?:parsing|scanning) (?:a |an |the )?(?:double-|single-)?", "", problem.context or "")
    said = f"{context}: {problem.problem}" if context else str(problem.problem)
    for pattern, words in _WORDS:
        if match := re.fullmatch(pattern, said, re.DOTALL):
            place = began if "{line}" in words else mark
            caught = [group.strip("'") for group in match.groups()]
            return NotYaml(place.line, place.column, words.format(*caught, line=began.line + 1))
    return NotYaml(mark.line, mark.column, f"not YAML: {problem.problem}")
