"""`surefoot watch`: follow a rollout."""

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from commands import exits
from commands.deploy import say
from commands.menu import examples
from commands.terminal import Sign, Terminal, document
from surefoot.errors import ConfigError

if TYPE_CHECKING:
    from tasks.store.current import Current


@click.command(
    epilog=examples(
        ("whatever is on its way", "surefoot watch"),
        ("one place; what ended last, when nothing is on its way", "surefoot watch shop production"),
        codes="0 done · 3 put back · 4 waits for a yes · 5 refused · 130 Ctrl-C",
    )
)
@click.argument("service", required=False, metavar="[SERVICE|FILE]")
@click.argument("environment", required=False)
@click.option("--json", "as_json", is_flag=True, help="One document on stdout at the end.")
@click.pass_context
def watch(ctx: click.Context, *, service: str | None, environment: str | None, as_json: bool) -> None:
    """Follow a rollout until it ends; the exit code says how. Ctrl-C stops watching, not the rollout."""
    from tasks.settings import tool_settings  # noqa: PLC0415 (--help does without)
    from tasks.store.current import current  # noqa: PLC0415

    if service is None:
        on_their_way = [place for place in current(tool_settings().store_url) if is_on_its_way(place)]
        if not on_their_way:
            _nothing(ctx.obj, "Nothing is on its way.", "surefoot status", "surefoot history", as_json=as_json)
            ctx.exit(exits.DONE)
        service, environment = _choose(ctx.obj, on_their_way)
    if environment is None:
        raise ConfigError(f"Which environment of {service}? surefoot watch {service} ENVIRONMENT")
    try:
        code = asyncio.run(_watch(ctx.obj, service, environment, as_json=as_json))
    except KeyboardInterrupt:
        click.echo("\nStopped watching; the rollout goes on.", err=True)
        code = exits.INTERRUPTED
    ctx.exit(code)


async def _watch(terminal: Terminal, service: str, environment: str, *, as_json: bool) -> int:
    from commands.follow import Watched, follow  # noqa: PLC0415 (loads the store)
    from commands.kept import kept, newest_run  # noqa: PLC0415
    from tasks import settings  # noqa: PLC0415

    place = settings.environment(settings.load(service), environment)
    async with kept() as store:
        found = await store.run(newest_run, place.key) if store else None
        if store is None or found is None:
            there = {"service": place.service, "environment": place.name}
            said, then = (
                "Nothing was ever released to {service} {environment}.",
                "surefoot plan {service} {environment}",
            )
            _nothing(terminal, said.format(**there), then.format(**there), as_json=as_json, **there)
            return exits.DONE
        stream = sys.stderr if as_json else sys.stdout
        shown = Terminal.of(stream, color="always" if terminal.color else "never")
        story, ended = await follow(store, Watched(place, *found), shown, stream, stop_at_question=not shown.live)
    say(terminal, story, ended, as_json=as_json, kind="watch")
    return ended.code


def _nothing(terminal: Terminal, said: str, *then: str, as_json: bool, **place: str) -> None:
    """Say that there is nothing to watch, and what to type instead."""
    if as_json:
        fields = {"service": None, "environment": None, **place, "outcome": "Nothing", "reason": said}
        click.echo(document("watch/1", {**fields, "exit_code": exits.DONE, "run": None}))
        return
    click.echo(said)
    click.echo(terminal.next(*then), err=not terminal.live)


def is_on_its_way(place: "Current") -> bool:
    """Return whether a rollout is at work in a place, or waits there for a person."""
    return bool(place.waiting_release) or (place.began is not None and place.ended is None)


def _choose(terminal: Terminal, places: "list[Current]") -> tuple[str, str]:
    """Return the one place there is, or the one that is chosen at a terminal."""
    if len(places) > 1:
        lines = [f"{number}  {place.service} {place.environment}" for number, place in enumerate(places, 1)]
        click.echo("\n".join(lines), err=True)
        if not (terminal.live and sys.stdin.isatty()):
            raise ConfigError("Several are on their way; say which: surefoot watch SERVICE ENVIRONMENT")
        chosen = click.prompt("Which one", type=click.IntRange(1, len(places)), err=True)
        places = [places[chosen - 1]]
    click.echo(f"{terminal.sign(Sign.NOW)} {places[0].service} {places[0].environment}", err=True)
    return places[0].service, places[0].environment
