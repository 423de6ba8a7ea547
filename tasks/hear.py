"""Questions to people and their answers, in the store: each function is one transaction, with its notice inside."""

from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection

from surefoot import notice
from surefoot.approval import Question, changed, problem_with
from surefoot.errors import NotNow
from surefoot.notice import Notice
from surefoot.release import Release
from surefoot.service import ApprovalRule
from tasks.clock import now
from tasks.form import Answer
from tasks.rollout import rollout_id
from tasks.site import Site
from tasks.store import approvals, ledger, outbox, releases, rollouts
from tasks.store.approvals import ApprovalRecord, ApprovalState
from tasks.store.releases import Asked

# An answer of which nothing is decided: it is kept, and its reason is shown when people are asked again.
UNCOUNTED = "answer not counted"
# A run whose question came to this end has nothing more to ask.
_OVER = (ApprovalState.REFUSED, ApprovalState.TIMED_OUT, ApprovalState.CANCELLED)
CLOSED = (*_OVER, ApprovalState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back with a form: to which question, and by which key of Prefect's."""

    record: ApprovalRecord
    key: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the question stands after all that was heard; `problem` is why the last answer could not be counted."""

    record: ApprovalRecord
    problem: str = ""


def superseded_by(connection: Connection, site: Site, asked: Asked) -> Release | None:
    """Return the newer release that takes this one's place, its question closed and people told; None: it is newest."""
    newest = releases.newest(connection, site.key)
    if newest is None or newest.seq == asked.seq:
        return None
    for record in approvals.of_run(connection, site.run.id):
        end(connection, site, record, ApprovalState.SUPERSEDED, newest.release.version)
    return newest.release


def hear_and_ask(connection: Connection, site: Site, question: Question, heard: Heard | None) -> Standing:
    """Count what was heard, then ask unless that has settled it: the same question is never asked twice."""
    if heard is not None:
        _count(connection, site, heard, question)
    mine = approvals.of_run(connection, site.run.id)
    settled = next((record for record in mine if record.state in _OVER), None)
    if settled is None:
        _void_what_changed(connection, site, mine, question)
        settled = _ask(connection, site, question, mine)
    return Standing(settled, _last_problem(connection, settled))


def end(connection: Connection, site: Site, record: ApprovalRecord, how: ApprovalState, why: str) -> bool:
    """Close a question nobody will answer any more, in words of its own; False where it had ended already."""
    before = approvals.find(connection, record.id)
    if before is None or before.state not in (ApprovalState.ASKED, ApprovalState.APPROVED):
        return False
    approvals.close(connection, record.id, how, now())
    fields = {"approval": record.id, "state": how, "why": why}
    ledger.append(connection, "approval ended", record.key, fields, now(), rollout=rollout_of(record))
    known = releases.find(connection, record.key, record.release_id)
    if known is not None:
        _tell(connection, site, _ended(site, record, known.release, how, why))
    return True


def rollout_of(record: ApprovalRecord) -> str:
    """Return the id of the rollout that a question stands before."""
    return f"{record.key}/{record.release_id}/{record.run_id[:8]}"


def _count(connection: Connection, site: Site, heard: Heard, question: Question) -> None:
    """Write an answer down, once; a yes to something that has changed since is not one, a no stays a no."""
    known = approvals.find(connection, heard.record.id)
    entries = ledger.of_rollout(connection, rollout_of(heard.record))
    if known is None or known.state is not ApprovalState.ASKED or heard.key in {e.fields.get("form") for e in entries}:
        return
    said = heard.answer
    fields = {"approval": known.id, "form": heard.key, "by": said.name, "decision": said.decision}
    fields |= {"comment": said.comment}
    problem = problem_with(said.decision, said.name, site.environment.approval or ApprovalRule())
    if not problem and said.decision == "approve" and known.plan_hash != question.hash:
        problem = f"since {said.name} was asked, {changed(known.shown, question.parts)}"
    if problem:
        fields["problem"] = problem
        ledger.append(connection, UNCOUNTED, known.key, fields, now(), rollout=rollout_of(known))
        return
    yes = said.decision == "approve"
    answered = approvals.answer(connection, known.id, approve=yes, by=said.name, comment=said.comment, now=now())
    fields["state"] = answered.state
    ledger.append(connection, "approval answered", known.key, fields, now(), rollout=rollout_of(known))
    if answered.state in _OVER:
        _tell(connection, site, _ended(site, answered, question.release, answered.state, said.comment))


def _void_what_changed(connection: Connection, site: Site, mine: list[ApprovalRecord], question: Question) -> None:
    """Say why a yes is void whose plan has changed; NotNow where it was used, since then users are on the way."""
    for record in mine:
        if record.plan_hash == question.hash:
            continue
        what = changed(record.shown, question.parts)
        if record.state is ApprovalState.SPENT and rollouts.find(connection, rollout_of(record)) is not None:
            raise NotNow(
                f"{site.key}: this run's rollout had begun when it died, and since then {what}; it does not go on with "
                f"another plan than {record.by} approved"
            )
        if record.state is ApprovalState.APPROVED:
            fields = {"approval": record.id, "by": record.by, "decision": "approve"}
            fields |= {"problem": f"since {record.by} said yes, {what}"}
            ledger.append(connection, UNCOUNTED, record.key, fields, now(), rollout=rollout_of(record))


def _ask(connection: Connection, site: Site, question: Question, mine: list[ApprovalRecord]) -> ApprovalRecord:
    release, rule = question.release, site.environment.approval or ApprovalRule()
    record = approvals.ask(
        connection,
        key=site.key,
        release_id=release.id,
        run_id=site.run.id,
        run_url=site.run.url,
        plan_hash=question.hash,
        shown=question.parts,
        until=now() + timedelta(seconds=rule.within_s),
        now=now(),
    )
    if record.id in {each.id for each in mine}:
        return record
    fields = {"approval": record.id, "release": release.id, "plan": question.hash, "until": record.until}
    ledger.append(connection, "approval asked", site.key, fields, now(), rollout=rollout_of(record))
    subject = site.subject(rollout_id(site, release), release, plan_hash=question.short_hash)
    _tell(connection, site, notice.asked(subject, record.until))
    return record


def _last_problem(connection: Connection, record: ApprovalRecord) -> str:
    entries = ledger.of_rollout(connection, rollout_of(record))
    problems = [str(entry.fields["problem"]) for entry in entries if entry.kind == UNCOUNTED]
    return problems[-1] if problems else ""


def _ended(site: Site, record: ApprovalRecord, release: Release, how: ApprovalState, why: str) -> Notice:
    subject = replace(site.subject(rollout_of(record), release), run_url=record.run_url)
    match how:
        case ApprovalState.SUPERSEDED:
            return notice.superseded(subject, why)
        case ApprovalState.TIMED_OUT:
            return notice.timed_out(subject, (record.until - record.asked_at).total_seconds())
        case ApprovalState.REFUSED:
            return notice.refused(subject, why, record.by)
        case _:
            return notice.cancelled(subject, now(), 0)


def _tell(connection: Connection, site: Site, told: Notice) -> None:
    if site.environment.slack is not None:
        outbox.enqueue(connection, site.environment.slack.channel, told, now())
