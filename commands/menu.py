"""The commands there are: in the order of a day, each loaded when it is typed."""

import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import click

from commands import exits
from commands.sentence import sentence
from commands.terminal import document
from surefoot.errors import SurefootError
from tasks.settings.near import near

# Section, then name, then where it is and what it does. Printing this imports none of them.
SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Try": {
        "demo": ("commands.demo:demo", "a release and a rollback, on this laptop"),
        "rehearsal": ("commands.rehearsal:rehearsal", "a Cloud Run, an ECS and a Slack that live on this laptop"),
        "init": ("commands.init:init", "write a service file from what runs already"),
    },
    "Check": {
        "validate": ("commands.validate:validate", "all mistakes in service files, at once"),
        "doctor": ("commands.doctor:doctor", "whether all that a release needs is there"),
        "plan": ("commands.plan:plan", "what a release would do, and the way back; changes nothing"),
    },
    "Release": {
        "deploy": ("commands.deploy:deploy", "release an image, step by step"),
        "rollback": ("commands.rollback:rollback", "put users back on the last good release"),
        "status": ("commands.status:status", "what is live, and what is on its way"),
        "watch": ("commands.watch:watch", "follow a rollout; Ctrl-C only stops watching"),
        "history": ("commands.history:history", "what was released, and how it went"),
        "judge": ("commands.judge:judge", "what the judge says of recorded rollouts, and of past ones again"),
    },
    "Run it": {
        "up": ("commands.up:up", "server, worker and deployments"),
        "watchdog": ("commands.watchdog:watchdog", "finish or restore rollouts whose process died"),
        "schema": ("commands.schema:schema", "how a service file is written, for editors"),
    },
}
COMMANDS: Mapping[str, tuple[str, str]] = {
    name: entry for section in SECTIONS.values() for name, entry in section.items()
}


class Menu(click.Group):
    """A group whose commands are imported when they are asked for, and whose errors end in an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a day."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed, or say which one was probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}; {near(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        del ctx
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(f"{name:<9}", what) for name, (_, what) in commands.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it raises becomes a sentence and an exit code, and a document where one was asked for."""
        typed = tuple(ctx.args)  # they are taken away as they are understood
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nStopped.", err=True)
            ctx.exit(exits.INTERRUPTED)
        except Exception as problem:  # the last place where a bug can be told from a mistake of the user's
            ctx.exit(_tell(problem, ctx, typed))


def examples(*pairs: tuple[str, str], codes: str = "0 done · 2 bad input") -> str:
    """Return a command's epilogue: why and what to type, and its exit codes."""
    lines = [line for why, command in pairs for line in (f"  # {why}", f"  {command}")]
    return "\b\nExamples:\n" + "\n".join(lines) + f"\n\n\b\nExit codes: {codes}"


def _tell(problem: Exception, ctx: click.Context, typed: Sequence[str]) -> int:
    said, code = sentence(problem) or (_of_a_bug(problem), exits.UNEXPECTED)
    if ctx.invoked_subcommand and _asks_for_a_document(typed, problem):
        click.echo(document(f"{ctx.invoked_subcommand}/1", {"error": said, "exit_code": code}))
    if isinstance(problem, click.ClickException):
        raise problem  # click shows it, with the command's usage
    if ctx.params.get("verbosity", 0) >= 2 and not isinstance(problem, SurefootError):
        click.echo(_trace(problem), err=True)
    click.echo(said, err=True)
    return code


def _asks_for_a_document(typed: Sequence[str], problem: Exception) -> bool:
    """Return whether a document was asked for, of a command that has one; also where its options are not understood."""
    return "--json" in typed and getattr(problem, "option_name", "") != "--json"


def _of_a_bug(problem: Exception) -> str:
    from commands.mishap import explain  # noqa: PLC0415 (only when something is broken)

    return explain(problem, sys.argv[1:], datetime.now(UTC))


def _trace(problem: Exception) -> str:
    from tasks.settings.secrets import mask  # noqa: PLC0415 (only when something is broken)

    return mask("".join(traceback.format_exception(problem)))
