"""The question to a person, and what counts as an answer."""

from datetime import timedelta
from typing import Literal

from prefect import pause_flow_run, suspend_flow_run
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from prefect.states import Cancelled
from pydantic import Field
from sqlalchemy import Connection

from surefoot import notice
from surefoot.approval import Question, problem_with
from surefoot.errors import NotApproved, Superseded
from surefoot.service import ApprovalRule
from tasks.clock import now
from tasks.question import markdown
from tasks.rollout import Rollout, rollout_id
from tasks.site import Site
from tasks.store import approvals, ledger, releases
from tasks.store.approvals import ApprovalRecord, ApprovalState
from tasks.store.releases import Asked

# Prefect would fail a run that nobody resumed; the watchdog ends it as timed out, so Prefect's own limit lies behind.
_PREFECT_MARGIN_S = 86_400.0
# How often a run that holds in the middle asks Prefect whether a person has decided.
_POLL_S = 2
_UNCOUNTED = "answer not counted"


class Answer(RunInput):
    """The form. Its rules are in the JSON schema, where Prefect's page and server enforce them before a run wakes."""

    decision: Literal["approve", "reject"] = Field(title="Decision")
    name: str = Field(title="Your name", min_length=2, max_length=60, pattern=r"^\S(.*\S)?$")
    comment: str = Field("", title="Comment", max_length=500)


async def approve(site: Site, asked: Asked) -> ApprovalRecord | None:
    """Return the yes for exactly this plan; the run suspends until somebody has answered, and starts from the top.

    None where the environment wants no approval. NotApproved after a no, Superseded by a newer release.
    """
    rule = site.environment.approval
    if rule is None:
        return None
    newest = await site.keep(releases.newest, site.key)
    if newest is not None and newest.seq != asked.seq:
        raise Superseded(f"{newest.release.short} was asked for after {asked.release.short}; it is asked about instead")
    question = await compose(site, asked)
    record = await _ask(site, asked, question, rule)
    while record.state is ApprovalState.ASKED:
        record = await _hear(site, asked, question, record)
    return _granted(record)


async def compose(site: Site, asked: Asked) -> Question:
    """Return the question as it would be asked now: changed by anything that a yes must not outlive."""
    live = await site.target.live()
    verdicts = (asked.evidence or {}).get("verdicts", ())
    evidence = tuple(f"{look['at']}: {look['outcome']} {look['reason']}" for look in verdicts)
    smoked = tuple(f"smoke, {where}: {said}" for where, said in (asked.evidence or {}).get("smoked", {}).items())
    return Question(asked.release, site.environment, str(live.traffic), smoked + evidence)


async def spend(site: Site, asked: Asked, granted: ApprovalRecord | None) -> bool:
    """Use the yes, if the question would still be the same; False when it has to be asked again."""
    if granted is None:
        return True
    question = await compose(site, asked)
    if question.hash != granted.plan_hash:
        return False
    await site.keep(approvals.spend, granted.id, site.run.id, question.hash, now())
    return True


async def decide(rollout: Rollout, reason: str) -> bool:
    """Return whether a person sends an unclear rollout on; nobody in time is a no. Traffic stays where it is."""
    rule = rollout.site.environment.approval or ApprovalRule()
    told = f"## {rollout.release.short} is unclear at {rollout.attempt.percent} %\n\n{reason}\n\nApprove sends it on."
    try:
        said = await pause_flow_run(
            wait_for_input=Answer.with_initial_data(description=told),
            timeout=int(rule.within_s),
            poll_interval=_POLL_S,
            key=f"unclear-{rollout.looks}",
        )
    except FlowPauseTimeout:
        return False
    problem = problem_with(said.decision, said.name, rule)
    await rollout.record("decided", by=said.name, decision=said.decision, comment=said.comment, problem=problem)
    return said.decision == "approve" and not problem


async def _ask(site: Site, asked: Asked, question: Question, rule: ApprovalRule) -> ApprovalRecord:
    before = await site.keep(approvals.waiting, site.key)
    until = now() + timedelta(seconds=rule.within_s)
    record = await site.keep(_keep_question, site, asked, question, until=until)
    if record.id not in {other.id for other in before}:
        subject = site.subject(rollout_id(site, asked.release), asked.release, plan_hash=question.short_hash)
        if record.state is ApprovalState.ASKED:
            await site.tell(notice.asked(subject, record.until))
    for other in before:
        if other.run_id != site.run.id:
            await end_question(site, other, ApprovalState.SUPERSEDED, f"{asked.release.short} takes its place")
    return record


