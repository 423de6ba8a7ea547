"""What is shown fits who reads it."""

import io
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from commands.terminal import Sign, Terminal, document


class Stream(io.StringIO):
    """A stream that says of itself what a test wants."""

    def __init__(self, *, tty: bool = True, encoding: str = "utf-8") -> None:
        super().__init__()
        self._tty = tty
        self._encoding = encoding

    @property
    def encoding(self) -> str:
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


@pytest.mark.parametrize(
    ("environ", "option", "tty", "colored"),
    [
        ({}, "auto", True, True),
        ({}, "auto", False, False),
        ({}, "always", False, True),
        ({}, "never", True, False),
        ({"NO_COLOR": "1"}, "always", True, False),
        ({"NO_COLOR": ""}, "auto", True, True),
        ({"FORCE_COLOR": "1"}, "auto", False, True),
        ({"FORCE_COLOR": "1"}, "never", True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", True, False),
        ({"TERM": "dumb"}, "auto", True, False),
    ],
)
def test_colour_is_decided_by_no_color_then_the_option_then_force_color_then_the_terminal(
    environ: dict[str, str], option: str, tty: bool, colored: bool
) -> None:
    assert Terminal.of(Stream(tty=tty), environ, option).color is colored


@pytest.mark.parametrize(
    ("environ", "tty", "live"),
    [({}, True, True), ({}, False, False), ({"TERM": "dumb"}, True, False), ({"CI": "true"}, True, False)],
)
def test_lines_are_only_redrawn_for_a_person_at_a_terminal(environ: dict[str, str], tty: bool, live: bool) -> None:
    assert Terminal.of(Stream(tty=tty), environ).live is live


@pytest.mark.parametrize(
    ("environ", "encoding", "signs"),
    [({}, "utf-8", True), ({}, "latin-1", False), ({}, "ascii", False), ({"TERM": "dumb"}, "utf-8", False)],
)
def test_letters_stand_for_signs_that_cannot_be_written(environ: dict[str, str], encoding: str, signs: bool) -> None:
    assert Terminal.of(Stream(encoding=encoding), environ).signs is signs


def test_each_kind_of_not_good_has_a_sign_of_its_own_and_letters_of_its_own() -> None:
    bad = [Sign.BAD, Sign.UNCLEAR, Sign.BLIND, Sign.BACK]
    assert [Terminal().sign(sign) for sign in bad] == ["✗", "?", "!", "↩"]
    assert [Terminal(signs=False).sign(sign) for sign in bad] == ["XX", "??", "!!", "<<"]


def test_a_row_ends_in_its_time_at_the_right_whatever_its_colours() -> None:
    plain = Terminal().row(Sign.GOOD, "cloud", "ready", "1.1 s")
    assert plain == "  ✓ cloud       ready" + " " * 53 + "1.1 s"
    assert len(plain) == 79
    assert click.unstyle(Terminal(color=True).row(Sign.GOOD, "cloud", "ready", "1.1 s")) == plain


def test_a_row_too_long_for_its_time_still_shows_it() -> None:
    assert Terminal().row(Sign.BAD, "traffic", "x" * 80, "2.1 s").endswith("x  2.1 s")


def test_a_row_without_a_time_ends_with_its_text() -> None:
    assert Terminal().row(Sign.UNCLEAR, "10 %", "INCONCLUSIVE?") == "  ? 10 %        INCONCLUSIVE?"


@pytest.mark.parametrize(("share", "full"), [(-1, 0), (0, 0), (0.5, 13), (1, 26), (7, 26)])
def test_a_bar_is_always_as_wide_and_as_full_as_it_should_be(share: float, full: int) -> None:
    bar = Terminal().bar(share)
    assert len(bar) == 26
    assert bar.count("─") == 26 - full


def test_a_link_is_the_address_itself_where_it_cannot_be_clicked() -> None:
    assert Terminal().link("run", "http://127.0.0.1/runs/1") == "http://127.0.0.1/runs/1"
    assert Terminal(live=True).link("run", "http://x") == "\x1b]8;;http://x\x1b\\run\x1b]8;;\x1b\\"


def test_the_next_commands_stand_below_each_other() -> None:
    assert Terminal().next("surefoot watch", "surefoot status") == "Next  surefoot watch\n      surefoot status"


def test_a_document_says_which_one_it_is() -> None:
    assert json.loads(document("status/1", {"a": "ü"})) == {"schema": "surefoot.status/1", "a": "ü"}


@pytest.mark.parametrize(("encoding", "dot"), [("ascii", b"-"), ("latin-1", b"\xb7"), ("utf-8", "·".encode())])
def test_what_an_encoding_lacks_is_written_in_letters_instead_of_failing(encoding: str, dot: bytes) -> None:
    run = subprocess.run(
        [Path(sys.executable).parent / "surefoot"], capture_output=True, check=True, env={"PYTHONIOENCODING": encoding}
    )
    assert run.stdout.splitlines()[0].split()[2] == dot
