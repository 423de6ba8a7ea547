"""The approval, from the question to its end, on a real Prefect server, store, cloud and Slack of the rehearsal.

Runs are executed in this process: what a worker would start in seconds starts here at once, from the same states.
"""

import asyncio
import gc
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from prefect.input import keyset_from_base_key
from prefect_real import RealPrefect
from sqlalchemy import Connection, update

from surefoot.release import Commit
from surefoot.traffic import Traffic
from tasks.approve import spend
from tasks.form import Answer
from tasks.register import evidence_from
from tasks.site import Run, open_site
from tasks.store import approvals, ledger, releases, rollouts, schema
from tasks.store.approvals import ApprovalRecord
from tasks.store.rollouts import Attempt

pytestmark = pytest.mark.anyio
_NUMBER = itertools.count(1)
YES = {"decision": "approve", "name": "ana", "comment": "go"}


@dataclass
class Shop:
    """One service whose production release waits for an answer."""

    prefect: RealPrefect
    name: str

    def file(self, **given: Any) -> None:
        """Write the service file."""
        self.prefect.service(self.name, **{"approvers": ["ana", "ben"], **given})

    def ask(self, version: str = "1.1.0", **more: Any) -> str:
        """Ask for production of a release that staging has verified; return the run's id."""
        release = self.prefect.verified(self.name, version, **more)
        return self.prefect.start("deploy-production", service=self.name, release=release)

    def questions(self, run: str) -> list[ApprovalRecord]:
        """Return what a run has asked people, the oldest first."""
        return list(self.prefect.keep(approvals.of_run, run))

    def heard(self, run: str) -> list[ledger.Entry]:
        """Return what the ledger has of a run."""
        release = self.questions(run)[0].release_id
        rollout = f"{self.name}/production/{release}/{run[:8]}"
        return list(self.prefect.keep(ledger.of_rollout, rollout))

    def said(self, *words: str) -> list[str]:
        """Return the messages in the channel that name this shop and these words."""
        texts = (message["text"] for message in self.prefect.slack())
        return [text for text in texts if all(word in text for word in (self.name, *words))]

    def message(self, run: str) -> str:
        """Return what the run's state says."""
        return str(self.prefect.run(run)["state"]["message"])


@pytest.fixture
def shop(prefect: RealPrefect, within: RealPrefect) -> Iterator[Shop]:
    """Have a service of its own for each test; nothing of it is left to look after."""
    shop = Shop(prefect, f"shop-{next(_NUMBER)}")
    shop.file()
    yield shop
    (prefect.services / f"{shop.name}.yaml").unlink()


async def test_a_yes_for_what_was_shown_moves_production(prefect, shop):
    commits = (Commit("4e1c9aa0aaaa", "Cart | keeps <b>its</b> order", "Ana"), Commit("77ab01c", "Tidy", "Ben"))
    run = shop.ask(commits=commits)
    assert await prefect.execute(run) == "Suspended"
    (question,) = shop.questions(run)
    _, page = prefect.form(run)
    for said in ("to production?", f"`{question.plan_hash[:8]}`", "2 commits", "gcloud run services update-traffic"):
        assert said in page
    assert "keeps \\<b\\>its" in page
    assert "<b>" not in page
    assert len(page) < 100_000
    assert len(shop.said("waits for your yes")) == 1
    assert prefect.resume(run, **YES) == ("ACCEPT", "None")
    assert await prefect.execute(run) == "Done"
    assert shop.message(run) == f"{shop.name} 1.1.0 is live in production"
    assert [(each.state, each.by, each.comment) for each in shop.questions(run)] == [("spent", "ana", "go")]
    kinds = [entry.kind for entry in shop.heard(run)]
    assert kinds[:3] == ["approval asked", "approval answered", "rollout begun"]
    assert shop.said("is live in production")