def _keep_question(
    connection: Connection, site: Site, asked: Asked, question: Question, **more: object
) -> ApprovalRecord:
    shown = {"release": asked.release.id, "version": asked.release.version, "way_back": question.way_back}
    record = approvals.ask(
        connection,
        key=site.key,
        release_id=asked.release.id,
        run_id=site.run.id,
        run_url=site.run.url,
        plan_hash=question.hash,
        shown=shown,
        now=now(),
        **more,  # type: ignore[arg-type]
    )
    if record.state is ApprovalState.ASKED:
        fields = {"approval": record.id, "plan": question.hash, "until": record.until, **shown}
        ledger.append(connection, "approval asked", site.key, fields, now(), rollout=rollout_id(site, asked.release))
    return record


async def _hear(site: Site, asked: Asked, question: Question, record: ApprovalRecord) -> ApprovalRecord:
    """Suspend until a form was sent in; one that cannot be counted is kept, and asked about again."""
    rule = site.environment.approval or ApprovalRule()
    looks = (asked.evidence or {}).get("verdicts", ())
    problems = await site.keep(_uncounted, record)
    said = await suspend_flow_run(
        wait_for_input=Answer.with_initial_data(description=markdown(question, record, problems, looks)),
        timeout=int(rule.within_s + _PREFECT_MARGIN_S),
        key=f"approval-{record.id[:12]}-{len(problems)}",
    )
    problem = problem_with(said.decision, said.name, rule)
    return await site.keep(_count, record, said, problem)


def _count(connection: Connection, record: ApprovalRecord, said: Answer, problem: str) -> ApprovalRecord:
    fields = {"approval": record.id, "by": said.name, "decision": said.decision, "comment": said.comment}
    if problem:
        fields["problem"] = problem
        ledger.append(connection, _UNCOUNTED, record.key, fields, now(), rollout=_rollout(record))
        return record
    answered = approvals.answer(
        connection, record.id, approve=said.decision == "approve", by=said.name, comment=said.comment, now=now()
    )
    fields["state"] = answered.state
    ledger.append(connection, "approval answered", record.key, fields, now(), rollout=_rollout(record))
    return answered


def _uncounted(connection: Connection, record: ApprovalRecord) -> list[str]:
    entries = ledger.of_rollout(connection, _rollout(record))
    return [str(entry.fields["problem"]) for entry in entries if entry.kind == _UNCOUNTED]


def _rollout(record: ApprovalRecord) -> str:
    return f"{record.key}/{record.release_id}/{record.run_id[:8]}"


def _granted(record: ApprovalRecord) -> ApprovalRecord:
    if record.state in (ApprovalState.APPROVED, ApprovalState.SPENT):
        return record
    if record.state is ApprovalState.SUPERSEDED:
        raise Superseded("a newer release is asked about instead")
    said = f": {record.comment}" if record.comment else ""
    by = f" by {record.by}" if record.by else ""
    raise NotApproved(f"{record.state}{by}{said}")


async def end_question(site: Site, record: ApprovalRecord, how: ApprovalState, why: str) -> None:
    """Close a question that nobody will answer any more, end its suspended run in a state of its own, tell people."""
    await site.keep(approvals.close, record.id, how, now())
    async with get_client() as client:
        state = Cancelled(name=how.value.title().replace(" ", ""), message=why)
        await client.set_flow_run_state(record.run_id, state, force=True)
    known = await site.keep(releases.find, record.key, record.release_id)
    if known is None:
        return
    subject = site.subject(_rollout(record), known.release)
    told = {
        ApprovalState.SUPERSEDED: lambda: notice.superseded(subject, why),
        ApprovalState.TIMED_OUT: lambda: notice.timed_out(subject, (record.until - record.asked_at).total_seconds()),
        ApprovalState.CANCELLED: lambda: notice.cancelled(subject, now(), 0),
    }
    await site.tell(told[how]())
