"""`surefoot deploy`: release an image, step by step."""

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from commands import exits
from commands.confirm import confirm
from commands.image import pinned
from commands.menu import examples
from commands.terminal import Terminal, document
from commands.wanted import Wanted
from surefoot.errors import ConfigError
from surefoot.release import commit_problem
from surefoot.service import Environment

if TYPE_CHECKING:
    from commands.ends import Outcome
    from commands.follow import Watched
    from commands.story import Story


@click.command(
    epilog=examples(
        ("a merged commit, to staging", "surefoot deploy shop staging --image R:1.9.0 --commit 4e1c9aa"),
        ("what staging has verified; a person is asked first", "surefoot deploy shop production --image R@sha256:…"),
        codes="0 done · 2 bad input · 3 put back · 4 waits for a yes · 5 refused",
    )
)
@click.argument("service", metavar="SERVICE|FILE")
@click.argument("environment")
@click.option("--image", required=True, metavar="IMAGE", help="REPO@sha256:… or REPO:TAG.")
@click.option("--commit", default="", help="What it was built from (needed the first time).")
@click.option("--version", default="", help="What people call it; else the commit's start.")
@click.option("--title", default="", help="What it brings, in a line.")
@click.option("--accept-drift", is_flag=True, help="What is live is right, whatever the ledger says.")
@click.option("--detach", is_flag=True, help="Print the run's page and end: 4 if people are asked.")
@click.option("--yes", is_flag=True, help="Do not ask, where nobody else is asked.")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout at the end.")
@click.pass_context
def deploy(ctx: click.Context, /, **typed: Any) -> None:
    """Release an image, and watch it. Ctrl-C stops watching, not the rollout."""
    from tasks import settings  # noqa: PLC0415 (--help does without)

    place = settings.environment(settings.load(typed["service"]), typed["environment"])
    if typed["commit"] and (problem := commit_problem(typed["commit"])):
        raise ConfigError(f"--commit: {problem}")
    wanted = Wanted(pinned(typed["image"]), *(typed[each] for each in ("commit", "version", "title", "accept_drift")))
    if place.name == "production" and place.approval is None:
        confirm(f"Release {wanted.image} to {place.key}? Nobody else is asked", yes=typed["yes"])
    try:
        code = asyncio.run(_deploy(ctx.obj, place, wanted, detach=typed["detach"], as_json=typed["as_json"]))
    except KeyboardInterrupt:
        click.echo(f"\nStopped watching; the rollout goes on. surefoot watch {place.service} {place.name}", err=True)
        code = exits.INTERRUPTED
    ctx.exit(code)


async def _deploy(terminal: Terminal, place: Environment, wanted: Wanted, *, detach: bool, as_json: bool) -> int:
    from commands.asking import ask  # noqa: PLC0415 (loads prefect)
    from commands.follow import follow  # noqa: PLC0415
    from tasks.site import open_store  # noqa: PLC0415

    async with open_store() as store:
        watched = await ask(store, place, wanted)
        click.echo(f"{place.key}: {watched.run_url or watched.run_id}", err=True)
        if detach:
            return _detached(watched, as_json=as_json)
        stderr = Terminal.of(sys.stderr, color="always" if terminal.color else "never")
        story, ended = await follow(store, watched, stderr, sys.stderr, stop_at_question=not stderr.live)
    say(terminal, story, ended, as_json=as_json, kind="deploy")
    return ended.code


def say(terminal: Terminal, story: "Story", ended: "Outcome", *, as_json: bool, kind: str) -> None:
    """Say how a run ended: the answer to stdout, what to type next beside it."""
    from commands.ends import closing, fields, next_commands  # noqa: PLC0415 (--help does without)
    from tasks.targets import undo_command  # noqa: PLC0415

    if as_json:
        click.echo(document(f"{kind}/1", fields(story, ended)))
        return
    undo = undo_command(story.environment.place, story.attempt.before) if story.attempt else ""
    click.echo("\n".join(closing(story, ended, undo)))
    click.echo(terminal.next(*next_commands(story, ended)), err=not terminal.live)


def _detached(watched: "Watched", *, as_json: bool) -> int:
    """Say where the run is; 4 where it will wait for a person."""
    place = watched.environment
    code = exits.DONE if place.approval is None else exits.WAITING
    if as_json:
        asked = {"service": place.service, "environment": place.name, "outcome": "Asked", "exit_code": code}
        click.echo(document("deploy/1", {**asked, "run": watched.run_id, "run_url": watched.run_url}))
    else:
        click.echo(watched.run_url or watched.run_id)
        click.echo(f"Next  surefoot watch {place.service} {place.name}", err=True)
    return code
