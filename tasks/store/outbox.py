"""What is to be told, kept until it was: written with the work it tells of, sent afterwards by `delivery`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, RowMapping, Update, func, insert, select, update

from surefoot.notice import Message, Notice, as_document, read_notice
from tasks.store.schema import outbox

# After a day nobody is helped by an old message; until then no answer is taken for the last.
KEPT_FOR = timedelta(hours=24)
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 300.0


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
    """One thing to send. `attempts` says how often it was on its way before: any of them may have arrived.

    `message` is where the message that is edited was sent to, if it was.
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
        """Return the UUID that is the same at each attempt, and the same for every edit of a subject's message."""
        which = "" if self.part is Part.MESSAGE else f"{self.part}/{self.seq}"
        return str(uuid5(NAMESPACE_URL, f"surefoot:{self.channel}/{self.subject}/{which}"))

    @property
    def words(self) -> Message:
        """Return what this part says."""
        if self.part is Part.THREAD:
            return Message(self.notice.thread[0], ("\n".join(self.notice.thread),))
        return (self.notice.page if self.part is Part.PAGE else None) or self.notice.message


def enqueue(connection: Connection, channel: str, notice: Notice, now: datetime) -> None:
    """Put a notice in the outbox, each of its parts by itself."""
    wanted = {Part.PAGE: notice.page is not None, Part.MESSAGE: True, Part.THREAD: bool(notice.thread)}
    what = {"channel": channel, "subject": notice.subject, "notice": as_document(notice)}
    marks = {"state": "waiting", "enqueued_at": now, "not_before": now, "attempts": 0, "problem": ""}
    for part in (part for part, is_wanted in wanted.items() if is_wanted):
        connection.execute(insert(outbox).values(**what, **marks, part=part))


def claim(connection: Connection, channel: str, now: datetime) -> Parcel | None:
    """Return what to send next in a channel, counted as an attempt before it is one: a kill may come at any moment.

    Pages first: somebody may be asleep. Else a subject's order is kept, and one that has to pause holds up no other.
    """
    connection.execute(_waiting(channel).where(outbox.c.enqueued_at < now - KEPT_FOR).values(state="expired"))
    is_page = outbox.c.part == Part.PAGE
    first = select(func.min(outbox.c.seq)).where(outbox.c.channel == channel, outbox.c.state == "waiting")
    heads = first.group_by(outbox.c.subject, is_page)
    due = select(outbox).where(outbox.c.seq.in_(heads), outbox.c.not_before <= now).order_by(~is_page, outbox.c.seq)
    row = connection.execute(due).mappings().first()
    if row is None:
        return None
    notice = _latest(connection, row) if row["part"] == Part.MESSAGE else row["notice"]
    connection.execute(_row(row["seq"]).values(attempts=row["attempts"] + 1))
    return Parcel(
        row["seq"], channel, row["subject"], Part(row["part"]), read_notice(notice), row["enqueued_at"],
        row["attempts"], _message(connection, channel, row["subject"]),
    )  # fmt: skip


def settle(connection: Connection, parcel: Parcel, posted: Posted, now: datetime) -> None:
    """Write down that a parcel arrived, and where."""
    arrived = {"state": "sent", "sent_at": now, "sent_channel": posted.channel, "sent_ts": posted.ts, "problem": ""}
    connection.execute(_row(parcel.seq).values(**arrived))


def postpone(
    connection: Connection, parcel: Parcel, problem: str, now: datetime, *, pause_s: float | None, everything: bool
) -> None:
    """Let a parcel wait, or everything in its channel: as long as Slack asked for, else twice as long each time."""
    pause = (
        min(2.0 ** min(parcel.attempts, 10), _LONGEST_PAUSE_S) if pause_s is None else max(pause_s, _SHORTEST_PAUSE_S)
    )
    which = _waiting(parcel.channel) if everything else _row(parcel.seq)
    connection.execute(which.values(not_before=now + timedelta(seconds=pause)))
    connection.execute(_row(parcel.seq).values(problem=problem))


def backlog(connection: Connection, channel: str) -> tuple[int, datetime | None]:
    """Return how many parcels wait in a channel, and when the first of them may be tried again."""
    mine = (outbox.c.channel == channel) & (outbox.c.state == "waiting")
    number, soonest = connection.execute(select(func.count(), func.min(outbox.c.not_before)).where(mine)).one()
    return number, soonest


def _latest(connection: Connection, first: RowMapping) -> dict[str, Any]:
    """Fold later edits into the first that waits: only how the message looks in the end matters, and it comes first."""
    mine = (outbox.c.channel == first["channel"]) & (outbox.c.subject == first["subject"])
    edits = mine & (outbox.c.state == "waiting") & (outbox.c.part == Part.MESSAGE)
    newest = select(outbox.c.notice).where(edits).order_by(outbox.c.seq.desc()).limit(1)
    notice: dict[str, Any] = connection.scalars(newest).one()
    connection.execute(update(outbox).where(edits, outbox.c.seq != first["seq"]).values(state="folded"))
    connection.execute(_row(first["seq"]).values(notice=notice))
    return notice


def _message(connection: Connection, channel: str, subject: str) -> Posted | None:
    sent = (outbox.c.part == Part.MESSAGE) & (outbox.c.state == "sent")
    mine = sent & (outbox.c.channel == channel) & (outbox.c.subject == subject)
    where = select(outbox.c.sent_channel, outbox.c.sent_ts).where(mine).order_by(outbox.c.seq.desc()).limit(1)
    row = connection.execute(where).first()
    return None if row is None else Posted(row.sent_channel, row.sent_ts)


def _waiting(channel: str) -> Update:
    return update(outbox).where(outbox.c.channel == channel, outbox.c.state == "waiting")


def _row(seq: int) -> Update:
    return update(outbox).where(outbox.c.seq == seq)
