"""Questions are asked of people, and nobody there is no yes."""

import io
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from commands.confirm import confirm, confirm_by_name
from surefoot.errors import ConfigError, NotApproved


class Typing(io.StringIO):
    """A keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", Typing(text))


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_a_yes_goes_on(typing: Callable[[str], None], answer: str) -> None:
    typing(answer)
    confirm("Release it", yes=False)


@pytest.mark.parametrize("answer", ["\n", "n\n"])
def test_enter_alone_is_a_no(typing: Callable[[str], None], answer: str) -> None:
    typing(answer)
    with pytest.raises(NotApproved, match="nothing was changed"):
        confirm("Release it", yes=False)


def test_a_name_has_to_be_typed_in_full(typing: Callable[[str], None]) -> None:
    typing("shop\n")
    confirm_by_name("Go back", "shop", yes=False)
    for wrong in ("sho\n", "y\n", "\n"):
        typing(wrong)
        with pytest.raises(NotApproved, match="That was not shop; nothing was changed"):
            confirm_by_name("Go back", "shop", yes=False)


@pytest.mark.parametrize("ask", [lambda yes: confirm("x", yes=yes), lambda yes: confirm_by_name("x", "shop", yes=yes)])
def test_without_a_terminal_it_is_refused_at_once_unless_yes_was_said(ask: Callable[[bool], None]) -> None:
    @click.command()
    @click.option("--yes", is_flag=True)
    def command(yes: bool) -> None:
        ask(yes)

    assert isinstance(CliRunner().invoke(command).exception, ConfigError)
    assert CliRunner().invoke(command, ["--yes"]).exit_code == 0
