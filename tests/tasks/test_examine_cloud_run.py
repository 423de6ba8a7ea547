"""What the doctor finds of a place on Cloud Run, of its registry, its Slack and its store: each kind of ill once."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from rollout_world import CHANNEL, World, anyio_backend

from rehearsal.cloud import SLACK_TOKEN
from rehearsal.registry.fault import RegistryFault
from rehearsal.slack import SlackFault
from surefoot.errors import Refused, Unavailable
from surefoot.service import SlackRule
from tasks import settings
from tasks.doctor import Examination, Finding, examine
from tasks.doctor.finding import NotSeen, examined, well

pytestmark = pytest.mark.anyio

__all__ = ["anyio_backend"]
# Nobody has to be quick on a machine that is busy with other tests.
PATIENT_S = 60.0


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with World.start(tmp_path) as started:
        for name, value in started.environ.items():
            monkeypatch.setenv(name, value)
        await started.service()
        yield started


async def found(limit_s: float = PATIENT_S) -> dict[str, Finding]:
    """Return what is found of production; whatever it is, no secret is in it."""
    place = settings.environment(settings.load("shop"), "production")
    findings = await examine(place, limit_s=limit_s)
    assert SLACK_TOKEN not in repr(findings)
    return {finding.subject: finding for finding in findings}


def ills(findings: dict[str, Finding]) -> list[str]:
    return [subject for subject, finding in findings.items() if finding.well is not True]


async def test_where_all_is_well_each_thing_says_so_and_nothing_was_changed(world: World):
    before, kept = world.told().etag, world.store.read_bytes()
    findings = await found()

    assert ills(findings) == []
    assert list(findings) == [
        *("credentials", "service", "reads", "writes", "registry", "vitals", "slack", "channel", "scopes", "store"),
    ]
    assert findings["service"].seen == f"100 % on {world.first()}, ready"
    assert findings["registry"].seen == f"what is live is there: {world.image('1.0.0')}"
    assert world.told().etag == before
    assert world.store.read_bytes() == kept
    assert world.revisions() == [world.first()]
    assert world.said() == []


Arrange = Callable[[World], object]
CASES: dict[str, tuple[Arrange, str, bool | None, str, str]] = {
    "a read is denied": (
        lambda world: world.arm(method="GetRevision", resource="00000000-", code="PERMISSION_DENIED"),
        *("reads", False, "denied: run.revisions.get"),
        "gcloud projects add-iam-policy-binding rehearsal --member=user:YOU --role=roles/run.viewer",
    ),
    "writes are denied": (
        lambda world: world.arm(method="UpdateService", code="PERMISSION_DENIED"),
        *("writes", False, "denied: run.services.update"),
        "gcloud run services add-iam-policy-binding shop --region=laptop --project=rehearsal --member=user:YOU",
    ),
    "who deploys may not act as the service's account": (
        lambda world: world.arm(
            method="UpdateService",
            code="PERMISSION_DENIED",
            message="Permission 'iam.serviceaccounts.actAs' denied on service account shop@rehearsal",
        ),
        *("writes", False, "denied: iam.serviceAccounts.actAs"),
        "--role=roles/iam.serviceAccountUser",
    ),
    "a call has no answer that says anything": (
        lambda world: world.arm(method="GetOperation", code="INVALID_ARGUMENT"),
        *("reads", None, "no answer to what needs run.operations.get", ""),
    ),
    "the service is another's": (
        lambda world: world.write("shop", target={"project": "elsewhere"}),
        *("service", False, "projects/elsewhere/locations/laptop/services/shop is not there"),
        "gcloud run deploy shop --image=IMAGE --region=laptop --project=elsewhere",
    ),
    "the registry wants a log-in": (
        lambda world: world.rehearsal.registry.faults.add(RegistryFault(status=403, times=9)),
        *("registry", False, "HTTP 403", "docker login registry.rehearsal"),
    ),
    "what is live was deleted": (
        lambda world: world.rehearsal.registry.repository("shop").manifests.pop(world.image("1.0.0").digest),
        *("registry", False, "is not there, though registry.rehearsal/shop is", "was the image deleted"),
    ),
    "the token is none": (
        lambda world: setattr(world.rehearsal.slack, "token", "xoxb-another"),
        *("slack", False, "auth.test: invalid_auth", "put the token where {env: REHEARSAL_SLACK_TOKEN} says"),
    ),
    "the token may not write": (
        lambda world: setattr(world.rehearsal.slack, "scopes", ("channels:history", "channels:read")),
        *("scopes", False, "missing: chat:write", "OAuth & Permissions, add it, and install the app again"),
    ),
    "the token may not look": (
        lambda world: setattr(world.rehearsal.slack, "scopes", ("chat:write", "channels:history")),
        *("channel", None, "whether the app is in #releases is not known", "add channels:read"),
    ),
    "the app is not in the channel": (
        lambda world: setattr(world.rehearsal.slack.workspace.channel(CHANNEL), "is_member", False),
        *("channel", False, "the app is not in #releases", "/invite @surefoot"),
    ),
    "the channel is not to be seen": (
        lambda world: world.rehearsal.slack.workspace.channels.clear(),
        *("channel", False, "#releases is not there, or private and without the app", "/invite @surefoot"),
    ),
    "Slack does not answer": (
        lambda world: world.rehearsal.slack.faults.add(SlackFault(method="auth.test", reset=True)),
        *("slack", False, "auth.test: Slack does not answer (ServerDisconnectedError)", "see http://127.0.0.1"),
    ),
    "the store is older": (
        lambda world: version(world, "0000"),
        *("store", False, "is at version 0000, this Surefoot needs version", "surefoot up"),
    ),
    "the store is newer": (
        lambda world: version(world, "9999"),
        *("store", False, "is at version 9999, this Surefoot knows", "uv pip install --upgrade surefoot"),
    ),
    "the store is a folder": (
        lambda world: world.lose_store(),
        *("store", False, "cannot be made: Is a directory", "see SUREFOOT_STORE"),
    ),
}


def version(world: World, number: str) -> None:
    with closing(sqlite3.connect(world.store)) as store:
        store.execute("UPDATE alembic_version SET version_num = ?", (number,))
        store.commit()


@pytest.mark.parametrize("case", CASES)
async def test_what_is_not_well_is_said_with_what_mends_it_and_all_else_is_looked_at(world: World, case: str):
    arrange, subject, expected, seen, mend = CASES[case]
    arrange(world)
    findings = await found()
    finding = findings[subject]

    assert (finding.well, seen in finding.seen, mend in finding.mend) == (expected, True, True), finding
    assert {"store", "registry"} <= set(findings)


async def test_a_token_that_is_not_set_is_named_by_its_variable(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("REHEARSAL_SLACK_TOKEN")
    finding = (await found())["slack"]

    assert finding.seen == "the environment variable REHEARSAL_SLACK_TOKEN is not set"
    assert finding.mend == "export REHEARSAL_SLACK_TOKEN=TOKEN"


async def test_an_address_that_would_send_the_token_in_the_clear_gets_no_token(world: World):
    place = settings.environment(settings.load("shop"), "production")
    assert place.slack is not None
    rule: SlackRule = replace(place.slack, api_url="http://slack.example/api/")
    findings = {each.subject: each for each in await examine(replace(place, slack=rule), limit_s=PATIENT_S)}

    assert "would send the token in the clear" in findings["slack"].seen


async def test_where_nobody_is_told_and_nothing_was_released_yet_is_well_and_no_store_is_made(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SUREFOOT_STORE", str(world.folder / "new" / "store.db"))
    place = replace(settings.environment(settings.load("shop"), "production"), slack=None)
    findings = {each.subject: each for each in await examine(place, limit_s=PATIENT_S)}

    assert findings["slack"].seen == "nobody is told in Slack"
    assert findings["store"].well is True
    assert "is not there yet" in findings["store"].seen
    assert not (world.folder / "new").exists()


@pytest.mark.slow
async def test_what_hangs_is_given_up_and_keeps_nothing_else_from_being_looked_at(world: World):
    world.rehearsal.slack.faults.add(SlackFault(method="auth.test", delay_s=60))
    findings = await found(limit_s=4)

    assert (findings["slack"].well, findings["slack"].seen) == (False, "no answer within 4 s")
    assert findings["store"].well is True


async def test_whatever_goes_wrong_in_one_look_is_a_finding_and_its_secrets_are_masked():
    def raising(problem: Exception) -> Examination:
        async def look() -> Sequence[Finding]:
            raise problem

        return Examination("it", look)

    async def fine() -> Sequence[Finding]:
        return [well("it", "fine")]

    problems = [Refused("no; type this"), Unavailable("away"), NotSeen("dark"), ZeroDivisionError("xoxb-1234567890-a")]
    findings = await examined([*map(raising, problems), Examination("it", fine)])

    assert [(each.well, each.seen, each.mend) for each in findings] == [
        (False, "no", "type this"),
        (False, "away", ""),
        (None, "dark", ""),
        (None, "ZeroDivisionError: ****", ""),
        (True, "fine", ""),
    ]
