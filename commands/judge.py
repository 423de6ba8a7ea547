"""`surefoot judge`: what the judge says of rollouts that somebody recorded, or that are in the ledger."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.judged import shown, tally
from commands.menu import examples
from commands.progress import progress
from commands.replay import replay
from commands.terminal import Terminal
from surefoot.errors import ConfigError

if TYPE_CHECKING:
    from tasks.cases.answer import Answer

_STDIN = "-"


class FileOrReplay(click.Group):
    """A command that takes a file, and has one command of its own: which it is, the first word says."""

    allow_extra_args = False
    allow_interspersed_args = True
    parse_args = click.Command.parse_args
    invoke = click.Command.invoke

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        """Return the context of what was typed."""
        if args[:1] and args[0] in self.commands:
            return self.commands[args[0]].make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return both usages."""
        del ctx
        return ["FILE [--json] | replay ROLLOUT [OPTIONS]"]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write nothing: the usage has it."""


@click.group(
    cls=FileOrReplay,
    invoke_without_command=True,
    epilog=examples(
        ("one rollout, or a list of them; how it is written: docs/how-to/judge.md", "surefoot judge rollouts.json"),
        ("the last rollout of a place again, had the judge been stricter", "surefoot judge replay shop/production"),
        codes="0 an answer was given, whichever · 2 bad input · 1 unexpected",
    ),
)
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Plain JSON: an object for one rollout, a list for a list.")
@click.pass_context
def judge(ctx: click.Context, *, file: str, as_json: bool) -> None:
    """Judge recorded rollouts; - reads standard input."""
    from tasks.cases.reading import answers_of  # noqa: PLC0415 (--help does without pydantic)
    from tasks.cases.text import is_list, text_of  # noqa: PLC0415

    name = "standard input" if file == _STDIN else file
    text = text_of(_read(file), name)
    with progress(Terminal.of(sys.stderr), sys.stderr) as told:
        answers = answers_of(text, name, told)
    many = is_list(text)
    if as_json:
        click.echo(as_json_text(answers, many=many))
        return
    for line in shown(answers, ctx.obj, many=many):
        click.echo(line)
    if many:
        click.echo(tally(answers))


judge.add_command(replay)


def as_json_text(answers: "list[Answer]", *, many: bool) -> str:
    """Return the answers as JSON: of a list one a line, so that thousands can be looked through."""
    said = [json.dumps(answer.fields(), ensure_ascii=False) for answer in answers]
    return "[\n" + ",\n".join(said) + "\n]" if many else said[0]


def _read(file: str) -> bytes:
    if file == _STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as problem:  # a name with a NUL in it is a ValueError
        why = problem.strerror if isinstance(problem, OSError) else problem
        raise ConfigError(f"cannot read {file}: {why}; name a file of rollouts, or - for standard input") from problem
