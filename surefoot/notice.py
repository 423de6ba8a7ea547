"""What people are told: one function an event, named after it; the words are in Slack's mrkdwn.

All of a rollout's notices share one message in the channel that is edited in place; details go to its thread, and
what somebody has to see now is posted in the channel as well (`page`).
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from surefoot.release import Release
from surefoot.units import count, took


class Kind(StrEnum):
    """Which event a notice tells of."""

    ASKED = "asked"
    STARTED = "started"
    STAGED = "staged"
    ADVANCED = "advanced"
    HELD = "held"
    PUT_BACK = "put back"
    NOT_PUT_BACK = "not put back"
    PROMOTED = "promoted"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    STRANDED = "stranded"
    INTERFERED = "interfered"
    STAGE_FAILED = "stage failed"


# One sign a message: it moves, it is well, it is not, it was put back.
_SIGNS = dict.fromkeys(Kind, ":large_yellow_circle:") | {
    Kind.PROMOTED: ":large_green_circle:",
    Kind.PUT_BACK: ":leftwards_arrow_with_hook:",
    Kind.CANCELLED: ":leftwards_arrow_with_hook:",
    **dict.fromkeys(
        (Kind.NOT_PUT_BACK, Kind.REFUSED, Kind.TIMED_OUT, Kind.INTERFERED, Kind.STAGE_FAILED), ":red_circle:"
    ),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `text` is what a locked phone shows, `context` small print; all but `header` is mrkdwn."""

    text: str
    sections: tuple[str, ...]
    context: tuple[str, ...] = ()
    header: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """One event told: how the message of `subject` looks from now on, what its thread adds, and whom it wakes."""

    subject: str
    kind: Kind
    message: Message
    thread: tuple[str, ...] = ()
    page: Message | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What all notices of one rollout have in common.

    `id` is the rollout's; `steps` the percents of its plan; `previous` the version that runs until it is live.
    """

    id: str
    release: Release
    environment: str
    run_url: str = ""
    compare_url: str = ""
    steps: tuple[int, ...] = (100,)
    previous: str = ""
    plan_hash: str = ""
    approved: str = ""
    mention: str = ""


def asked(subject: Subject, until: datetime) -> Notice:
    """A person has to decide; nothing moves before that."""
    decide = _link(subject.run_url, "look and decide") or "look and decide"
    line = f"*{_release(subject)}* waits for you: {decide}, until {_day(until)}"
    text = f"{_release(subject)} waits for your yes or no in {_place(subject)}, until {_plain_day(until)}"
    page = Message(text, (_mentioned(subject, line),), _context(subject))
    return _notice(subject, Kind.ASKED, "waits for a yes", (f"asked, until {_day(until)}",), page=page)


def started(subject: Subject, now: datetime) -> Notice:
    """The rollout has begun; no user has seen the release yet."""
    return _notice(subject, Kind.STARTED, "started", (f"{_time(now)} started",))


def staged(subject: Subject, now: datetime, revision: str, seconds: float, smoke: str = "") -> Notice:
    """The revision is ready without user traffic; `smoke` says what its checks showed, if they ran: `6 of 6`."""
    seen = f", smoke {_line(smoke)}" if smoke else ""
    line = f"{_time(now)} staged `{_code(revision)}` in {took(seconds)}, no traffic{seen}"
    return _notice(subject, Kind.STAGED, "staged, no user has seen it yet", (line,), (_ladder(subject, 0),))


def advanced(
    subject: Subject, now: datetime, percent: int, verdict: str = "", next_move: datetime | None = None
) -> Notice:
    """A step was left well with `verdict` (empty before the first), and the release is at `percent` now."""
    after = f" · next move about {_time(next_move)}" if next_move else ""
    numbers = (f"{_line(verdict)}{after}",) if verdict or after else ()
    thread = (f"{_time(now)} at {percent} %{f': {_line(verdict)}' if verdict else ''}",)
    state = f"at *{percent} %*, all well so far"
    return _notice(subject, Kind.ADVANCED, state, thread, (_ladder(subject, percent), *numbers))


def held(subject: Subject, now: datetime, percent: int, reason: str) -> Notice:
    """Nobody can say yet whether the release is well: it stays where it is, and is looked at longer."""
    thread = (f"{_time(now)} held at {percent} %: {_line(reason)}",)
    body = (_ladder(subject, percent), _line(reason))
    return _notice(subject, Kind.HELD, f"held at *{percent} %*, cannot say yet", thread, body)


def put_back(
    subject: Subject,
    now: datetime,
    *,
    percent: int,
    reason: str,
    seconds: float,
    again: str,
    failed: int | None = None,
    over_s: float = 0.0,
    examples: tuple[str, ...] = (),
    seen: str = "",
    logs_url: str = "",
) -> Notice:
    """The release went wrong and users are on the previous one again.

    `seconds` is from the verdict to all traffic back, `failed` requests failed because of it over `over_s` seconds
    (None: nobody counted), `seen` is what probes saw afterwards, `again` the command that tries once more.
    """
    since = f"since {_time(now, seconds=True)}{f', {_line(seen)}' if seen else ''}"
    over = f", over {took(over_s)}" if over_s else ""
    cost = () if failed is None else (f"*Cost*  about {count(failed)} requests failed because of it{over}",)
    sections = (
        _mentioned(subject, f"*Users are on {_previous(subject)} again {since}. Nothing to do now.*"),
        _join(f"*Why*   {_at(percent)}{_line(reason)}", *(_line(example) for example in examples)),
        _join(
            *cost,
            f"*Took*  {took(seconds)} from the verdict to 100 % on {_previous(subject)}",
        ),
    )
    text = f"PUT BACK {_release(subject)} in {_place(subject)}. Users are on {_previous(subject)}. Nothing to do now."
    header = f"Put back: {subject.release.short} in {subject.environment}"
    page = Message(text, sections, _context(subject, _link(logs_url, "The logs of that moment")), header)
    thread = (
        f"{_time(now, seconds=True)} put back: {_line(reason)}",
        f"To try {_line(subject.release.version)} again: `{_code(again)}`",
    )
    state = f"was put back, {_previous(subject)} is live"
    return _notice(subject, Kind.PUT_BACK, state, thread, (_line(reason),), page=page)


def not_put_back(subject: Subject, now: datetime, *, percent: int, problem: str, command: str) -> Notice:
    """The way back failed: `problem` is its own error, `command` is what a person types by hand, now."""
    still = f"still has {percent} % of {_place(subject)}"
    sections = (
        _mentioned(subject, f"*{_release(subject)} {still}*"),
        f"*Why*   {_line(problem)}",
        _join("*Do this now*, from an account that may:", f"```{_code(command)}```"),
        "Surefoot keeps trying, and says here when it is true.",
    )
    text = f"NOT PUT BACK {_release(subject)}: it {still}. Do this now: {_line(command)}"
    header = f"NOT put back: {subject.release.short} in {subject.environment}"
    thread = (f"{_time(now, seconds=True)} the way back failed: {_line(problem)}",)
    state = f"is *not put back*: it still has {percent} %"
    page = Message(text, sections, _context(subject), header)
    return _notice(subject, Kind.NOT_PUT_BACK, state, thread, (_line(problem),), page=page)


def promoted(subject: Subject, now: datetime, seconds: float, failed: int | None = None, seen: str = "") -> Notice:
    """All users are on the release, and probes saw it."""
    cost = "" if failed is None else f" · {count(failed)} requests failed because of it"
    line = f"{_SIGNS[Kind.PROMOTED]} *{_release(subject)} is live in {_place(subject)}* · {took(seconds)}{cost}"
    text = f"{_release(subject)} is live in {_place(subject)}, after {took(seconds)}"
    thread = (f"{_time(now)} live{f': {_line(seen)}' if seen else ''}",)
    message = Message(text, (_titled(subject, line),), _context(subject))
    return Notice(subject.id, Kind.PROMOTED, message, thread)


def superseded(subject: Subject, by: str, percent: int = 0) -> Notice:
    """A newer release, version `by`, has taken this one's place; nobody has to do anything."""
    where = f" at {percent} %" if percent else ""
    line = f"~{_release(subject)}~ superseded by {_line(by)}{where}, nothing to do"
    text = f"{_release(subject)} superseded by {_line(by)}{where}, nothing to do"
    return Notice(subject.id, Kind.SUPERSEDED, Message(text, (line,), _context(subject)))


