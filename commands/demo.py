"""`surefoot demo`: a good release and a bad one, on this laptop."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import exits
from commands.menu import examples
from commands.platforms import PLATFORMS
from commands.terminal import Sign, Terminal
from surefoot.units import took

if TYPE_CHECKING:
    from commands.stage import Stage

# What each bad release does, in the words of its headline.
BAD = {
    "errors": "fails one request in twenty, only under real traffic",
    "crash": "exits while it starts",
    "smoke": "starts, but nobody can place an order",
    "slow": "is slower by 40 %",
}
_USERS_PER_S = 75.0
_GOOD, _FIRST = "1.1.0", "1.0.0"
_FURTHER = ("surefoot demo --keep               the same, left running to click through", "docs/start.md")


@click.command(
    epilog=examples(
        ("a good release, then one that fails under real traffic", "surefoot demo"),
        ("another bad one, on ECS", "surefoot demo --target ecs --bad slow"),
        ("left running, to click through", "surefoot demo --keep"),
        codes="0 both ended as they should · 1 they did not · 130 Ctrl-C",
    )
)
@click.option(
    "--target", type=click.Choice(list(PLATFORMS)), default="cloud-run", show_default=True, help="What it runs on."
)
@click.option("--bad", type=click.Choice(list(BAD)), default="errors", show_default=True, help="Which bad release.")
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C.")
@click.option("--ask", is_flag=True, help="Wait for your own yes in the Prefect UI, instead of saying it for you.")
@click.pass_context
def demo(ctx: click.Context, *, target: str, bad: str, keep: bool, ask: bool) -> None:
    """Release twice on a cloud that lives on this laptop: one is promoted, one is put back."""
    folder = Path(tempfile.mkdtemp(prefix="surefoot-demo-"))
    try:
        well = asyncio.run(_demo(ctx.obj, folder, target, bad, keep=keep, ask=ask))
    except asyncio.CancelledError:
        click.echo("\nStopped; nothing was left behind.", err=True)
        ctx.exit(exits.INTERRUPTED)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ctx.exit(exits.DONE if well else exits.UNEXPECTED)


async def _demo(terminal: Terminal, folder: Path, target: str, bad: str, *, keep: bool, ask: bool) -> bool:
    began = time.monotonic()
    _stop_on_signals(asyncio.current_task())
    click.echo(f"Rehearsal · {PLATFORMS[target]} on this laptop: nothing leaves it, nothing is billed")
    async with AsyncExitStack() as stack:
        stage = await _set_the_stage(stack, terminal, folder, target)
        good = await stage.release("1 of 2", _GOOD, "a good release", ask=ask)
        wrong = await stage.release("2 of 2", f"1.2.0-{bad}", f"which {BAD[bad]}", ask=ask)
        click.echo(await stage.summary((good, wrong)))
        if keep:
            await _kept(terminal, stage)
    took_s = time.monotonic() - began
    click.echo(f"\nDone in {took(took_s)}. Everything is stopped again; nothing was left behind.\n")
    click.echo(terminal.next("surefoot init --from cloud-run     your own service", *_FURTHER))
    return good.promoted and wrong.put_back


def _stop_on_signals(task: "asyncio.Task[bool] | None") -> None:
    assert task is not None, "called in a task"
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _set_the_stage(stack: AsyncExitStack, terminal: Terminal, folder: Path, target: str) -> "Stage":
    """Start cloud, Prefect and users; the slow ones at the same time."""
    from commands.engine import started  # noqa: PLC0415 (--help does without)
    from commands.rehearsed import TOKEN, free_port, rehearsed, seed, write_service_file  # noqa: PLC0415

    began = time.monotonic()
    cloud = await stack.enter_async_context(rehearsed(folder, target))
    said = f"{PLATFORMS[target].partition(' ')[2]} API, traffic splitter, Slack stand-in"
    click.echo(terminal.row(Sign.GOOD, "cloud", said, took(time.monotonic() - began)))
    click.echo(terminal.row(Sign.GOOD, "slack", cloud.slack_page))
    file = write_service_file(folder, cloud, target)
    own = {"SUREFOOT_STORE": str(folder / "store.db"), "SUREFOOT_SERVICES": str(file), "REHEARSAL_SLACK_TOKEN": TOKEN}
    own["SUREFOOT_REGISTRIES"] = cloud.registry
    os.environ.update(own)
    os.environ.pop("PREFECT_API_URL", None)
    began = time.monotonic()
    seeding = asyncio.create_task(seed(cloud, _FIRST, target))
    engine = await stack.enter_async_context(started(folder / "prefect", os.environ, free_port(4200)))
    click.echo(terminal.row(Sign.GOOD, "prefect", engine.ui_url, took(time.monotonic() - began)))
    from commands.stage import Stage  # noqa: PLC0415 (loads prefect)

    stage = Stage(terminal, cloud, engine.ui_url, (await seeding)["shop"])
    await stack.enter_async_context(stage.users(_USERS_PER_S))
    said = f"{stage.address}   serving {_USERS_PER_S:.0f} requests/s"
    click.echo(terminal.row(Sign.GOOD, f"shop {_FIRST}", said))
    return stage


async def _kept(terminal: Terminal, stage: "Stage") -> None:
    click.echo("\nLeft running; Ctrl-C stops it all.\n")
    for name, address in stage.addresses.items():
        click.echo(terminal.row(Sign.NOW, name, address))
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
