"""`surefoot judge replay`: a rollout of the ledger judged anew, on its own terms or on others."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from commands.judged import SIGNS
from commands.menu import examples
from commands.row import Row
from commands.terminal import Terminal, document
from surefoot.errors import ConfigError
from surefoot.verdict import Outcome

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tasks.cases.replaying import Replay

# As far back as `surefoot history` looks.
_LOOKED_AT = 2000


@click.command(
    epilog=examples(
        ("does the judge of today say what was said then?", "surefoot judge replay shop/production"),
        (
            "what if it had been stricter?",
            "surefoot judge replay shop/production --harm errors=0.5% --harm p95=10%",
        ),
        codes="0 an answer was given, whichever · 2 bad input",
    )
)
@click.argument("rollout")
@click.option("--false-alarm", metavar="1%", help="The chance of putting back a healthy release.")
@click.option("--harm", "harms", metavar="errors=1%", multiple=True, help="errors, p50, p95 or p99: what is too much.")
@click.option(
    "--planned-looks", metavar="N", type=click.IntRange(1, 10**6), help="Over how many looks the chance is spent."
)
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@click.pass_context
def replay(
    ctx: click.Context,
    *,
    rollout: str,
    false_alarm: str | None,
    harms: tuple[str, ...],
    planned_looks: int | None,
    as_json: bool,
) -> None:
    """Judge a rollout of the ledger again, look by look.

    ROLLOUT is its id (surefoot history --json), or SERVICE/ENVIRONMENT for the last one there.
    """
    from tasks.cases.whatif import changes_of  # noqa: PLC0415 (--help does without)

    changes = changes_of(false_alarm, harms, planned_looks)
    found = asyncio.run(_read(rollout, changes))
    if as_json:
        click.echo(document("judge.replay/1", as_fields(found, changed=bool(changes))))
        return
    for line in told(found, ctx.obj, changed=bool(changes)):
        click.echo(line)


def told(replay: "Replay", terminal: Terminal, *, changed: bool) -> Iterator[str]:
    """Yield what was recorded beside what is said now, look by look, and how many are the same."""
    yield f"{replay.rollout}, {'on other terms' if changed else 'on its own terms'}"
    yield ""
    width = max(len(each.at) for each in replay.looks)
    for each in replay.looks:
        words = "same" if each.same else f"now {each.replayed.outcome}"
        lines = (f"{each.recorded:<12}  {words}", *(() if each.same else (each.replayed.reason,)))
        yield from Row(SIGNS[each.replayed.outcome], each.at, lines).show(terminal, width)
    yield ""
    yield f"{len(replay.looks)} looks, {replay.as_recorded} as recorded"
    if changed:
        yield _end(replay)


def as_fields(replay: "Replay", *, changed: bool) -> dict[str, Any]:
    """Return a replay for the JSON document."""
    return {
        "rollout": replay.rollout,
        "changed": changed,
        "terms": asdict(replay.terms),
        "looks": [
            {
                "look": number,
                "at": each.at,
                "recorded": each.recorded,
                "replayed": str(each.replayed.outcome),
                "same": each.same,
                "reason": each.replayed.reason,
            }
            for number, each in enumerate(replay.looks, 1)
        ],
        "as_recorded": replay.as_recorded,
        "not_replayed": replay.not_replayed,
        "end": replay.end.fields(),
    }


def _end(replay: "Replay") -> str:
    end = replay.end
    if end.verdict.outcome is not Outcome.FAIL:
        return f"It would not have been put back: {end.verdict.outcome} at look {end.look}."
    after = "look" if replay.not_replayed == 1 else f"{replay.not_replayed} looks"
    left = f", and the {after} after it would never have been" if replay.not_replayed else ""
    return f"It would have been put back at look {end.look}{left}."


async def _read(rollout: str, changes: Mapping[str, Any]) -> "Replay":
    from commands.kept import kept  # noqa: PLC0415 (loads the store)

    async with kept() as store:
        if store is None:
            raise ConfigError(f"There is no rollout {rollout}: nothing was ever released from here")
        return await store.run(_replayed, rollout, changes)


def _replayed(connection: "Connection", name: str, changes: Mapping[str, Any]) -> "Replay":
    from tasks.cases.replaying import replayed  # noqa: PLC0415 (loads numpy)
    from tasks.store import ledger  # noqa: PLC0415

    rollout = _named(connection, name)
    return replayed(rollout, ledger.of_rollout(connection, rollout), changes)


def _named(connection: "Connection", name: str) -> str:
    """Return the id of the rollout that is meant."""
    from tasks.settings.near import near  # noqa: PLC0415 (--help does without)
    from tasks.store import rollouts  # noqa: PLC0415

    if rollouts.find(connection, name) is not None:
        return name
    if latest := rollouts.history(connection, name, limit=1):
        return latest[0].id
    past = rollouts.history(connection, limit=_LOOKED_AT)
    known = dict.fromkeys((*(each.key for each in past), *(each.id for each in past)))
    raise ConfigError(f"There is no rollout {name}; {near(name, known)}")
