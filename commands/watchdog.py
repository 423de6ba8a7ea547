"""`surefoot watchdog`: one round, now."""

import asyncio

import click

from commands import exits
from commands.menu import examples
from commands.myself import this_person
from commands.row import Row
from commands.terminal import Sign, Terminal, document


@click.command(
    epilog=examples(
        ("one round now, whether or not Prefect's schedule runs", "surefoot watchdog"),
        ("every minute, without Prefect: a crontab's line", "* * * * * surefoot watchdog --json"),
        codes="0 all is looked after · 1 something could not be looked at",
    )
)
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@click.pass_context
def watchdog(ctx: click.Context, *, as_json: bool) -> None:
    """Finish or restore rollouts whose process died, end questions nobody can answer, send what was not sent."""
    done = asyncio.run(_round())
    failed = [each for each in done if each.startswith("! ")]
    code = exits.UNEXPECTED if failed else exits.DONE
    if as_json:
        click.echo(document("watchdog/1", {"done": done, "failed": len(failed), "exit_code": code}))
        ctx.exit(code)
    terminal: Terminal = ctx.obj
    for each in done:
        bad = each.startswith("! ")
        row = Row(Sign.BLIND if bad else Sign.GOOD, "not seen" if bad else "done", (each.removeprefix("! "),))
        click.echo("\n".join(row.show(terminal)))
    if not done:
        click.echo("Nothing was left behind.")
    ctx.exit(code)


async def _round() -> list[str]:
    from commands.server import named  # noqa: PLC0415 (loads prefect)
    from flows.watchdog import look_round  # noqa: PLC0415

    with named():
        return await look_round(this_person())
