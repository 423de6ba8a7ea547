"""Questions before something reaches users that nobody else was asked about."""

import sys

import click

from surefoot.errors import ConfigError, NotApproved


def confirm(question: str, *, yes: bool) -> None:
    """Ask, the answer being no by default; NotApproved for a no, ConfigError where there is nobody to ask."""
    if yes:
        return
    _need_a_person()
    if not click.confirm(question, default=False, err=True):
        raise NotApproved("Not confirmed; nothing was changed.")


def confirm_by_name(question: str, name: str, *, yes: bool) -> None:
    """Ask for a name to be typed in full, so that no habit says yes; NotApproved for anything else."""
    if yes:
        return
    _need_a_person()
    if click.prompt(f"{question}\nType {name} to go on", default="", show_default=False, err=True) != name:
        raise NotApproved(f"That was not {name}; nothing was changed.")


def _need_a_person() -> None:
    if not sys.stdin.isatty():
        raise ConfigError("This reaches users, and there is no terminal to ask at; say --yes if it is meant.")
