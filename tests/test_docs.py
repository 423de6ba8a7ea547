"""What the pages say is so: links lead somewhere, commands and options exist, codes and numbers are the program's."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import click
import pytest

from commands import exits
from commands.ends import _CODES
from commands.menu import COMMANDS
from surefoot.bounds import difference
from surefoot.suspicion import SURE

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / ".github").glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)")
_CODE = re.compile(r"`(surefoot [^`]+)`")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def commands_in(page: Path) -> Iterator[list[str]]:
    """Yield what a page tells people to type: lines of shell blocks, and code that begins with surefoot."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *(found.replace("\n", " ") for found in _CODE.findall(text))]:
        words = shlex.split(line, comments=True)
        if len(words) > 1 and words[0] == "surefoot":
            yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for path, anchor in _LINK.findall(page.read_text("utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_and_option_that_a_page_names_exists(page):
    for words in commands_in(page):
        if not words[0].startswith("-"):
            asked = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert asked <= options(words) | {"--help"}, words


def options(words: list[str]) -> set[str]:
    """Return the options of the command that the words begin with."""
    assert words[0] in COMMANDS, words[0]
    module, _, attribute = COMMANDS[words[0]][0].partition(":")
    assert find_spec(module), f"surefoot {words[0]}"
    command = getattr(import_module(module), attribute)
    for word in words[1:]:
        if not (isinstance(command, click.Group) and word in command.commands):
            break
        command = command.commands[word]
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_the_page_of_exit_codes_has_each_of_them():
    page = (ROOT / "docs/reference/exit-codes.md").read_text("utf-8")
    rows = {int(code): means for code, means in re.findall(r"^\| (\d+) \| ([^|]+?) \|", page, re.MULTILINE)}
    assert set(rows) == {value for constant, value in vars(exits).items() if constant.isupper() and type(value) is int}
    for code, means in re.findall(r"(\d) ([a-z ]+)", exits.MEANING):
        assert rows[int(code)].startswith(means.strip()), code


def test_the_page_of_exit_codes_tells_how_each_end_of_a_run_exits():
    page = (ROOT / "docs/reference/exit-codes.md").read_text("utf-8")
    told = {
        state: int(code)
        for states, code in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| \w+ \| (\d) \|", page, re.MULTILINE)
        for state in re.findall(r"\w+", states)
    }
    told["Waiting"] = told.pop("Suspended")
    assert told == _CODES


def test_the_page_about_the_judge_has_the_judges_own_numbers():
    page = (ROOT / "docs/why/judge.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\d.]+) % \| (\d+) \|$", page, re.MULTILINE)
    assert len(rows) == 3
    for harm, requests in rows:
        enough = next(each for each in count(1) if difference(0, each, 0, each, SURE)[1] < float(harm) / 100)
        assert enough == int(requests), harm
