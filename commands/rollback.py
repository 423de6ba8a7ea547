"""`surefoot rollback`: put users back on the last good release."""

import asyncio
import logging
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from commands import exits
from commands.confirm import confirm_by_name
from commands.menu import examples
from commands.myself import this_person
from commands.row import Row
from commands.terminal import Sign, Terminal, document
from surefoot.errors import ConfigError
from surefoot.units import took

if TYPE_CHECKING:
    from tasks.rollback import NotBack, WentBack

_SEEN = {"PASS": Sign.GOOD, "FAIL": Sign.BAD, "INCONCLUSIVE": Sign.BLIND}


@click.command(
    epilog=examples(
        (
            "to the last good release; nothing is asked",
            'surefoot rollback shop production --reason "cart is losing items"',
        ),
        ("to a revision of your own choice", "surefoot rollback shop production --to shop-1-8-2"),
        codes="0 users are on it · 1 NOT put back · 2 bad input · 5 no way back",
    )
)
@click.argument("service", metavar="SERVICE|FILE")
@click.argument("environment")
@click.option("--to", default=None, metavar="REVISION", help="Its name, or a part of it such as a version.")
@click.option("--reason", default="", help="Why, for the ledger and for Slack.")
@click.option("--yes", is_flag=True, help="With --to: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@click.pass_context
def rollback(
    ctx: click.Context, *, service: str, environment: str, to: str | None, reason: str, yes: bool, as_json: bool
) -> None:
    """Put all users back, and stop a rollout that is at work. Needs no approval, no store, no Slack, no Prefect."""
    from tasks import settings  # noqa: PLC0415 (--help does without)
    from tasks.rollback import NotBack, roll_back  # noqa: PLC0415

    place = settings.environment(settings.load(service), environment)
    if to == "":
        raise ConfigError("--to: empty; name a revision, or leave it out")
    if to:
        confirm_by_name(f"All users of {place.key} go to {to}, whatever that is.", place.service, yes=yes)
    names = {"service": place.service, "environment": place.name}
    try:
        with _no_log(ctx.obj):
            went = asyncio.run(_undivided(roll_back(service, environment, to or "", reason, this_person())))
    except asyncio.CancelledError:
        click.echo(f"Stopped; users may have been moved, or not: surefoot plan {service} {environment}", err=True)
        ctx.exit(exits.INTERRUPTED)
    except NotBack as problem:
        if as_json:
            click.echo(document("rollback/1", {**names, **_failed(problem)}))
        else:
            click.echo("\n".join(not_put_back(problem, place.key, ctx.obj, to or "")), err=True)
        ctx.exit(exits.UNEXPECTED)
    if as_json:
        click.echo(document("rollback/1", {**names, **as_fields(went), "reason": reason or None}))
        return
    click.echo("\n".join(told(went, place.key, ctx.obj)))
    click.echo(ctx.obj.next(f"surefoot history {place.service} {place.name}"), err=not ctx.obj.live)


async def _undivided(going_back: Coroutine[Any, Any, "WentBack"]) -> "WentBack":
    """Go back although Ctrl-C is pressed: users move and that is written down, or neither. Pressed twice, it stops."""
    work, loop = asyncio.ensure_future(going_back), asyncio.get_running_loop()
    asked: list[bool] = []

    def stop() -> None:
        if asked:
            work.cancel()
            return
        asked.append(True)
        click.echo("Going back goes on, so that it is done and written down; Ctrl-C again stops it here.", err=True)

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        return await work
    finally:
        loop.remove_signal_handler(signal.SIGINT)


@contextmanager
def _no_log(terminal: Terminal) -> Iterator[None]:
    """Keep warnings off the screen while the block runs: rows of our own say the same. With -v they are wanted."""
    root, silent = logging.getLogger(), logging.NullHandler()
    if not terminal.verbosity:
        root.addHandler(silent)
    try:
        yield
    finally:
        root.removeHandler(silent)


def told(went: "WentBack", key: str, terminal: Terminal) -> list[str]:
    """Return what was done and seen: users first."""
    place = key.replace("/", " · ")
    rows = [Row(Sign.GOOD, "stopped", (went.stopped,))] if went.stopped else []
    moved = f"{went.now}, read back" if went.moved else f"{went.now}, as it was"
    rows.append(Row(Sign.GOOD, "traffic", (moved,), took(went.seconds)))
    rows.append(Row(_SEEN[went.seen.outcome], "seen", (f"{went.seen.reason} through the public address",)))
    rows += [Row(Sign.BLIND, *_note(note)) for note in went.notes]
    if went.moved:
        head = f"{place}   from {went.was}"
        last = f"Users are on {went.now.main} again, {took(went.seconds)} after you pressed Enter."
    else:
        head = f"{place}   nothing to move"
        last = f"Users were on {went.now.main} already. To go further back: surefoot rollback {place_words(key)} --to …"
    lines = [terminal.paint(head, bold=True), "", *(line for row in rows for line in row.show(terminal)), "", last]
    if went.seen.outcome == "FAIL":
        lines.append("But its checks fail there: look at it now; --to names another revision.")
    return lines


def not_put_back(problem: "NotBack", key: str, terminal: Terminal, to: str = "") -> list[str]:
    """Return the page of a way back that failed: what users have, why, and what to type by hand, now."""
    service, _, environment = key.partition("/")
    lines = [terminal.paint(f"NOT put back: {service} in {environment}", "red", bold=True), ""]
    lines += Row(Sign.BAD, "traffic", (str(problem),)).show(terminal)
    if problem.was is not None:
        lines += Row(Sign.NOW, "users", (f"{problem.was}, when it was last seen",)).show(terminal)
    by_hand = problem.command or "gcloud run services update-traffic …, or the cloud's own console"
    return [
        *lines,
        "",
        "Do this now, from an account that may:",
        f"  {by_hand}",
        f"Or again: surefoot rollback {place_words(key)}{to and f' --to {to}'}",
    ]


def place_words(key: str) -> str:
    """Return `shop production` for `shop/production`."""
    return key.replace("/", " ")


def as_fields(went: "WentBack") -> dict[str, Any]:
    """Return what was done for the JSON document."""
    return {
        "outcome": "back" if went.moved else "nothing to move",
        "exit_code": exits.DONE,
        "from": dict(went.was.shares),
        "to": dict(went.now.shares),
        "seconds": round(went.seconds, 3),
        "seen": {"outcome": str(went.seen.outcome), "reason": went.seen.reason},
        "stopped": went.stopped or None,
        "notes": went.notes,
    }


def _failed(problem: "NotBack") -> dict[str, Any]:
    return {
        "outcome": "not put back",
        "exit_code": exits.UNEXPECTED,
        "problem": str(problem),
        "from": dict(problem.was.shares) if problem.was else None,
        "command": problem.command or None,
    }


def _note(note: str) -> tuple[str, tuple[str, ...]]:
    what, _, said = note.partition(": ")
    return what, (said,)