def refused(subject: Subject, reason: str, by: str = "") -> Notice:
    """A person said no, or Surefoot did before anything was changed."""
    who = f"by {_line(by)}" if by else "before anything was changed"
    thread = (f"refused {who}: {_line(reason)}",)
    return _notice(subject, Kind.REFUSED, f"refused {who}", thread, (_line(reason) or "no reason was given",))


def timed_out(subject: Subject, seconds: float) -> Notice:
    """Nobody answered in time, and that is a no."""
    thread = (f"nobody answered within {took(seconds)}; ask for it again to have it back",)
    return _notice(subject, Kind.TIMED_OUT, f"not approved: nobody answered within {took(seconds)}", thread)


def cancelled(subject: Subject, now: datetime, percent: int, by: str = "") -> Notice:
    """A person or a signal stopped the rollout at `percent`; whatever users had of it was taken back."""
    who = f" by {_line(by)}" if by else ""
    state = f"cancelled{who}, {_previous(subject)} is live" if percent else f"cancelled{who}, nothing had changed"
    thread = (f"{_time(now)} cancelled{who}{f' at {percent} %, put back' if percent else ''}",)
    return _notice(subject, Kind.CANCELLED, state, thread)


def stranded(subject: Subject, now: datetime, percent: int, silent_since: datetime, will: str) -> Notice:
    """The rollout's owner died in the middle; `will` says what happens now: `it is put back to 100 % on …`."""
    left = f"{_release(subject)} was left alone at {percent} % of {_place(subject)}"
    sections = (
        _mentioned(subject, f"*{left} since {_time(silent_since)}*"),
        f"Its process is gone; {_line(will)}.",
    )
    thread = (f"{_time(now)} owner silent since {_time(silent_since)}; {_line(will)}",)
    header = f"Left alone: {subject.release.short} in {subject.environment}"
    page = Message(f"{left}; {_line(will)}", sections, _context(subject), header)
    return _notice(subject, Kind.STRANDED, f"left alone at *{percent} %*", thread, page=page)


