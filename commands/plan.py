"""`surefoot plan`: what a release would do, and the way back; changes nothing."""

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from commands import exits
from commands.image import pinned
from commands.menu import examples
from commands.terminal import Terminal, document
from surefoot.errors import NotNow
from surefoot.release import Image
from surefoot.service import Environment, Service
from surefoot.units import parse_percent

if TYPE_CHECKING:
    from commands.outlook import Outlook
    from surefoot.target import Live, Target
    from tasks.store.database import Store
    from tasks.store.releases import Asked
    from tasks.store.rollouts import Attempt


_A_SECOND = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)/(s|min|m|h)")


def _rate(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """Return requests a second for `10/s`, `600/m` or `36000/h`."""
    match = _RATE.fullmatch(text) if text else None
    if text and (match is None or not float(match[1])):
        raise click.BadParameter(f"{text!r} is not a rate of requests; write 10/s, 600/m or 36000/h")
    return float(match[1]) / _A_SECOND[match[2]] if match else None


def _share(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    try:
        return parse_percent(text) if text else None
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


@click.command(
    epilog=examples(
        ("the climb, the way back, and what it can see", "surefoot plan shop production"),
        ("for this image, with the hash that a yes is bound to", "surefoot plan shop production --image R@sha256:…"),
        (
            "what it would see of ten users' requests a second",
            "surefoot plan shop production --traffic 10/s --errors 0.5%",
        ),
        codes="0 it could go · 2 bad input · 5 it would be refused",
    )
)
@click.argument("service", metavar="SERVICE|FILE")
@click.argument("environment")
@click.option("--image", default="", metavar="IMAGE", help="REPO@sha256:… or REPO:TAG.")
@click.option("--traffic", metavar="RATE", callback=_rate, help="Users' requests to all of it, as 10/s: what if?")
@click.option("--errors", metavar="PERCENT", callback=_share, help="How many of stable's fail, as 0.5%: what if?")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@click.pass_context
def plan(
    ctx: click.Context,
    *,
    service: str,
    environment: str,
    image: str,
    traffic: float | None,
    errors: float | None,
    as_json: bool,
) -> None:
    """Say what a release would do, how small a harm it can see, and the way back. Reads the cloud, changes nothing."""
    from commands.outlook import as_fields, lines  # noqa: PLC0415 (--help does without)
    from tasks import settings  # noqa: PLC0415
    from tasks.recent import typed  # noqa: PLC0415

    found = settings.load(service)
    place = settings.environment(found, environment)
    wanted = pinned(image) if image else None
    outlook = asyncio.run(_outlook(found, place, wanted))
    outlook = replace(outlook, known=typed(place, traffic, errors, outlook.known))
    code = exits.REFUSED if outlook.refusal else exits.DONE
    terminal: Terminal = ctx.obj
    if as_json:
        click.echo(document("plan/1", {**as_fields(outlook), "exit_code": code}))
    else:
        click.echo("\n".join(lines(outlook, terminal)))
        if wanted and not outlook.refusal:
            command = f"surefoot deploy {found.name} {environment} --image {wanted}"
            click.echo(terminal.next(command), err=not terminal.live)
    ctx.exit(code)


async def _outlook(service: Service, place: Environment, image: Image | None) -> "Outlook":
    from commands.kept import kept  # noqa: PLC0415 (--help does without)
    from commands.outlook import Outlook  # noqa: PLC0415
    from tasks.recent import known_from  # noqa: PLC0415
    from tasks.rollout import canary_name  # noqa: PLC0415
    from tasks.store import rollouts  # noqa: PLC0415
    from tasks.targets import connect, promises, undo_command  # noqa: PLC0415

    calls: list[str] = []
    target = connect(place.place, place.plan, calls.append)
    try:
        live = await target.live()
        async with kept() as store:
            past = await store.run(rollouts.history, place.key, limit=1) if store else []
            asked = await _asked(store, place, image) if store and image else None
            known = await store.run(known_from, place) if store else known_from(None, place)
            hashed = await _hash(service, place, target, store, asked) if store and asked else ""
    finally:
        await target.close()
    return Outlook(
        place,
        live,
        undo_command(place.place, live.traffic),
        image=image,
        release=asked.release if asked else None,
        revision=canary_name(place, asked.release) if asked else "",
        hash=hashed,
        refusal=await _refusal(place, live, past, image, asked),
        promises=promises(place.place, place.plan),
        calls=calls,
        known=known,
    )


async def _asked(store: "Store", place: Environment, image: Image) -> "Asked | None":
    """Return what staging was asked for with this image: so its version and commit are known, and what was seen."""
    from tasks.store import releases  # noqa: PLC0415 (--help does without)

    return await store.run(releases.with_image, f"{place.service}/staging", str(image))


async def _hash(service: Service, place: Environment, target: "Target", store: "Store", asked: "Asked") -> str:
    """Return the hash that a yes would be bound to, as the run itself would compose the question now."""
    if place.approval is None or asked.verified_at is None:
        return ""
    from commands.myself import this_person  # noqa: PLC0415 (--help does without)
    from tasks.compose import compose  # noqa: PLC0415
    from tasks.notify import Courier  # noqa: PLC0415
    from tasks.site import Site  # noqa: PLC0415

    # Nothing is held and nobody is told: this site is only looked at.
    courier, me = Courier(store, None), this_person()
    site = Site(service, place, target=target, store=store, run=me, courier=courier, lease_s=0.0)
    question = await compose(site, replace(asked, key=place.key))
    return question.hash


async def _refusal(
    place: Environment, live: "Live", past: "list[Attempt]", image: Image | None, asked: "Asked | None"
) -> str:
    """Return why it would be refused now, "" when it would not be."""
    from tasks.pin import pullable  # noqa: PLC0415 (--help does without)
    from tasks.rollout import preflight  # noqa: PLC0415

    if place.name == "production" and image is not None and (asked is None or asked.verified_at is None):
        return f"staging has not verified it; surefoot deploy {place.service} staging --image {image}"
    try:
        preflight(place, live, past)
        if image is not None:
            await pullable(image)
    except NotNow as problem:
        return str(problem)
    return ""
