"""What the store has kept, for commands that only look: looking makes no store and changes none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from commands.story import Story
from surefoot.service import Environment
from tasks.settings import tool_settings
from tasks.store import approvals, ledger, releases, rollouts
from tasks.store.current import current
from tasks.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tasks.store.ledger import Entry
    from tasks.store.rollouts import Attempt

_FAR_BACK = 50


@asynccontextmanager
async def kept() -> AsyncIterator[Store | None]:
    """Open the store that SUREFOOT_STORE names; None where nothing was ever written."""
    url = tool_settings().store_url
    if not current(url):
        yield None
        return
    store = Store.open(url)
    try:
        yield store
    finally:
        await store.close()


def tell(connection: "Connection", environment: Environment, run_id: str, run_url: str = "") -> Story:
    """Return the story of one run in one place, as far as the store has it."""
    key = environment.key
    asked = releases.of_run(connection, key, run_id)
    attempt = _attempt_of(connection, key, run_id)
    if asked is None and attempt is None:
        return Story(environment, run_id, run_url)
    rollout = attempt.id if attempt else f"{key}/{asked.release.id}/{run_id[:8]}" if asked else ""
    entries = ledger.of_rollout(connection, rollout)
    return Story(
        environment,
        run_id,
        run_url or (attempt.run_url if attempt else ""),
        release=asked.release if asked else attempt.release if attempt else None,
        asked_at=asked.asked_at if asked else attempt.began_at if attempt else None,
        attempt=attempt,
        entries=tuple(entries),
        approval=_question_of(connection, entries),
    )


def newest_run(connection: "Connection", key: str) -> tuple[str, str] | None:
    """Return the run (id, page) that a place is about now: one at work, else asked about, else the last."""
    at_work = [attempt for attempt in rollouts.open_rollouts(connection) if attempt.key == key]
    if at_work:
        return at_work[0].run_id, at_work[0].run_url
    asked = approvals.waiting(connection, key)
    if asked:
        return asked[-1].run_id, asked[-1].run_url
    newest = releases.newest(connection, key)
    last = next(iter(rollouts.history(connection, key, limit=1)), None)
    if newest is not None and (last is None or newest.asked_at > last.began_at):
        return newest.run_id, ""
    return (last.run_id, last.run_url) if last else None


def _attempt_of(connection: "Connection", key: str, run_id: str) -> "Attempt | None":
    recent = rollouts.history(connection, key, limit=_FAR_BACK)
    return next((attempt for attempt in recent if attempt.run_id == run_id), None)


def _question_of(connection: "Connection", entries: "list[Entry]") -> "approvals.ApprovalRecord | None":
    asked = [str(entry.fields["approval"]) for entry in entries if entry.kind == "approval asked"]
    return approvals.find(connection, asked[-1]) if asked else None
