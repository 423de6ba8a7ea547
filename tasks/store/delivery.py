"""Send what waits in the outbox: at least once, in order, by one sender at a time; a failure is never the caller's."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

from sqlalchemy import Connection

from surefoot.errors import Refused, Unavailable
from surefoot.notice import Message
from tasks.store import lease, outbox
from tasks.store.database import Store
from tasks.store.lease import HeldBy, Lease
from tasks.store.outbox import Parcel, Part, Posted

_log = logging.getLogger(__name__)

# An attempt ends well before the sender's lease does, so that nobody else is sending when it still may be.
_ATTEMPT_S = 25.0
_LEASE_S = 40.0
# Slack's clock and ours need not agree on when a lost message was posted.
_CLOCKS_DIFFER = timedelta(minutes=10)
_SOON = timedelta(seconds=0.5)

Clock = Callable[[], datetime]


class Gone(Refused):
    """The message that was to be edited or answered is not there any more."""


class Messenger(Protocol):
    """What can post: `Unavailable` when nobody knows whether it arrived, `Refused` when it did not."""

    async def post(self, channel: str, words: Message, key: str, thread: Posted | None) -> Posted:
        """Post a message, in a thread if given; `key` goes with it, so that it can be found."""
        ...

    async def edit(self, at: Posted, words: Message, key: str) -> None:
        """Make a message say this; Gone when there is none."""
        ...

    async def find(self, channel: str, key: str, since: datetime, thread: Posted | None) -> Posted | None:
        """Return where the message with a key is, if it arrived."""
        ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """How many were sent now, how many still wait (1 when nobody can tell), from when on to try again, and why."""

    sent: int
    waiting: int
    next_at: datetime | None = None
    problem: str = ""


async def drain(store: Store, messenger: Messenger, channel: str, clock: Clock, within_s: float) -> Delivered:
    """Deliver until nothing waits in a channel or `within_s` seconds are over."""
    deadline, sent = clock() + timedelta(seconds=within_s), 0
    while True:
        found = await deliver(store, messenger, channel, clock)
        sent += found.sent
        pause_s = ((found.next_at or deadline) - clock()).total_seconds()
        if not found.waiting or clock() + timedelta(seconds=pause_s) >= deadline:
            return Delivered(sent, found.waiting, found.next_at, found.problem)
        await asyncio.sleep(max(pause_s, 0.01))


async def deliver(store: Store, messenger: Messenger, channel: str, clock: Clock) -> Delivered:
    """Send what is due in a channel; whatever goes wrong is logged and tried again by a later call, for a day."""
    try:
        held = await store.run(lease.acquire, f"outbox:{channel}", uuid4().hex, clock(), ttl_s=_LEASE_S)
        try:
            sent, problem = await _send_all(store, messenger, channel, held, clock)
        finally:
            await store.run(lease.release, held)
        waiting, next_at = await store.run(outbox.backlog, channel)
    except Exception as error:  # telling people never breaks the work
        level = logging.INFO if isinstance(error, HeldBy) else logging.WARNING
        _log.log(level, "notices for %s are kept: %s", channel, error)
        return Delivered(0, 1, clock() + _SOON, str(error))
    return Delivered(sent, waiting, next_at, problem)


async def _send_all(store: Store, messenger: Messenger, channel: str, held: Lease, clock: Clock) -> tuple[int, str]:
    sent, problem = 0, ""
    while parcel := await store.run(_claim, held, channel, clock()):
        try:
            async with asyncio.timeout(_ATTEMPT_S):
                posted = await _send(messenger, parcel)
        except Exception as error:  # telling people never breaks the work
            problem = str(error) or type(error).__name__
            _log.warning("notice for %s is kept (attempt %d): %s", channel, parcel.attempts + 1, problem)
            pause_s = error.retry_after_s if isinstance(error, Unavailable) else None
            everything = isinstance(error, Unavailable | TimeoutError)
            await store.run(outbox.postpone, parcel, problem, clock(), pause_s=pause_s, everything=everything)
        else:
            await store.run(outbox.settle, parcel, posted, clock())
            sent += 1
    return sent, problem


def _claim(connection: Connection, held: Lease, channel: str, now: datetime) -> Parcel | None:
    lease.renew(connection, held, now, _LEASE_S)
    return outbox.claim(connection, channel, now)


async def _send(messenger: Messenger, parcel: Parcel) -> Posted:
    """Edit what is there, take what an attempt before left there, else post."""
    if parcel.part is Part.MESSAGE and parcel.message:
        try:
            await messenger.edit(parcel.message, parcel.words, parcel.key)
        except Gone:
            _log.info("the message of %s is gone; posting it again", parcel.subject)
        else:
            return parcel.message
    thread = parcel.message if parcel.part is Part.THREAD else None
    if parcel.attempts:
        since = parcel.enqueued_at - _CLOCKS_DIFFER
        channel = parcel.message.channel if parcel.message else parcel.channel
        found = await messenger.find(channel, parcel.key, since, thread)
        if found:
            if parcel.part is Part.MESSAGE:
                await messenger.edit(found, parcel.words, parcel.key)
            return found
    try:
        return await messenger.post(parcel.channel, parcel.words, parcel.key, thread)
    except Gone:  # its thread is; better said in the channel than not at all
        return await messenger.post(parcel.channel, parcel.words, parcel.key, None)
