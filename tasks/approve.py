"""The question to a person, and what counts as an answer."""

import asyncio
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from surefoot import notice
from surefoot.approval import Question, problem_with
from surefoot.errors import NotApproved, Superseded, SurefootError, TimedOut
from surefoot.service import ApprovalRule
from tasks import form
from tasks.clock import now
from tasks.compose import compose
from tasks.hear import UNCOUNTED, Heard, Standing, end, hear_and_ask, superseded_by
from tasks.question import markdown, unclear
from tasks.rollout import Rollout
from tasks.site import Site
from tasks.store import approvals
from tasks.store.approvals import ApprovalRecord, ApprovalState
from tasks.store.releases import Asked
from tasks.watch import watch_until


async def approve(site: Site, asked: Asked) -> ApprovalRecord | None:
    """Return the yes for exactly this plan; the run suspends until somebody has answered, and starts from the top.

    None where the environment wants no approval. NotApproved after a no, Superseded by a newer release.
    """
    if site.environment.approval is None:
        return None
    newer = await site.keep(superseded_by, site, asked)
    if newer is not None:
        raise Superseded(f"{newer.short} was asked for after {asked.release.short}; it is asked about instead")
    question, heard = await compose(site, asked), await _heard(site)
    standing = await site.keep(hear_and_ask, site, question, heard)
    await _end_others(site, asked)
    if standing.record.state is ApprovalState.ASKED:
        await _suspend(site, question, standing)
    return _granted(standing.record)


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
    """Return whether a person sends an unclear rollout on; nobody in time is a no. Traffic stays where it is.

    Users are on the release all the while, so it is looked at on and on: Unhealthy as soon as that settles it.
    """
    site = rollout.site
    rule = site.environment.approval or ApprovalRule()
    until = now() + timedelta(seconds=rule.within_s)
    await site.tell(notice.asked(site.subject(rollout.id, rollout.release), until))
    answer = asyncio.create_task(_decided(rollout, reason, rule))
    try:
        async with asyncio.timeout(rule.within_s):
            await watch_until(rollout, answer)
        return answer.result()
    except TimeoutError:
        await rollout.record("decided", decision="reject", problem="nobody answered in time")
        await _ask_no_more(answer, "nobody answered in time")
        return False
    except SurefootError as problem:  # it went badly, or cannot be seen any more
        await _ask_no_more(answer, str(problem))
        raise
    finally:
        answer.cancel()


async def end_question(site: Site, record: ApprovalRecord, how: ApprovalState, why: str) -> None:
    """Close a question that nobody will answer any more, tell people, and end its suspended run in a state of its own.

    The store is written first: whoever answers in this very moment finds the question closed, and ends the same way.
    """
    if await site.keep(end, site, record, how, why):
        await end_run(record.run_id, how, why)


async def end_run(run_id: str, how: ApprovalState, why: str) -> None:
    """End a run that waits for an answer to a question that has ended; one that is at work ends by itself."""
    async with get_client() as client:
        run = await client.read_flow_run(UUID(run_id))
        if run.state is not None and run.state.is_paused():
            said = f"superseded: {why}" if how is ApprovalState.SUPERSEDED else why
            state: State[None] = Cancelled(name=how.value.title().replace(" ", ""), message=said)
            await client.set_flow_run_state(run.id, state, force=True)


async def _heard(site: Site) -> Heard | None:
    """Return what was sent in with the last form of the question that this run has open."""
    mine = await site.keep(approvals.of_run, site.run.id)
    record = next((record for record in mine if record.state is ApprovalState.ASKED), None)
    number = await form.shown(_form_of(record)) if record is not None else 0
    if record is None or not number:
        return None
    key = f"{_form_of(record)}-{number - 1}"
    answer = await form.sent(key)
    return None if answer is None else Heard(record, key, answer)


async def _end_others(site: Site, asked: Asked) -> None:
    for other in await site.keep(approvals.waiting, site.key):
        if other.run_id != site.run.id:
            await end_question(site, other, ApprovalState.SUPERSEDED, asked.release.version)


async def _suspend(site: Site, question: Question, standing: Standing) -> None:
    rule, prefix = site.environment.approval or ApprovalRule(), _form_of(standing.record)
    page = await asyncio.to_thread(
        markdown, question, standing.record.until, standing.problem, _compare(site.service.repository, question)
    )
    await form.suspend(f"{prefix}-{await form.shown(prefix)}", page, rule.within_s)


def _compare(repository: str, question: Question) -> str:
    """Return where all changes that users would get can be looked at, "" where that is not known."""
    if not repository or not (question.last or question.commits):
        return ""
    since = question.last.commit if question.last else f"{question.commits[-1].sha}^"
    return f"{repository}/compare/{since}...{question.release.commit}"


def _form_of(record: ApprovalRecord) -> str:
    return f"approval-{record.id[:12]}"


async def _decided(rollout: Rollout, reason: str, rule: ApprovalRule) -> bool:
    name, problem = f"unclear-{rollout.attempt.percent}", ""
    while True:
        page = unclear(rollout.release, rollout.attempt.percent, reason, problem)
        said = await form.pause(f"{name}-{await form.shown(name)}", page, rule.within_s)
        problem = problem_with(said.decision, said.name, rule)
        fields = {"by": said.name, "decision": said.decision, "comment": said.comment, "problem": problem}
        await rollout.record(UNCOUNTED if problem else "decided", **fields)
        if not problem:
            return said.decision == "approve"


async def _ask_no_more(answer: "asyncio.Task[bool]", why: str) -> None:
    answer.cancel()
    await asyncio.wait({answer})
    await form.unpause(why)


def _granted(record: ApprovalRecord) -> ApprovalRecord:
    match record.state:
        case ApprovalState.APPROVED | ApprovalState.SPENT:
            return record
        case ApprovalState.SUPERSEDED:
            raise Superseded("a newer release is asked about instead")
        case ApprovalState.TIMED_OUT:
            raise TimedOut(f"nobody answered until {record.until:%Y-%m-%d %H:%M} UTC, which is a no")
    by = f" by {record.by}" if record.by else ""
    said = f": {record.comment}" if record.comment else ""
    raise NotApproved(f"{record.state}{by}{said}")
