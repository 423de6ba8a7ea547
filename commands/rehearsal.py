"""`surefoot rehearsal up`: a Cloud Run, an ECS and a Slack that live on this laptop."""

import asyncio
import os
import shlex
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.folder import made
from commands.menu import examples
from commands.platforms import ECS_SPEED, PLATFORMS, SHOPS
from commands.row import Row
from commands.terminal import Sign, Terminal, document
from surefoot.errors import Unavailable

if TYPE_CHECKING:
    from commands.rehearsed import Cloud

_EXAMPLES = examples(
    ("the sample shop, at the addresses of rehearsal/shop.yaml", "surefoot rehearsal up"),
    ("a cloud with nothing on it, at any free ports", "surefoot rehearsal up --empty --any-port"),
    codes="0 stopped · 1 it did not come up · 2 bad input",
)

_LAST_PORT = 65535
_PORT = click.IntRange(0, _LAST_PORT)  # 0: any that is free
# What is live from the start, and what is released first, with the commit it says it was built from.
_LIVE, _NEXT, _COMMIT = "1.0.0", "1.1.0", "4e1c9aa"


def addressed(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses as they were given; BadParameter for one that is not SERVICE=PORT."""
    for each in given:
        service, _, port = each.partition("=")
        if not (service and port.isascii() and port.isdigit() and int(port) <= _LAST_PORT):
            raise click.BadParameter(f"{each!r} is not SERVICE=PORT, such as shop=8800", ctx, parameter)
    return given


@click.group(epilog=_EXAMPLES, subcommand_metavar="COMMAND …")
def rehearsal() -> None:
    """A Cloud Run, an ECS and a Slack that live on this laptop: nothing leaves it, nothing is billed."""


@rehearsal.command(epilog=_EXAMPLES)
@click.option("--grpc-port", type=_PORT, default=8701, show_default=True, help="Cloud Run Admin API.")
@click.option(
    "--control-port", type=_PORT, default=8702, show_default=True, help="Faults, journal, statistics, metrics."
)
@click.option("--slack-port", type=_PORT, default=8703, show_default=True, help="Slack stand-in.")
@click.option("--registry-port", type=_PORT, default=8705, show_default=True, help="The images' registry.")
@click.option(
    "--public", multiple=True, callback=addressed, metavar="SERVICE=PORT", help="A service's address (shop=8800)."
)
@click.option("--aws-port", type=_PORT, default=8704, show_default=True, help="AWS's APIs.")
@click.option(
    "--target", type=click.Choice(list(PLATFORMS)), default="cloud-run", show_default=True, help="Where the shop runs."
)
@click.option("--any-port", is_flag=True, help="Whatever is free, instead of all of these.")
@click.option("--empty", is_flag=True, help="Without the sample shop.")
@click.option("--catalogue", type=click.Path(path_type=Path), help="The images there are; else the sample shop's.")
@click.option(
    "--state", type=click.Path(path_type=Path), default=".surefoot/rehearsal", show_default=True, help="Logs."
)
@click.option("--json", "as_json", is_flag=True, help="Its addresses as one document.")
@click.pass_context
def up(ctx: click.Context, /, **typed: Any) -> None:
    """Run the rehearsal until Ctrl-C; the sample shop 1.0.0 is live on it, in staging and production."""
    from commands.rehearsed import images  # noqa: PLC0415 (--help does without)

    typed["images"] = images(typed["catalogue"], "" if typed["empty"] else _LIVE)
    folder = made(typed.pop("state"), "--state")
    for old in ("addresses.json", "rehearsal.log"):
        (folder / old).unlink(missing_ok=True)
    asyncio.run(_up(ctx.obj, folder, **typed))


async def _up(
    terminal: Terminal, folder: Path, *, images: dict[str, str], empty: bool, as_json: bool, **typed: Any
) -> None:
    from commands.engine import child  # noqa: PLC0415 (--help does without)
    from commands.rehearsed import TOKEN, announced, seed, write_service_file  # noqa: PLC0415

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    announce, log = folder / "addresses.json", folder / "rehearsal.log"
    environ = {"REHEARSAL_SLACK_TOKEN": TOKEN, **os.environ}
    async with child(arguments(folder, announce, **typed), environ, log, module="rehearsal") as process:
        cloud = await announced(process, announce, log)
        services = {} if empty else await seed(cloud, _LIVE, typed["target"])
        file = "" if empty else str(write_service_file(folder, cloud, typed["target"]))
        if as_json:
            there = {"services": services, "service_file": file or None, "images": images}
            click.echo(document("rehearsal/1", {**asdict(cloud), **there}))
        else:
            _tell(terminal, cloud, services, file, images.get(_NEXT, ""))
        died = asyncio.create_task(process.wait())
        await asyncio.wait({died, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            raise Unavailable(f"the rehearsal has ended with {process.returncode}; see {log}")
        click.echo("Stopping.", err=True)


def arguments(
    folder: Path,
    announce: Path,
    *,
    target: str,
    grpc_port: int,
    aws_port: int,
    control_port: int,
    slack_port: int,
    registry_port: int,
    public: tuple[str, ...],
    any_port: bool,
    catalogue: Path | None,
) -> list[str]:
    """Return how `python -m rehearsal` is started."""
    ports = {"--grpc-port": grpc_port, "--aws-port": aws_port, "--control-port": control_port}
    ports |= {"--slack-port": slack_port, "--registry-port": registry_port}
    usual = () if any_port or target == "ecs" else tuple(f"{name}={port}" for name, port in SHOPS.items())
    shops = public or usual
    return [
        *("--state", str(folder), "--announce", str(announce), "--channel", "shop-releases"),
        *(word for name, port in ports.items() for word in (name, "0" if any_port else str(port))),
        *(word for each in shops for word in ("--public", each)),
        *(("--catalogue", str(catalogue.absolute())) if catalogue else ()),
        *(("--speed", str(ECS_SPEED)) if target == "ecs" else ()),
    ]


def _tell(terminal: Terminal, cloud: "Cloud", services: dict[str, str], file: str, image: str) -> None:
    shown = {"cloud": f"{cloud.grpc}   Cloud Run Admin API", "aws": f"{cloud.aws}   AWS_ENDPOINT_URL"}
    shown |= {"slack": cloud.slack_page, "control": cloud.control}
    for name, address in {**services, **shown, **({"file": file} if file else {})}.items():
        click.echo("\n".join(Row(Sign.GOOD, name, (address,)).show(terminal, len("shop-staging"))))
    if file:
        click.echo(f"\n{terminal.next(*then(file, image, cloud.registry))}", err=not terminal.live)
    click.echo("Ctrl-C stops it; nothing is left running.", err=not terminal.live)


def then(file: str, image: str, registry: str) -> list[str]:
    """Return what to type next: each line is complete, for another terminal."""
    from commands.rehearsed import TOKEN  # noqa: PLC0415 (--help does without)

    here = f"SUREFOOT_SERVICES={shlex.quote(file)}"
    needed = f"REHEARSAL_SLACK_TOKEN={TOKEN} SUREFOOT_REGISTRIES={registry}"
    plan = f"{here} surefoot plan shop production"
    if not image:
        return [plan]
    return [
        plan,
        f"{needed} {here} surefoot up   # a release needs it; leave it running",
        f"surefoot deploy {shlex.quote(file)} staging --image {image} --commit {_COMMIT} --version {_NEXT}",
    ]
