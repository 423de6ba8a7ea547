"""`surefoot doctor`: whether everything that a release needs is there; changes nothing."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from commands import exits
from commands.menu import examples
from commands.row import INDENT, Row
from commands.terminal import Sign, Terminal, document

if TYPE_CHECKING:
    from surefoot.service import Environment
    from tasks.doctor import Finding

_SIGNS = {True: Sign.GOOD, False: Sign.BAD, None: Sign.BLIND}
_WORDS = {True: "ok", False: "not ok", None: "could not look"}


@click.command(
    epilog=examples(
        ("before the first release to a place", "surefoot doctor shop production"),
        ("for a script", "surefoot doctor infra/services/shop.yaml staging --json"),
        codes="0 nothing is wrong · 1 something is · 2 bad input",
    )
)
@click.argument("service", metavar="SERVICE|FILE")
@click.argument("environment")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@click.pass_context
def doctor(ctx: click.Context, *, service: str, environment: str, as_json: bool) -> None:
    """Look at all that a release needs: rights, the service, registry, Slack, Prefect, the store. Changes nothing.

    ✓ is well, ✗ is not, with what to type about it; ! could not be looked at, which is neither.
    """
    from tasks import settings  # noqa: PLC0415 (--help does without)

    place = settings.environment(settings.load(service), environment)
    findings = asyncio.run(_examined(place))
    code = exits.UNEXPECTED if any(finding.well is False for finding in findings) else exits.DONE
    terminal: Terminal = ctx.obj
    if as_json:
        click.echo(document("doctor/1", {**as_fields(place, findings), "exit_code": code}))
    else:
        click.echo("\n".join(lines(place, findings, terminal)))
        if code == exits.DONE:
            click.echo(terminal.next(f"surefoot plan {service} {environment}"), err=not terminal.live)
    ctx.exit(code)


def lines(place: "Environment", findings: "Sequence[Finding]", terminal: Terminal) -> Iterator[str]:
    """Yield a row for each finding; below what is not well, on a line of its own to be copied, what mends it."""
    yield terminal.paint(place.key, bold=True)
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        yield from Row(_SIGNS[finding.well], finding.subject, (finding.seen,)).show(terminal, max(width, 11))
        if finding.mend:
            yield f"{'':{INDENT}}{terminal.paint(finding.mend, dim=finding.well is None)}"
    yield ""
    yield summary(findings)


def summary(findings: "Sequence[Finding]") -> str:
    """Return the last line: how many of each."""
    number = {well: sum(finding.well is well for finding in findings) for well in _WORDS}
    said = [f"{number[True]} ok", f"{number[False]} not ok"]
    said += [f"{number[None]} could not be looked at"] if number[None] else []
    return f"{', '.join(said)}. Nothing was changed."


def as_fields(place: "Environment", findings: "Sequence[Finding]") -> dict[str, Any]:
    """Return the same for the JSON document."""
    return {
        "service": place.service,
        "environment": place.name,
        "ok": sum(finding.well is True for finding in findings),
        "not_ok": sum(finding.well is False for finding in findings),
        "could_not_look": sum(finding.well is None for finding in findings),
        "findings": [
            {
                "subject": finding.subject,
                "outcome": _WORDS[finding.well],
                "seen": finding.seen,
                "mend": finding.mend or None,
            }
            for finding in findings
        ],
    }


async def _examined(place: "Environment") -> "list[Finding]":
    from commands.examine_prefect import prefect  # noqa: PLC0415 (loads prefect)
    from tasks.doctor import examine  # noqa: PLC0415 (--help does without)

    return await examine(place, [prefect()])