@pytest.mark.slow
async def test_commits_since_users_last_got_a_release_are_those_of_all_staging_had_since(prefect, shop):
    first = shop.ask(commits=(Commit("aaaaaaa", "First"),))
    await prefect.execute(first)
    assert "1 commit that it brings" in prefect.form(first)[1]
    prefect.resume(first, **YES)
    assert await prefect.execute(first) == "Done"
    prefect.verified(shop.name, "1.2.0-slow", "bbbbbbb", commits=(Commit("bbbbbbb", "Never went further"),))
    second = shop.ask("1.2.0-leak", commit="ccccccc", commits=(Commit("ccccccc", "Third"), Commit("bbbbbbb", "Never")))
    await prefect.execute(second)
    page = prefect.form(second)[1]
    assert "### 2 commits since" in page
    assert "aaaaaaa" not in page
    assert page.index("ccccccc") < page.index("bbbbbbb")
    assert "compare/4e1c9aa0aaaa...ccccccc" in page
    prefect.cancel(second)


async def test_a_no_ends_the_run_in_its_own_words_and_changes_nothing(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    prefect.resume(run, decision="reject", name="ben", comment="not on a Friday")
    assert await prefect.execute(run) == "NotApproved"
    assert shop.message(run) == "refused by ben: not on a Friday"
    assert shop.said("refused by ben")
    assert "rollout begun" not in [entry.kind for entry in shop.heard(run)]


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"decision": "approve", "name": "a"}, "name"),
        ({"decision": "approve", "name": "  "}, "name"),
        ({"decision": "approve", "name": "a" * 61}, "name"),
        ({"decision": "approve"}, "name"),
        ({"name": "ana"}, "decision"),
        ({"decision": "later", "name": "ana"}, "decision"),
        ({"decision": "approve", "name": "ana", "comment": "c" * 501}, "comment"),
        ({"decision": "approve", "name": "ana", "admin": "yes"}, "admin"),
        ({}, "decision"),
    ],
    ids=str,
)
async def test_the_server_itself_refuses_a_form_that_breaks_a_rule(prefect, shop_waiting, answer, field):
    status, reason = prefect.resume(shop_waiting, **answer)
    assert status == "REJECT"
    assert field in reason
    assert prefect.state(shop_waiting) == "Suspended"


@pytest.fixture(scope="module")
def _asked(prefect: RealPrefect) -> dict[str, str]:
    return {}


@pytest.fixture
async def shop_waiting(prefect, within, _asked):
    """Return one run that waits: refused forms change nothing, so all tests of them share it."""
    if not _asked:
        shop = Shop(prefect, "shop-of-forms")
        shop.file()
        _asked["run"] = shop.ask()
        await prefect.execute(_asked["run"])
    return _asked["run"]


@pytest.mark.slow
async def test_who_cannot_be_counted_and_who_says_nothing_are_asked_again_and_slack_only_once(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    prefect.resume(run, decision="approve", name="zoe <b>")
    assert await prefect.execute(run) == "Suspended"
    page = prefect.form(run)[1]
    assert page.startswith("> **Please answer again:** zoe \\<b\\> is not among the approvers\\: ana, ben.")
    prefect.resume(run, decision="reject", name="ZOE")
    assert await prefect.execute(run) == "Suspended"
    assert "ZOE is not among" in prefect.form(run)[1]
    prefect.set_state(run, "SCHEDULED")  # as anybody with the API can, without an answer
    assert await prefect.execute(run) == "Suspended"
    prefect.resume(run, **YES)
    assert await prefect.execute(run) == "Done"
    assert len(shop.questions(run)) == 1
    assert len(shop.said("waits for your yes")) == 1
    assert [entry.fields["by"] for entry in shop.heard(run) if entry.kind == "answer not counted"] == ["zoe <b>", "ZOE"]


@pytest.mark.slow
async def test_a_changed_service_file_is_asked_about_again(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    shop.file(steps=[{"traffic": "50%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"}])
    prefect.resume(run, **YES)
    assert await prefect.execute(run) == "Suspended"
    assert "since ana was asked, the plan changed" in prefect.form(run)[1]
    assert [question.state for question in shop.questions(run)] == ["superseded", "asked"]
    prefect.resume(run, **YES)
    assert await prefect.execute(run) == "Done"
    assert len(shop.said("waits for your yes")) == 2


@pytest.mark.slow
async def test_another_way_back_and_other_evidence_are_asked_about_again_but_a_no_stays_a_no(prefect, shop):
    first = shop.ask()
    await prefect.execute(first)
    later = shop.ask("1.2.0-leak", commit="9b07d3fe")
    await prefect.execute(later)
    # The first release goes live behind the second one's back, which is another way back for it.
    prefect.verified(shop.name, "1.2.0-leak", "9b07d3fe", verdicts=[])
    (before,) = shop.questions(later)
    await _shift(prefect, shop)
    prefect.resume(later, **YES)
    assert await prefect.execute(later) == "Suspended"
    page = prefect.form(later)[1]
    assert "since ana was asked, the way back was 100 %" in page
    assert "what staging has seen changed" in page
    assert before.plan_hash != shop.questions(later)[-1].plan_hash
    shop.file(approvers=["ben"])
    prefect.resume(later, decision="reject", name="ben")
    assert await prefect.execute(later) == "NotApproved"


async def _shift(prefect: RealPrefect, shop: Shop) -> None:
    """Deploy by hand, as somebody with the vendor's tools would."""
    from google.cloud import run_v2  # noqa: PLC0415
    from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport  # noqa: PLC0415
    from grpc import aio  # noqa: PLC0415

    async with aio.insecure_channel(prefect.addresses["grpc"].removeprefix("grpc://")) as channel:
        client = run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=channel))
        name = f"projects/rehearsal/locations/laptop/services/{shop.name}"
        service = await client.get_service(name=name)
        service.template.containers[0].image = prefect.image("1.1.0")
        await (await client.update_service(service=service)).result()


