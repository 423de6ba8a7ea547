"""`surefoot init`: write a service file from what runs already."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.init_text import MARK, Found, service_file, todo
from commands.menu import examples
from commands.output import refuse_if_unusable, write
from commands.terminal import Terminal, document
from commands.whereabouts import ORIGINS, Origin, check, options, whereabouts
from surefoot.errors import ConfigError, NotThere, Refused

if TYPE_CHECKING:
    from surefoot.target import Live

_REHEARSED = (
    "surefoot init --from cloud-run --project rehearsal --region laptop \\\n"
    "      --endpoint grpc://127.0.0.1:8701 shop -o shop.yaml"
)


@click.command(
    epilog=examples(
        ("a service on Cloud Run", "surefoot init --from cloud-run --project acme --region europe-west1 shop"),
        ("a service on ECS", "surefoot init --from ecs --cluster production --region eu-west-1 shop"),
        ("on a rehearsal", _REHEARSED),
    )
)
@click.argument("service")
@click.option("--from", "source", type=click.Choice(list(ORIGINS)), required=True, help="Where it runs.")
@options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="- prints it; else infra/services/SERVICE.yaml.",
)
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@click.pass_context
def init(ctx: click.Context, /, *, service: str, source: str, output: Path | None, as_json: bool, **typed: str) -> None:
    """Write a service file from what runs, read-only; what is not known is TODO."""
    file = output or Path("infra/services") / f"{service}.yaml"
    to_stdout = str(file) == "-"
    if to_stdout and as_json:
        raise ConfigError("-o - and --json both go to standard output; leave one of them out")
    settings = whereabouts(source, service, typed)
    check(source, settings)
    if not to_stdout:
        refuse_if_unusable(file, make_folder=output is None)
    found = asyncio.run(_read(ORIGINS[source], settings))
    text = service_file(found)
    if to_stdout:
        click.echo(text, nl=False)
        return
    write(file, text)
    marks = todo(text)
    if as_json:
        click.echo(document("init/1", _fields(found, file, marks)))
        return
    _tell(ctx.obj, found, file, text, marks)


async def _read(origin: Origin, settings: dict[str, str]) -> Found:
    """Return what runs, by the first proposal that the platform can do, or by the one that its refusal names."""
    calls: list[str] = []
    proposal, *others = origin.proposals
    try:
        live = await _live(origin.kind, {**settings, **proposal.settings}, calls)
    except NotThere as problem:
        raise ConfigError(f"SERVICE: {settings['service']!r} is not there: {problem}") from problem
    except Refused as problem:
        named = next((other for other in others if other.answers(str(problem))), None)
        if named is None:
            raise
        proposal = named
        live = await _live(origin.kind, {**settings, **proposal.settings}, calls)
    place = {"kind": origin.kind, **settings, **proposal.settings}
    return Found(settings["service"], origin.called, place, proposal, live, tuple(calls))


async def _live(kind: str, settings: dict[str, str], calls: list[str]) -> "Live":
    from surefoot.service import Place  # noqa: PLC0415 (--help does without)
    from tasks.targets import connect  # noqa: PLC0415

    target = connect(Place(kind, settings), on_call=calls.append)
    try:
        return await target.live()
    finally:
        await target.close()


def _tell(terminal: Terminal, found: Found, file: Path, text: str, marks: list[tuple[int, str]]) -> None:
    click.echo(f"Read {found.service} ({len(found.calls)} read calls, nothing changed)", err=True)
    for name, said in (
        ("image", found.image),
        ("traffic", str(found.live.traffic)),
        ("address", found.live.url or "not known"),
    ):
        click.echo(f"  {name:<10} {said}", err=True)
    click.echo(f"\n+ {file}   {len(text.splitlines())} lines, {len(marks)} marked {MARK}")
    for number, asked in marks:
        click.echo(f"     line {number:<3} {asked}")
    click.echo("", err=not terminal.live)
    shown = os.path.relpath(file)
    click.echo(terminal.next(f"surefoot validate {shown}", f"surefoot plan {shown} production"), err=not terminal.live)


def _fields(found: Found, file: Path, marks: list[tuple[int, str]]) -> dict[str, object]:
    return {
        "file": str(file),
        "service": found.service,
        "image": found.image or None,
        "traffic": dict(found.live.traffic.shares),
        "url": found.live.url or None,
        "todo": [{"line": number, "text": asked} for number, asked in marks],
        "calls": list(found.calls),
    }
