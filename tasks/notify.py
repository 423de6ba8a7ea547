"""Sends what waits in the outbox while a run is at work; the watchdog sends what a run had to leave behind."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from surefoot.service import SlackRule
from tasks.clock import now
from tasks.settings import resolve_secret
from tasks.slack import Slack
from tasks.store.database import Store
from tasks.store.delivery import drain

# A run that ends waits this long for Slack; what is left then stays in the outbox.
_PATIENCE_S = 5.0
_LOG = logging.getLogger("surefoot")


async def deliver(store: Store, rule: SlackRule) -> str:
    """Send what waits, in order, for a few seconds; return why something still does, "" when nothing does.

    A Slack that cannot be reached is logged, never raised.
    """
    try:
        token = await resolve_secret(rule.token)
        slack = Slack.connect(token.get_secret_value(), rule.api_url)
        try:
            delivered = await drain(store, slack, rule.channel, now, within_s=_PATIENCE_S)
        finally:
            await slack.close()
    except Exception as problem:  # telling people never breaks the work
        _LOG.warning("notices for %s wait in the outbox: %s", rule.channel, problem)
        return str(problem) or type(problem).__name__
    return delivered.problem or "somebody else is sending" if delivered.waiting else ""


class Courier:
    """Delivers in the background, whenever its bell is rung."""

    def __init__(self, store: Store, rule: SlackRule | None) -> None:
        self._store = store
        self._rule = rule
        self._bell = asyncio.Event()
        self._closing = False

    def ring(self) -> None:
        """Say that something was put into the outbox."""
        self._bell.set()

    async def _work(self) -> None:
        while self._rule and not self._closing:
            await self._bell.wait()
            self._bell.clear()
            await deliver(self._store, self._rule)

    @asynccontextmanager
    async def working(self) -> AsyncIterator["Courier"]:
        """Deliver for as long as the block runs, and what is still there at its end."""
        work = asyncio.create_task(self._work())
        try:
            yield self
        finally:
            self._closing = True
            self.ring()
            await asyncio.wait([work], timeout=2 * _PATIENCE_S)
            work.cancel()
