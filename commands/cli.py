"""What a person types: `surefoot`."""

import sys
from importlib.metadata import version

import click

from commands import exits
from commands.menu import Menu
from commands.sentence import sentence
from commands.streams import prepare
from commands.terminal import Terminal


@click.group(
    cls=Menu,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    options_metavar="",
    subcommand_metavar="COMMAND …",
    epilog=f"\b\nExit codes:\n  {exits.MEANING.replace(' · 4', chr(10) + '  4')}",
)
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="NO_COLOR beats it.")
@click.option("-v", "verbosity", count=True, help="Say more; -vv even more.")
@click.version_option(package_name="surefoot", message="surefoot %(version)s")
@click.pass_context
def cli(ctx: click.Context, color: str, verbosity: int) -> None:
    """One release, one step at a time, looking before the next."""
    terminal = ctx.obj = Terminal.of(sys.stdout, color=color, verbosity=verbosity)
    ctx.color = terminal.color
    if ctx.invoked_subcommand is None:
        click.echo(first_screen(terminal))


def first_screen(terminal: Terminal) -> str:
    """Return what somebody sees who types `surefoot` and no more: what is here, and what to type."""
    from tasks.settings import LOOKED_FOR, find_service_files  # noqa: PLC0415 (not needed for --help)

    title = f"Surefoot {version('surefoot')} · one step at a time, looking before the next"
    files = find_service_files()
    if files:
        here = f"{len(files)} service {'file' if len(files) == 1 else 'files'} here: {', '.join(map(str, files))}"
        commands = [
            ("surefoot validate", "is it written right?"),
            ("surefoot status", "what is live, and what is on its way"),
            ("surefoot --help", "everything else"),
        ]
    else:
        here = f"No service file here (looked for {LOOKED_FOR})."
        commands = [
            ("surefoot demo", "a release and a rollback, on this laptop"),
            ("surefoot init --from cloud-run|ecs", "write a service file from what runs already"),
            ("surefoot --help", "everything else"),
        ]
    width = max(len(command) for command, _ in commands) + 3
    lines = [f"  {terminal.paint(f'{command:<{width}}', bold=True)}{what}" for command, what in commands]
    return "\n".join((title, "", here, "", *lines))


def run() -> int:
    """Run the command that was typed; return the code that says how it went."""
    prepare()
    try:
        # What a command returns is nothing; what it exits with is.
        code = cli.main(prog_name="surefoot", standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except click.Abort:  # before a command was found; click has ended the line
        click.echo("Stopped.", err=True)
        return exits.INTERRUPTED
    except OSError as problem:  # writing the help
        said, code = sentence(problem) or (str(problem), exits.UNEXPECTED)
        click.echo(said, err=True)
    return code if isinstance(code, int) else exits.DONE
