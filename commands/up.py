"""`surefoot up`: server, worker and deployments."""

import asyncio
import os
import signal
from pathlib import Path

import click

from commands.engine import started
from commands.menu import examples
from commands.terminal import Sign, Terminal


@click.command(
    epilog=examples(
        ("a server, a worker and the deployments, on this machine", "surefoot up"),
        ("a worker for the team's server", "PREFECT_API_URL=https://prefect.example/api surefoot up"),
        codes="0 stopped · 1 something did not come up · 2 bad input",
    )
)
@click.option("--port", default=4200, show_default=True, help="Where the server listens, on this machine only.")
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    default=Path(".surefoot/prefect"),
    show_default=True,
    help="Where Prefect keeps its database and logs.",
)
@click.pass_context
def up(ctx: click.Context, port: int, home: Path) -> None:
    """Start Prefect's server, a worker and every deployment; Ctrl-C stops them, what is at work is put back first."""
    asyncio.run(_up(ctx.obj, port, home.absolute()))


async def _up(terminal: Terminal, port: int, home: Path) -> None:
    from tasks.settings import find_service_files, tool_settings  # noqa: PLC0415 (--help does without)

    settings, files = tool_settings(), find_service_files()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    environ = {**os.environ, "SUREFOOT_STORE": settings.store_url, "SUREFOOT_SERVICES": _services(files)}
    for file in files:
        click.echo(terminal.row(Sign.GOOD, "service", str(file)))

    def say(what: str, seconds: float) -> None:
        click.echo(terminal.row(Sign.GOOD, what, "", f"{seconds:.1f} s"))

    async with started(home, environ, port, say) as engine:
        click.echo(terminal.row(Sign.GOOD, "pages", engine.ui_url))
        click.echo("\nCtrl-C stops it; a rollout at work is put back first.")
        await stop.wait()
        click.echo("Stopping.", err=True)


def _services(files: tuple[Path, ...]) -> str:
    folders = {file.parent for file in files}
    if len(folders) == 1 and len(files) > 1:
        return str(folders.pop())
    return str(files[0]) if files else ""