def interfered(subject: Subject, now: datetime, percent: int, what: str) -> Notice:
    """Somebody else wrote in the middle: Surefoot stopped and changed nothing of theirs; `what` says who."""
    text = f"{_release(subject)} stopped at {percent} % of {_place(subject)}: somebody else wrote. Look at it now."
    sections = (
        _mentioned(subject, f"*Somebody else wrote to {_place(subject)}; Surefoot stopped at {percent} %*"),
        f"*What*  {_line(what)}",
        "Nothing of theirs was changed. Decide what should be live, then deploy or roll back.",
    )
    thread = (f"{_time(now)} stopped: {_line(what)}",)
    page = Message(text, sections, _context(subject), f"Stopped: {subject.release.short} in {subject.environment}")
    return _notice(subject, Kind.INTERFERED, f"stopped at *{percent} %*", thread, (_line(what),), page=page)


def stage_failed(subject: Subject, now: datetime, reason: str) -> Notice:
    """The revision never became ready; no user has seen it."""
    thread = (f"{_time(now)} never became ready: {_line(reason)}",)
    stay = f"users stay on {_previous(subject)}"
    sections = (f"*It never became ready; {stay}. Nothing to do now.*", f"*Why*   {_line(reason)}")
    text = f"{_release(subject)} never became ready in {_place(subject)}; {stay}"
    page = Message(text, sections, _context(subject), f"Not ready: {subject.release.short} in {subject.environment}")
    return _notice(subject, Kind.STAGE_FAILED, f"never became ready, {stay}", thread, (_line(reason),), page=page)


