"""`surefoot history`: what was released, and how it went."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import click

from commands.clock import day, rfc3339
from commands.menu import examples
from commands.row import Row
from commands.terminal import Sign, Terminal, document
from surefoot.errors import ConfigError
from surefoot.units import parse_duration, took

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tasks.store.rollouts import Attempt

_SIGNS = {
    "promoted": Sign.GOOD,
    "put back": Sign.BACK,
    "not put back": Sign.BAD,
    "refused": Sign.BAD,
}
_SHOWN = 20
# The hundredfold of what is shown: enough to find 20 rollouts of one service among those of others.
_LOOKED_AT = 2000


@dataclass(frozen=True, slots=True)
class Past:
    """One rollout, and who stood for it: who approved it or put it back by hand, "" where nobody was asked."""

    attempt: "Attempt"
    by: str


@click.command(
    epilog=examples(
        ("the last 20 rollouts, everywhere", "surefoot history"),
        ("one place, one week", "surefoot history shop production --since 7d"),
    )
)
@click.argument("service", required=False)
@click.argument("environment", required=False)
@click.option("--since", metavar="7d", default="", help="How far back; all of it, not only 20.")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@click.pass_context
def history(ctx: click.Context, *, service: str | None, environment: str | None, since: str, as_json: bool) -> None:
    """List rollouts, the newest first: when, what, how it ended, who said yes, how long it took."""
    past = asyncio.run(_read(service, environment, _since(since)))
    if service and not past:
        _refuse_unknown(service, environment)
    if as_json:
        click.echo(document("history/1", {"rollouts": [as_fields(each) for each in past]}))
        return
    terminal: Terminal = ctx.obj
    for line in table(past, terminal):
        click.echo(line)
    if not past:
        click.echo("Nothing was released here" + (f" in the last {since}." if since else " yet."))
        click.echo(terminal.next("surefoot status"), err=not terminal.live)


def table(past: Sequence[Past], terminal: Terminal, zone: tzinfo | None = None) -> Iterator[str]:
    """Yield the rollouts as lines, in columns; what did not go well says why."""
    cells = [_cells(each) for each in past]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for each, texts in zip(past, cells, strict=True):
        attempt, sign = each.attempt, _SIGNS.get(each.attempt.phase, Sign.NOW)
        line = "  ".join(f"{text:<{width}}" for text, width in zip(texts, widths, strict=True)).rstrip()
        lines = [line, *([attempt.reason] if attempt.reason and sign is not Sign.GOOD else [])]
        lasted = took((attempt.ended_at - attempt.began_at).total_seconds()) if attempt.ended_at else ""
        yield from Row(sign, day(attempt.began_at, zone), tuple(lines), lasted).show(terminal, len("2026-11-21 14:02"))


def _cells(past: Past) -> tuple[str, str, str, str]:
    attempt, release = past.attempt, past.attempt.release
    phase = str(attempt.phase) if attempt.ended_at else f"{attempt.phase}, {attempt.percent} %"
    return attempt.key.replace("/", " "), f"{release.version} · {release.commit[:7]}", phase, past.by


def as_fields(past: Past) -> dict[str, Any]:
    """Return a rollout for the JSON document."""
    attempt, release = past.attempt, past.attempt.release
    service, _, environment = attempt.key.partition("/")
    return {
        "rollout": attempt.id,
        "service": service,
        "environment": environment,
        "release": release.id,
        "version": release.version,
        "commit": release.commit,
        "image": str(release.image),
        "phase": str(attempt.phase),
        "percent": attempt.percent,
        "reason": attempt.reason or None,
        "by": past.by or None,
        "began": rfc3339(attempt.began_at),
        "ended": rfc3339(attempt.ended_at) if attempt.ended_at else None,
        "seconds": (attempt.ended_at - attempt.began_at).total_seconds() if attempt.ended_at else None,
        "run_url": attempt.run_url or None,
    }


async def _read(service: str | None, environment: str | None, since: datetime | None) -> list[Past]:
    from commands.kept import kept  # noqa: PLC0415 (loads the store)

    async with kept() as store:
        return await store.run(_past, service, environment, since) if store else []


def _refuse_unknown(service: str, environment: str | None) -> None:
    """Refuse a place that neither the store nor a service file has; without any file, who knows what there is."""
    from tasks.settings import find_service_files, read, tool_settings  # noqa: PLC0415 (--help does without)
    from tasks.store.current import current  # noqa: PLC0415

    services = [read(file).service for file in find_service_files()]
    known = [(each.service, each.environment) for each in current(tool_settings().store_url)]
    known += [(each.name, place) for each in services if each for place in each.environments]
    if not services or None in services:  # a file with mistakes may be the one that has it
        return
    if not any(service == name and environment in (None, place) for name, place in known):
        asked = " ".join(filter(None, (service, environment)))
        there_is = ", ".join(f"{name} {place}" for name, place in dict.fromkeys(known))
        raise ConfigError(f"There is no {asked}; there is {there_is}")


def _past(connection: "Connection", service: str | None, environment: str | None, since: datetime | None) -> list[Past]:
    from tasks.store import ledger, rollouts  # noqa: PLC0415 (loads the store)

    key = f"{service}/{environment}" if service and environment else None
    found = rollouts.history(connection, key, since, limit=_LOOKED_AT)
    mine = [each for each in found if service is None or each.key.partition("/")[0] == service]
    shown = mine if since else mine[:_SHOWN]
    return [Past(each, _by([entry.fields for entry in ledger.of_rollout(connection, each.id)])) for each in shown]


def _by(entries: Sequence[Mapping[str, Any]]) -> str:
    return next((str(fields["by"]) for fields in reversed(entries) if fields.get("by")), "")


def _since(text: str) -> datetime | None:
    try:
        return datetime.now(UTC) - timedelta(seconds=parse_duration(text)) if text else None
    except (ValueError, OverflowError) as problem:
        raise ConfigError(f"--since: {problem}") from problem
