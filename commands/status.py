"""`surefoot status`: what is live, and what is on its way.

Typed at 3 a.m.: one SELECT through the plain driver, and nothing is loaded that is slow to start.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import click

from commands.clock import at, rfc3339
from commands.menu import examples
from commands.row import Row
from commands.terminal import Sign, Terminal, document
from surefoot.errors import ConfigError
from surefoot.units import took

if TYPE_CHECKING:
    from tasks.store.current import Current

_ENDS = {
    "promoted": (Sign.GOOD, "{version} is live {since}"),
    "put back": (Sign.BACK, "{stable} is live; {version} was put back, {since}"),
    "not put back": (Sign.BAD, "{version} is NOT put back: it still has {percent} %, {since}"),
    "refused": (Sign.BAD, "{stable} is live; {version} was refused, {since}"),
}


@click.command(
    epilog=examples(
        ("every place", "surefoot status"),
        ("one place, with everything that is known of it", "surefoot status shop production"),
        codes="0 done · 2 bad input",
    )
)
@click.argument("service", required=False)
@click.argument("environment", required=False)
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@click.pass_context
def status(ctx: click.Context, *, service: str | None, environment: str | None, as_json: bool) -> None:
    """Say what is live and what is on its way, as the store has it; the cloud itself is not asked."""
    from tasks.settings.tool import tool_settings  # noqa: PLC0415 (--help does without)
    from tasks.store.current import current  # noqa: PLC0415

    places = chosen(current(tool_settings().store_url), service, environment)
    if as_json:
        click.echo(document("status/1", {"places": [as_fields(place) for place in places]}))
        return
    terminal: Terminal = ctx.obj
    now = datetime.now(UTC)
    shown = [row(place, now, whole=environment is not None) for place in places]
    width = max((len(each.name) for each in shown), default=0)
    for each in shown:
        click.echo("\n".join(each.show(terminal, max(width, 11))))
    for line in _after(places):
        click.echo(line, err=not terminal.live)


def chosen(places: "Sequence[Current]", service: str | None, environment: str | None) -> "list[Current]":
    """Return the places asked for; ConfigError names those there are, when none is meant."""
    found = [each for each in places if service in (None, each.service) and environment in (None, each.environment)]
    if not found and service is not None:
        known = ", ".join(f"{each.service} {each.environment}" for each in places) or "nothing at all"
        raise ConfigError(f"Nothing was released to {service} {environment or ''}".rstrip() + f" yet; there is {known}")
    return found


def row(place: "Current", now: datetime, *, whole: bool = False, zone: tzinfo | None = None) -> Row:
    """Return how a place stands, and what needs somebody; `whole` adds why, and where to look."""
    details = []
    if place.waiting_release:
        until = f", until {at(place.waiting_until, now, zone)}" if place.waiting_until else ""
        details += [("waits", f"{place.waiting_release} waits for a yes{until}"), ("", place.waiting_url)]
    if _is_open(place) and place.lease_until is not None and place.lease_until < now:
        silent = at(place.lease_until, now, zone)
        details.append(("silent", f"its process, since {silent}; surefoot watchdog brings it to its end"))
    if whole:
        before = place.stable_version if _is_open(place) else ""
        details += [("why", place.reason), ("release", place.release), ("before", before), ("run", place.run_url)]
    name = f"{place.service} {place.environment}"
    sign, said = _stand(place, now, zone)
    return Row(sign, name, (said,), details=tuple((label, text) for label, text in details if text))


def as_fields(place: "Current") -> dict[str, Any]:
    """Return a place for the JSON document: what is not known is null."""
    values = {each.name: getattr(place, each.name) for each in fields(place)}
    shown = {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in values.items()}
    return {name: None if value == "" else value for name, value in shown.items()}


def _stand(place: "Current", now: datetime, zone: tzinfo | None) -> tuple[Sign, str]:
    if place.began is None or place.since is None:
        return Sign.TO_COME, "nothing was rolled out yet"
    since = f"since {at(place.since, now, zone)}"
    stable = place.stable_version or "what was there"
    if _is_open(place):
        age = took((now - place.began).total_seconds())
        where = f"at {place.percent} %, " if place.percent else ""
        return Sign.NOW, f"{place.version} is {place.phase}, {where}for {age}; before: {stable}"
    sign, words = _ENDS[place.phase]
    return sign, words.format(version=place.version, percent=place.percent, since=since, stable=stable)


def _is_open(place: "Current") -> bool:
    return place.began is not None and place.ended is None


def _after(places: "Sequence[Current]") -> Iterator[str]:
    if not places:
        yield "Nothing was ever released from here."
        yield "Next  surefoot plan SERVICE ENVIRONMENT"
        return
    watched = [place for place in places if _is_open(place) or place.waiting_release]
    if watched:
        yield f"Next  surefoot watch {watched[0].service} {watched[0].environment}"
    elif len(places) == 1:
        yield f"Next  surefoot history {places[0].service} {places[0].environment}"
