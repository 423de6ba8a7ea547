"""The right to write to one environment: waited for, kept alive, given back."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from surefoot.errors import LeaseHeld, Superseded
from tasks.clock import now
from tasks.site import Site
from tasks.store import lease, releases
from tasks.store.database import StoreUnavailable
from tasks.store.releases import Asked

_LOOK_AGAIN_S = 0.5
# Longer than any plan that a person would wait for; then the answer is "no", not silence.
_LONGEST_WAIT_S = 6 * 3600.0
# A holder that lives renews its lease so often before it would run out.
_BEATS = 3
_LOG = logging.getLogger("surefoot")


@asynccontextmanager
async def hold(site: Site, asked: Asked) -> AsyncIterator[lease.Lease]:
    """Wait for the lease and keep it while the block runs; Superseded as soon as a newer release was asked for.

    Losing it (held up too long, seized by an operator) cancels the block: another one writes now.
    """
    held = await _wait(site, asked)
    owner = asyncio.current_task()
    heart = asyncio.create_task(_beat(site, held, owner))
    try:
        yield held
    finally:
        heart.cancel()
        with suppress(StoreUnavailable):
            await site.keep(lease.release, held)


async def _wait(site: Site, asked: Asked) -> lease.Lease:
    deadline = asyncio.get_running_loop().time() + _LONGEST_WAIT_S
    while True:
        newest = await site.keep(releases.newest, site.key)
        if newest is not None and newest.seq != asked.seq:
            raise Superseded(f"{newest.release.short} was asked for after {asked.release.short}; it goes instead")
        try:
            return await site.keep(lease.acquire, site.key, site.run.id, now(), ttl_s=site.lease_s, link=site.run.url)
        except LeaseHeld:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _beat(site: Site, held: lease.Lease, owner: "asyncio.Task[object] | None") -> None:
    while True:
        await asyncio.sleep(site.lease_s / _BEATS)
        try:
            held = await site.keep(lease.renew, held, now(), site.lease_s)
        except LeaseHeld as problem:
            if owner is not None:
                owner.cancel(f"the lease on {site.key} is lost: {problem}")
            return
        except StoreUnavailable as problem:
            # The fence carried by every write still keeps a second writer out; the next beat may come through.
            _LOG.warning("the lease on %s could not be renewed: %s", site.key, problem)
