"""`surefoot init`: write a service file from what runs already."""

import asyncio
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.menu import examples
from commands.output import refuse_if_unusable, write
from commands.terminal import Terminal, document
from commands.whereabouts import check
from surefoot.errors import ConfigError, Refused

if TYPE_CHECKING:
    from surefoot.target import Live

_KINDS = {"cloud-run": "cloud_run"}
# What a person has to decide; `surefoot validate` names each line that still has it.
MARK = "TODO"
_REHEARSED = (
    "surefoot init --from cloud-run --project rehearsal --region laptop \\\n"
    "      --endpoint grpc://127.0.0.1:8701 shop -o shop.yaml"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What was read: the place, what is live there, and the calls it took."""

    service: str
    settings: dict[str, str]
    live: "Live"
    calls: tuple[str, ...]

    @property
    def image(self) -> str:
        """Return the image of the revision that most users are on."""
        revision = self.live.revisions.get(self.live.traffic.main)
        return revision.image if revision else ""


@click.command(
    epilog=examples(
        ("a service that runs", "surefoot init --from cloud-run --project acme --region europe-west1 shop"),
        ("on a rehearsal", _REHEARSED),
    )
)
@click.argument("service")
@click.option("--from", "source", type=click.Choice(list(_KINDS)), required=True, help="Where it runs.")
@click.option("--project", required=True, help="The Google Cloud project's id.")
@click.option("--region", required=True, help="Such as europe-west1.")
@click.option("--endpoint", default="", metavar="grpc://…", help="A rehearsal's API; else Google's.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="- prints it; else infra/services/SERVICE.yaml.",
)
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@click.pass_context
def init(
    ctx: click.Context,
    *,
    service: str,
    source: str,
    project: str,
    region: str,
    endpoint: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write a service file from what runs already: read-only calls, what is not known is marked TODO."""
    file = output or Path("infra/services") / f"{service}.yaml"
    to_stdout = str(file) == "-"
    if to_stdout and as_json:
        raise ConfigError("-o - and --json both go to standard output; leave one of them out")
    typed = {"project": project, "region": region, "service": service, "endpoint": endpoint}
    settings = {key: value for key, value in typed.items() if value or key != "endpoint"}
    check(_KINDS[source], settings)
    if not to_stdout:
        refuse_if_unusable(file, make_folder=output is None)
    found = asyncio.run(_read(_KINDS[source], settings))
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


async def _read(kind: str, settings: dict[str, str]) -> Found:
    from surefoot.service import Place  # noqa: PLC0415 (--help does without)
    from tasks.targets import connect  # noqa: PLC0415

    calls: list[str] = []
    target = connect(Place(kind, settings), on_call=calls.append)
    try:
        live = await target.live()
    except Refused as problem:
        if getattr(problem.__cause__, "code", None) == HTTPStatus.NOT_FOUND:
            raise ConfigError(f"SERVICE: {settings['service']!r} is not there: {problem}") from problem
        raise
    finally:
        await target.close()
    return Found(settings["service"], {"kind": kind, **settings}, live, tuple(calls))


def service_file(found: Found) -> str:
    """Return the text of the service file, annotated; what nobody can read from a cloud is marked."""
    target = ", ".join(f"{key}: {value}" for key, value in found.settings.items())
    staging = ", ".join(f"{key}: {value}" for key, value in {**found.settings, "service": _staging(found)}.items())
    return _TEMPLATE.format(
        service=found.service,
        target=target,
        staging=staging,
        image=found.image or "unknown",
        traffic=found.live.traffic,
        url=found.live.url or "no address",
    )


def todo(text: str) -> list[tuple[int, str]]:
    """Return the lines that are marked, with what is asked."""
    lines = enumerate(text.splitlines(), 1)
    return [(number, line.partition(f"# {MARK} ")[2]) for number, line in lines if f"# {MARK} " in line]


def _staging(found: Found) -> str:
    name = found.service
    return f"{name.removesuffix('-production')}-staging"[:37].rstrip("-")


def _tell(terminal: Terminal, found: Found, file: Path, text: str, marks: list[tuple[int, str]]) -> None:
    click.echo(f"Read {found.service} ({len(found.calls)} read calls, nothing changed)", err=True)
    for name, said in (("image", found.image), ("traffic", str(found.live.traffic)), ("address", found.live.url)):
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


_TEMPLATE = """\
# yaml-language-server: $schema=service-file.schema.json
#
# What is deployed, where to, how it climbs, and what has to be true on the way. `surefoot validate` checks it;
# `surefoot schema > service-file.schema.json` beside it gives completion in editors.
#
# Read from Cloud Run: {traffic}, at {url}
# image {image}

name: {service}

# Checked in every environment: first through the preview address, before any user is there, then by the public one.
checks:
  - name: front page
    path: / # TODO smoke: which address says that the service works?
    expect: [status == 200, time < 2s]

environments:
  staging:
    # TODO staging: which service is it? Releases are verified there first.
    target: {{{staging}}}
    rollout:
      compare: 2m # side by side with what runs there now, by preview address
      steps:
        - {{traffic: 100%, watch: 2m}}

  production:
    target: {{{target}}}
    rollout:
      compare: 2m
      steps: # the new release's share of the users, and how long to look before going on
        - {{traffic: 5%, watch: 10m}}
        - {{traffic: 25%, watch: 10m}}
        - {{traffic: 50%, watch: 10m}}
        - {{traffic: 100%, watch: 5m}}
      bake: 15m # at 100 %, with the old revision still ready
      look: 30s
      probes_per_second: 5
      harm: # what must not get through; `surefoot plan` says what this plan can see
        error_rate: 2%
        latency: 25%
    approval:
      approvers: [] # TODO approvers: who may say yes? Empty: anybody who can open the form.
      within: 3d
"""