def escaped(text: str) -> str:
    """Return foreign text that Slack shows as it is, and that can call nobody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_document(notice: Notice) -> dict[str, Any]:
    """Return the notice as JSON can say it."""
    return asdict(notice)


def read_notice(document: Mapping[str, Any]) -> Notice:
    """Return the notice of such a document."""
    page = _message(document["page"]) if document["page"] else None
    message = _message(document["message"])
    return Notice(document["subject"], Kind(document["kind"]), message, tuple(document["thread"]), page)


def _message(document: Mapping[str, Any]) -> Message:
    sections, context = tuple(document["sections"]), tuple(document["context"])
    return Message(document["text"], sections, context, document["header"])


def _notice(
    subject: Subject,
    kind: Kind,
    state: str,
    thread: tuple[str, ...],
    body: tuple[str, ...] = (),
    *,
    page: Message | None = None,
) -> Notice:
    line = f"{_SIGNS[kind]} *{_release(subject)} → {_place(subject)}*   {state}"
    text = f"{_release(subject)} → {_place(subject)}: {re.sub('[*_~`]', '', state)}"
    sections = (_titled(subject, line), *((_join(*body),) if body else ()))
    return Notice(subject.id, kind, Message(text, sections, _context(subject)), thread, page)


def _titled(subject: Subject, line: str) -> str:
    title, authors = (
        _line(subject.release.title).replace("_", " "),
        {c.author for c in subject.release.commits if c.author},
    )
    if not title:
        return line
    others = f" and {len(authors) - 1} more" if len(authors) > 1 else ""
    first = next((f" by {_line(c.author)}" for c in subject.release.commits if c.author), "")
    return _join(line, f"_{title}_{first}{others}")


def _context(subject: Subject, *more: str) -> tuple[str, ...]:
    number = len(subject.release.commits)
    commits = f"{count(number)} commit{'' if number == 1 else 's'}" if number else "commits"
    approved = f"approved by {_line(subject.approved)}" if subject.approved else ""
    plan = f"plan {subject.plan_hash[:8]}" if subject.plan_hash else ""
    links = (_link(subject.run_url, "Run"), *more, _link(subject.compare_url, commits))
    return tuple(piece for piece in (*links, approved, plan) if piece)


def _ladder(subject: Subject, percent: int) -> str:
    rungs = [
        f"✓ {step} %" if step < percent else f"*● {step} %*" if step == percent else f"○ {step} %"
        for step in subject.steps
    ]
    return "  →  ".join(rungs)


def _mentioned(subject: Subject, line: str) -> str:
    return f"{line} {subject.mention}".rstrip()


def _release(subject: Subject) -> str:
    return _line(subject.release.short)


def _place(subject: Subject) -> str:
    return _line(subject.environment)


def _previous(subject: Subject) -> str:
    return _line(subject.previous) or "the previous release"


def _at(percent: int) -> str:
    return f"at {percent} %, " if percent else "before any user saw it, "


def _line(text: str) -> str:
    return escaped(" ".join(text.split()))


def _code(text: str) -> str:
    return escaped(text.strip().replace("`", "'"))


def _link(url: str, words: str) -> str:
    return f"<{escaped(url).replace('|', '%7C')}|{words}>" if url else ""


def _join(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


# Slack shows each reader their own time of day; the UTC after the bar is for everything else that reads it.
def _time(moment: datetime, *, seconds: bool = False) -> str:
    shown, plain = ("{time_secs}", "%H:%M:%S") if seconds else ("{time}", "%H:%M")
    return f"<!date^{int(moment.timestamp())}^{shown}|{moment.astimezone(UTC):{plain}} UTC>"


def _day(moment: datetime) -> str:
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{_plain_day(moment)}>"


def _plain_day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%A %H:%M} UTC"
