"""One environment with its open connections: what every verb works on."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from surefoot.notice import Notice, Subject
from surefoot.release import Release
from surefoot.service import Environment, Service
from surefoot.target import Target
from tasks import settings
from tasks.clock import now
from tasks.notify import Courier
from tasks.store import outbox
from tasks.store.database import Store, StoreUnavailable
from tasks.targets import connect

T = TypeVar("T")
_LOG = logging.getLogger("surefoot")


@dataclass(frozen=True, slots=True)
class Run:
    """Who is at work: a Prefect run with its page, or a command at somebody's terminal."""

    id: str
    url: str = ""


class Site:
    """An environment, its target, the store, and the people to tell. `open_site` opens one."""

    def __init__(
        self,
        service: Service,
        environment: Environment,
        *,
        target: Target,
        store: Store,
        run: Run,
        courier: Courier,
        lease_s: float,
    ) -> None:
        self.service = service
        self.environment = environment
        self.target = target
        self.store = store
        self.run = run
        self.lease_s = lease_s
        self._courier = courier

    @property
    def key(self) -> str:
        """Return the place's name in leases, ledger and messages."""
        return self.environment.key

    async def keep(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run one function of the store in one transaction."""
        return await self.store.run(fn, *args, **kwargs)

    async def tell(self, notice: Notice) -> None:
        """Put a notice into the outbox. Telling people never breaks the work, so a lost store is only logged."""
        try:
            await self.store.run(self.post, notice)
        except StoreUnavailable as problem:
            _LOG.warning("the notice %r of %s could not be kept: %s", notice.kind, notice.subject, problem)
        self.ring()

    def post(self, connection: Connection, notice: Notice) -> None:
        """Put a notice into the outbox in the transaction that it tells of: neither is kept without the other."""
        if self.environment.slack is not None:
            outbox.enqueue(connection, self.environment.slack.channel, notice, now())

    def ring(self) -> None:
        """Let what is in the outbox be sent."""
        self._courier.ring()

    def subject(self, rollout: str, release: Release, **more: Any) -> Subject:
        """Return what all notices of one rollout have in common."""
        compare = ""
        if self.service.repository and release.commits:
            compare = f"{self.service.repository}/compare/{release.commits[-1].sha}^...{release.commit}"
        return Subject(
            id=rollout,
            release=release,
            environment=self.environment.name,
            run_url=self.run.url,
            compare_url=compare,
            steps=tuple(step.percent for step in self.environment.plan.steps),
            mention=self.environment.slack.mention if self.environment.slack else "",
            **more,
        )


@asynccontextmanager
async def open_store(patience_s: float = 10.0) -> AsyncIterator[Store]:
    """Open the store that SUREFOOT_STORE names, its tables brought up to date; a silent one is waited for so long."""
    store = Store.open(settings.tool_settings().store_url, patience_s)
    try:
        await store.migrate()
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_site(service: str, environment: str, run: Run) -> AsyncIterator[Site]:
    """Open one environment of a service (its name, or its file); its notices leave while the block runs."""
    found = settings.load(service)
    place = settings.environment(found, environment)
    async with open_store() as store, Courier(store, place.slack).working() as courier:
        target = connect(place.place, place.plan)
        try:
            lease_s = settings.tool_settings().lease_s
            yield Site(found, place, target=target, store=store, run=run, courier=courier, lease_s=lease_s)
        finally:
            await target.close()
