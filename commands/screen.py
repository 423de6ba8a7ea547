"""Where a rollout is shown while it goes on: a tree that is redrawn, or plain lines with a sign of life."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Protocol

import click

from commands.ends import outcome
from commands.events import Event, events, heartbeat
from commands.story import Story
from commands.terminal import Terminal
from commands.tree import tree

if TYPE_CHECKING:
    from rich.live import Live

# A log that says nothing for longer is taken for dead by those who run builds.
_ALIVE = timedelta(seconds=60)


class Screen(Protocol):
    """What shows a story."""

    def show(self, story: Story, now: datetime) -> None:
        """Show how it stands now."""
        ...


@contextmanager
def screen(terminal: Terminal, stream: IO[str]) -> Iterator[Screen]:
    """Yield what fits a stream: a terminal is redrawn, anything else gets lines."""
    if not terminal.live:
        yield Lines(stream)
        return
    from rich.console import Console  # noqa: PLC0415 (only where something is drawn)
    from rich.live import Live  # noqa: PLC0415

    console = Console(file=stream, force_terminal=True, highlight=False, no_color=not terminal.color)
    with Live(console=console, auto_refresh=False) as live:
        yield Redrawn(live, terminal)


class Redrawn:
    """A tree that is drawn again in its place; its last state stays."""

    def __init__(self, live: "Live", terminal: Terminal) -> None:
        self._live = live
        self._terminal = terminal

    def show(self, story: Story, now: datetime) -> None:
        """Draw it as it stands now."""
        from rich.text import Text  # noqa: PLC0415 (only where something is drawn)

        hint = [] if outcome(story) else ["  Ctrl-C stops watching, not the rollout."]
        lines = [*tree(story, self._terminal, now), *hint, ""]
        # What is too long for the terminal is folded: an address that is cut leads nowhere.
        self._live.update(Text.from_ansi("\n".join(lines), overflow="fold"), refresh=True)


class Lines:
    """One line an event, none twice; one a minute when nothing happens."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._told = 0
        self._last: datetime | None = None

    def show(self, story: Story, now: datetime) -> None:
        """Write what is new."""
        all_of_them = events(story)
        new: list[Event] = all_of_them[self._told :]
        self._told = len(all_of_them)
        if not new and now - (self._last or now) >= _ALIVE:
            new = [heartbeat(story, now)]
        for event in new:
            click.echo(event.line(story.environment.key), file=self._stream)
        if new or self._last is None:
            self._last = now