@pytest.mark.slow
async def test_a_yes_is_void_when_what_it_was_given_for_changes_before_it_is_used(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    (question,) = shop.questions(run)
    prefect.keep(approvals.answer, question.id, approve=True, by="ana", comment="", now=question.asked_at)
    shop.file(steps=[{"traffic": "50%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"}])
    prefect.set_state(run, "SCHEDULED")
    assert await prefect.execute(run) == "Suspended"
    assert "since ana said yes, the plan changed" in prefect.form(run)[1]
    prefect.cancel(run)


async def test_a_yes_is_not_used_for_anything_but_what_was_shown(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    (question,) = shop.questions(run)
    yes = prefect.keep(approvals.answer, question.id, approve=True, by="ana", comment="", now=question.asked_at)
    shop.file(approvers=["ana"])
    async with open_site(shop.name, "production", Run(run)) as site:
        asked = prefect.keep(releases.of_run, site.key, run)
        assert not await spend(site, await evidence_from(site, asked, "staging"), yes)
    assert [each.state for each in shop.questions(run)] == ["approved"]
    prefect.cancel(run)


@pytest.mark.slow
@pytest.mark.parametrize(("changed", "end"), [(False, "Done"), (True, "Refused")], ids=["the same", "another plan"])
async def test_a_rollout_that_had_begun_goes_on_with_the_plan_that_was_approved_or_not_at_all(
    prefect, shop, changed, end
):
    run = shop.ask()
    await prefect.execute(run)
    (question,) = shop.questions(run)
    prefect.keep(approvals.answer, question.id, approve=True, by="ana", comment="", now=question.asked_at)
    prefect.keep(approvals.spend, question.id, run, question.plan_hash, question.asked_at)
    prefect.keep(rollouts.begin, _begun(prefect, shop, question))
    await _shift(prefect, shop)
    if changed:
        shop.file(steps=[{"traffic": "50%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"}])
    prefect.set_state(run, "SCHEDULED")
    assert await prefect.execute(run) == end
    assert len(shop.questions(run)) == 1
    if changed:
        assert "since then the plan changed; it does not go on with another plan than ana approved" in shop.message(run)


def _begun(prefect: RealPrefect, shop: Shop, question: ApprovalRecord) -> Attempt:
    asked = prefect.keep(releases.of_run, question.key, question.run_id)
    before = Traffic.all_on(question.shown["way_back"].removeprefix("100 % on "))
    rollout = f"{question.key}/{question.release_id}/{question.run_id[:8]}"
    canary, moment = asked.release.revision_name(shop.name), question.asked_at
    return Attempt(rollout, question.key, asked.release, question.run_id, "", before, canary, 1, moment, moment)


# Outside of a run, Prefect's own reading of inputs leaves its client open.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_a_form_that_a_killed_process_left_half_saved_is_made_whole_and_a_whole_one_is_left_alone(prefect, shop):
    run = shop.ask()
    keyset = keyset_from_base_key("suspended-x-0")
    prefect.http.post(f"/flow_runs/{run}/input", json={"key": keyset["schema"], "value": "{}"}).raise_for_status()
    for description in ("first", "second"):
        await Answer.with_initial_data(description=description).asave(keyset, UUID(run))
    read = {what: prefect.http.get(f"/flow_runs/{run}/input/{key}") for what, key in keyset.items()}
    assert read["description"].json() == "first"
    assert read["schema"].json()["required"] == ["decision", "name"]
    assert read["response"].status_code == 404
    assert (await Answer.aload(keyset, UUID(run))).decision == ""
    prefect.cancel(run)
    gc.collect()


@pytest.mark.slow
async def test_nobody_in_time_is_a_no_that_the_watchdog_says(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    prefect.keep(_overdue, run)
    assert (
        f"the question about {shop.questions(run)[0].release_id} in production timed out" in await prefect.watch_over()
    )
    assert prefect.state(run) == "TimedOut"
    assert shop.said("nobody answered within")
    assert prefect.resume(run, **YES)[0] == "ABORT"


def _overdue(connection: Connection, run: str) -> None:
    """Let the time for an answer be over."""
    mine = schema.approvals.c.run_id == run
    connection.execute(update(schema.approvals).where(mine).values(until=schema.approvals.c.asked_at))


async def test_an_answer_that_comes_too_late_is_a_no_as_well(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    prefect.keep(_overdue, run)
    assert prefect.resume(run, **YES)[0] == "ACCEPT"
    assert await prefect.execute(run) == "TimedOut"
    assert shop.said("nobody answered within")


async def test_a_cancel_while_it_waits_is_told_although_no_process_is_there(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    prefect.cancel(run)
    assert prefect.state(run) == "Cancelled"
    assert "is cancelled: its run is Cancelled" in await prefect.watch_over()
    assert [question.state for question in shop.questions(run)] == ["cancelled"]
    assert len(shop.said("cancelled, nothing had changed")) == 1
    await prefect.watch_over()
    assert len(shop.said("cancelled, nothing had changed")) == 1


@pytest.mark.slow
async def test_of_two_releases_that_wait_the_newer_takes_the_place(prefect, shop):
    older = shop.ask()
    await prefect.execute(older)
    newer = shop.ask("1.2.0-leak", commit="9b07d3fe")
    assert await prefect.execute(newer) == "Suspended"
    assert prefect.state(older) == "Superseded"
    assert prefect.resume(older, **YES)[0] == "ABORT"
    assert shop.said("superseded by 1.2.0-leak")
    prefect.resume(newer, **YES)
    assert await prefect.execute(newer) == "Done"


@pytest.mark.slow
async def test_a_yes_to_a_release_that_is_not_the_newest_any_more_supersedes_it(prefect, shop):
    older = shop.ask()
    await prefect.execute(older)
    prefect.resume(older, **YES)
    newer = shop.ask("1.2.0-leak", commit="9b07d3fe")
    await prefect.execute(newer)
    assert await prefect.execute(older) == "Superseded"
    assert [question.state for question in shop.questions(older)] == ["superseded"]
    assert len(shop.said("superseded by 1.2.0-leak")) == 1
    prefect.cancel(newer)


@pytest.mark.slow
async def test_of_two_approvers_at_once_one_is_heard(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    answers = [YES, {"decision": "reject", "name": "ben"}]
    with ThreadPoolExecutor(2) as at_once:
        statuses = [status for status, _ in at_once.map(lambda answer: prefect.resume(run, **answer), answers)]
    assert sorted(statuses) == ["ABORT", "ACCEPT"]
    heard = answers[statuses.index("ACCEPT")]
    assert await prefect.execute(run) == ("Done" if heard == YES else "NotApproved")
    assert [question.by for question in shop.questions(run)] == [heard["name"]]


@pytest.mark.slow
@pytest.mark.parametrize("answered", [False, True], ids=["while it waits", "after the answer"])
async def test_a_run_whose_process_died_is_started_again_and_nobody_is_asked_twice(prefect, shop, answered):
    run = shop.ask()
    await prefect.execute(run)
    if answered:
        prefect.resume(run, **YES)
    prefect.set_state(run, "CRASHED")
    assert "is asked on" in await prefect.watch_over()
    assert await prefect.execute(run) == ("Done" if answered else "Suspended")
    if not answered:
        prefect.resume(run, **YES)
        assert await prefect.execute(run) == "Done"
    assert len(shop.questions(run)) == 1
    assert len(shop.said("waits for your yes")) == 1


@pytest.mark.slow
async def test_a_run_that_dies_each_time_it_is_started_is_given_up_and_said(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    for _ in range(3):
        prefect.set_state(run, "CRASHED")
        assert "is asked on" in await prefect.watch_over()
    prefect.set_state(run, "CRASHED")
    assert "is cancelled: its run is Crashed" in await prefect.watch_over()
    assert shop.said("cancelled, nothing had changed")


async def test_a_run_that_waits_for_a_question_which_has_ended_is_ended_by_the_watchdog(prefect, shop):
    run = shop.ask()
    await prefect.execute(run)
    (question,) = shop.questions(run)
    prefect.keep(approvals.close, question.id, approvals.ApprovalState.TIMED_OUT, question.until)
    assert "does not wait any more: its question was timed out" in await prefect.watch_over()
    assert prefect.state(run) == "TimedOut"


UNCLEAR = {
    "steps": [{"traffic": "50%", "watch": "1s"}, {"traffic": "100%", "watch": "0s"}],
    "probes_per_second": 2,
    "patience": "1s",
    "when_unclear": "ask",
}


@pytest.mark.slow
async def test_an_unclear_rollout_waits_for_a_person_who_may_send_it_on(prefect, shop):
    run = await _held(prefect, shop)
    going = asyncio.create_task(prefect.execute(run))
    page = await asyncio.to_thread(prefect.wait_form, run, "is unclear at 50 %")
    assert "answer again" not in page
    assert prefect.resume(run)[0] == "REJECT"
    prefect.resume(run, decision="approve", name="zoe")
    await asyncio.to_thread(prefect.wait_form, run, "zoe is not among the approvers")
    prefect.resume(run, **YES)
    assert await going == "Done"
    assert [entry.fields["by"] for entry in shop.heard(run) if entry.kind == "decided"] == ["ana"]
    assert len(shop.said("waits for your yes")) == 2


@pytest.mark.campaign
async def test_an_unclear_rollout_is_put_back_by_a_no(prefect, shop):
    run = await _held(prefect, shop)
    going = asyncio.create_task(prefect.execute(run))
    await asyncio.to_thread(prefect.wait, run, "Paused")
    prefect.resume(run, decision="reject", name="ben")
    assert await going == "PutBack"


@pytest.mark.campaign
async def test_an_unclear_rollout_that_nobody_decides_is_put_back(prefect, shop):
    run = await _held(prefect, shop)
    shop.file(**UNCLEAR, within="3s")
    assert await prefect.execute(run) == "PutBack"
    assert "nobody sent it on" in shop.message(run)


@pytest.mark.slow
async def test_an_unclear_rollout_that_goes_badly_while_people_think_waits_for_none(prefect, shop):
    run = await _held(prefect, shop)
    going = asyncio.create_task(prefect.execute(run))
    await asyncio.to_thread(prefect.wait_form, run, "is unclear at 50 %")
    prefect.hurt(shop.name, "1.1.0", error_share=1.0, previews=True)
    assert await going == "PutBack"
    assert shop.message(run).startswith("while people were asked: errors")


async def _held(prefect: RealPrefect, shop: Shop) -> str:
    """Return an approved run whose rollout will be unclear at 50 %."""
    shop.file(**UNCLEAR)
    run = shop.ask()
    await prefect.execute(run)
    prefect.resume(run, **YES)
    return run
