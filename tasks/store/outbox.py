"""What is to be told, kept until it was: written with the work it tells of, sent afterwards by `delivery`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from surefoot.notice import Message, Notice, as_document, read_notice
from tasks.store.schema import outbox

# After a day nobody is helped by an old message; until then no answer is taken for the last.
_KEPT_FOR = timedelta(hours=24)


class Part(StrEnum):
    """Which part of a notice: the page in the channel, the message that is edited, or the lines in its thread."""

    PAGE = "page"
    MESSAGE = "message"
    THREAD = "thread"


@dataclass(frozen=True, slots=True)
class Posted:
    """Where Slack keeps a message: the channel's id and the message's time stamp."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """One thing to send. `attempts` counts the times it was on its way before: any of them may have arrived.

    `key` is the same at each attempt; `message` is where the subject's message is, once it was sent.
    """

    seq: int
    channel: str
    subject: str
    part: Part
    notice: Notice
    enqueued_at: datetime
    attempts: int
    message: Posted | None

    @property
    def key(self) -> str:
        """Return what tells this parcel from any other, as a UUID: one a subject for the message that is edited."""
        which = "" if self.part is Part.MESSAGE else f"{self.part}/{self.seq}"
        return str(uuid5(NAMESPACE_URL, f"surefoot:{self.channel}/{self.subject}/{which}"))

    @property
    def words(self) -> Message:
        """Return the message that this part says."""
        if self.part is Part.PAGE and self.notice.page is not None:
            return self.notice.page
        if self.part is Part.THREAD:
            return Message(self.notice.thread[0], ("\n".join(self.notice.thread),))
        return self.notice.message


def enqueue(connection: Connection, channel: str, notice: Notice, now: datetime) -> None:
    """Put a notice in the outbox: the page first, since somebody may be asleep."""
    parts = (Part.PAGE if notice.page else None, Part.MESSAGE, Part.THREAD if notice.thread else None)
    for part in parts:
        if part is not None:
            values = {"channel": channel, "subject": notice.subject, "part": part, "notice": as_document(notice)}
            marks = {"state": "waiting", "enqueued_at": now, "attempts": 0, "not_before": now, "problem": ""}
            connection.execute(insert(outbox).values(**values, **marks))
