"""Follow one run until it has ended. Watching changes nothing, and stopping to watch does not either."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from typing import IO

from commands.ends import Outcome, outcome, waiting
from commands.kept import tell
from commands.screen import screen
from commands.story import RunState, Story
from commands.terminal import Terminal
from surefoot.errors import SurefootError, Unavailable
from surefoot.service import Environment
from tasks.clock import now
from tasks.store.database import Store, StoreUnavailable

_LOOK_AGAIN_S = 0.5
_ASK_AGAIN_S = 1.0
# Nobody is at work for so long: then nobody will be, and a build that waits should be told.
_QUIET_S = 600.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What is followed: one run in one place."""

    environment: Environment
    run_id: str
    run_url: str = ""


async def follow(
    store: Store, watched: Watched, terminal: Terminal, stream: IO[str], *, stop_at_question: bool = False
) -> tuple[Story, Outcome]:
    """Show a run on a stream until it has ended, or (`stop_at_question`) until a person is asked.

    Unavailable when nobody works on it for ten minutes.
    """
    with screen(terminal, stream) as shown:
        async for story in stories(store, watched):
            shown.show(story, now())
            if stop_at_question and story.heard and story.waits:
                return story, waiting(story)
            if ended := outcome(story):
                return story, ended
    raise AssertionError("unreachable: the last story has an outcome")


async def stories(store: Store, watched: Watched) -> AsyncIterator[Story]:
    """Yield a run's story twice a second, as store and Prefect have it; the last one has an outcome."""
    clock = asyncio.get_running_loop().time
    moved_at, known = clock(), -1
    async with _listening(watched) as pulse:
        while True:
            # Prefect's word first: what the store says afterwards is at least as new.
            state, url, heard = pulse.state, pulse.url, pulse.heard
            try:
                story = await store.run(tell, watched.environment, watched.run_id, url or watched.run_url)
            except StoreUnavailable:  # somebody else is at it for long: the rollout goes on, and so does watching
                if clock() - moved_at > _QUIET_S:
                    raise
                await asyncio.sleep(_LOOK_AGAIN_S)
                continue
            story = replace(story, state=state, heard=heard)
            yield story
            if outcome(story):
                return
            if len(story.entries) != known or story.waits or (state is not None and state.kind == "RUNNING"):
                moved_at, known = clock(), len(story.entries)
            if clock() - moved_at > _QUIET_S:
                raise Unavailable(
                    f"nobody has worked on {watched.environment.key} for {_QUIET_S / 60:.0f} min; "
                    "is surefoot up running? The run stays asked for: surefoot watch shows it again"
                )
            await asyncio.sleep(_LOOK_AGAIN_S)


@dataclass(slots=True)
class _Pulse:
    """Prefect's last word about a run."""

    state: RunState | None = None
    url: str = ""
    heard: bool = False


@asynccontextmanager
async def _listening(watched: Watched) -> AsyncIterator[_Pulse]:
    """Ask Prefect beside everything else: a server that is slow or gone delays nothing."""
    pulse = _Pulse()
    asking = asyncio.create_task(_ask(watched.run_id, pulse))
    try:
        yield pulse
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def _ask(run_id: str, pulse: _Pulse) -> None:
    # Two seconds to import, in which the store's part is shown already.
    server = await asyncio.to_thread(import_module, "commands.server")
    while True:
        try:
            pulse.state, pulse.url = await server.read_state(run_id)
        except SurefootError:
            pulse.state = None
        pulse.heard = True
        await asyncio.sleep(_ASK_AGAIN_S)
