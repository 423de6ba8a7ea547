"""`surefoot up`: server, worker and deployments."""

import asyncio
import os
import signal
from pathlib import Path

import click

from commands import exits
from commands.engine import started
from commands.folder import made
from commands.menu import examples
from commands.mistakes import summary, told
from commands.row import Row
from commands.terminal import Sign, Terminal
from surefoot.errors import Unavailable

_NO_FILE = Row(
    Sign.BLIND,
    "service",
    (
        "no service file here, so nothing can be released",
        "write one: surefoot init --from cloud-run|ecs …",
        "or say where they are: SUREFOOT_SERVICES=FOLDER surefoot up",
    ),
)


@click.command(
    epilog=examples(
        ("a server, a worker and the deployments, on this machine", "surefoot up"),
        ("a worker for the team's server", "PREFECT_API_URL=https://prefect.example/api surefoot up"),
        codes="0 stopped · 1 something did not come up · 2 bad input",
    )
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=4200,
    show_default=True,
    help="Where the server listens, on this machine only.",
)
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
    from tasks.settings import find_service_files  # noqa: PLC0415 (--help does without)

    files = find_service_files()
    if mistaken(files, ctx.obj):
        ctx.exit(exits.BAD_INPUT)
    asyncio.run(_up(ctx.obj, port, made(home, "--home"), files))


def mistaken(files: tuple[Path, ...], terminal: Terminal) -> bool:
    """Check the service files and say how each is, before anything is started; return whether one has mistakes."""
    from tasks.settings.together import read_all  # noqa: PLC0415 (--help does without pydantic)

    if not files:
        click.echo("\n".join(_NO_FILE.show(terminal)))
        return False
    readings = read_all(files)
    mistakes = [mistake for reading in readings for mistake in reading.mistakes]
    for line in told(mistakes, terminal):
        click.echo(line)
    if mistakes:
        click.echo(summary(len(mistakes), len(readings)), err=not terminal.live)
        return True
    for reading in readings:
        click.echo(terminal.row(Sign.GOOD, "service", reading.file))
    return False


async def _up(terminal: Terminal, port: int, home: Path, files: tuple[Path, ...]) -> None:
    from tasks.settings import tool_settings  # noqa: PLC0415 (--help does without)

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    store = tool_settings().store_url
    environ = {**os.environ, "SUREFOOT_STORE": store, "SUREFOOT_SERVICES": _services(files)}

    def say(what: str, seconds: float) -> None:
        click.echo(terminal.row(Sign.GOOD, what, "", f"{seconds:.1f} s"))

    async with started(home, environ, port, say) as engine:
        click.echo(terminal.row(Sign.GOOD, "pages", engine.ui_url))
        click.echo("\nCtrl-C stops it; a rollout at work is put back first.")
        stopped, ended = asyncio.create_task(stop.wait()), asyncio.create_task(engine.ended())
        await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not stop.is_set():  # whoever keeps us running is to start all of it again
            raise Unavailable(ended.result())
        ended.cancel()
        click.echo("Stopping.", err=True)


def _services(files: tuple[Path, ...]) -> str:
    folders = {file.parent for file in files}
    if len(folders) == 1 and len(files) > 1:
        return str(folders.pop())
    return str(files[0]) if files else ""
