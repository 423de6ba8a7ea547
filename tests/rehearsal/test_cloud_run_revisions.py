"""Revisions as processes: those that start, those that do not, and what becomes of the service."""

import time

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from rehearsed import NAME, share, template, until

State = run_v2.Condition.State
Reason = run_v2.Condition.CommonReason
RevisionReason = run_v2.Condition.RevisionReason
pytestmark = pytest.mark.anyio


def condition(resource, kind: str) -> run_v2.Condition:
    return next(one for one in resource.conditions if one.type_ == kind)


async def fail_to_stage(laptop, tag: str):
    """Return the service before, the operation's error, and the service after staging an image that does not start."""
    before = await laptop.create()
    traffic = [share("shop-good", 100), share("shop-bad", 0, "canary")]
    began = await laptop.write(
        "template", "traffic", template=template(tag, "shop-bad"), traffic=traffic, etag=before.etag
    )
    operation = await laptop.done(began)
    return before, operation.error, await laptop.told()


@pytest.mark.parametrize(
    ("tag", "code", "said"),
    [
        ("crash", 9, "Revision 'shop-bad' is not ready and cannot serve traffic. The container exited with code 3."),
        ("hang", 9, "Revision 'shop-bad' is not ready and cannot serve traffic. The user-provided container failed"),
        ("unheard-of", 5, "Image 'registry/shop:unheard-of' not found."),
    ],
)
async def test_an_image_that_does_not_start_fails_its_operation_and_users_notice_nothing(laptop, tag, code, said):
    before, error, after = await fail_to_stage(laptop, tag)
    assert (error.code, error.message[: len(said)]) == (code, said)
    assert after.traffic_statuses == before.traffic_statuses
    assert after.observed_generation == before.generation
    assert after.latest_ready_revision == before.latest_ready_revision
    assert after.latest_created_revision == f"{NAME}/revisions/shop-bad"
    assert after.terminal_condition.state == State.CONDITION_FAILED
    assert not after.reconciling
    assert await laptop.read(after.uri) == "shop-good"
    assert not laptop.alive("shop-bad")


@pytest.mark.parametrize("tag", ["crash", "hang"])
async def test_a_container_that_does_not_start_is_named_as_the_reason(laptop, tag):
    _, _, service = await fail_to_stage(laptop, tag)
    assert service.terminal_condition.reason == Reason.REVISION_FAILED
    assert condition(service, "ConfigurationsReady").state == State.CONDITION_FAILED
    revision = await laptop.revision("shop-bad")
    assert condition(revision, "Ready").revision_reason == RevisionReason.HEALTH_CHECK_CONTAINER_ERROR
    assert not revision.reconciling


async def test_an_image_that_is_missing_is_named_as_the_reason(laptop):
    _, _, service = await fail_to_stage(laptop, "unheard-of")
    assert service.terminal_condition.reason == Reason.CONTAINER_MISSING
    assert condition(await laptop.revision("shop-bad"), "Ready").reason == Reason.CONTAINER_MISSING


async def test_what_a_container_wrote_before_it_died_is_at_its_log_address(laptop):
    await fail_to_stage(laptop, "crash")
    assert await laptop.read((await laptop.revision("shop-bad")).log_uri) == "no database\n"


async def test_a_first_revision_that_fails_leaves_a_failed_service_that_answers_503(laptop):
    with pytest.raises(AssertionError, match="is not ready and cannot serve"):
        await laptop.create(run_v2.Service(template=template("crash")))
    service = await laptop.told()
    assert service.terminal_condition.state == State.CONDITION_FAILED
    assert (service.observed_generation, service.latest_ready_revision, list(service.traffic_statuses)) == (0, "", [])
    assert await laptop.read(service.uri) == "503"
    mended = await laptop.update("template", template=template("good", "shop-mended"))
    assert mended.terminal_condition.state == State.CONDITION_SUCCEEDED
    assert await laptop.read(mended.uri) == "shop-mended"


async def test_after_a_failed_revision_traffic_can_be_put_right_though_the_service_stays_failed(laptop):
    await fail_to_stage(laptop, "crash")
    service = await laptop.update("traffic", traffic=[share("shop-good", 100)])
    assert service.observed_generation == service.generation
    assert [(status.revision, status.percent) for status in service.traffic_statuses] == [("shop-good", 100)]
    assert condition(service, "RoutesReady").state == State.CONDITION_SUCCEEDED
    assert service.terminal_condition.state == State.CONDITION_FAILED


async def test_traffic_moves_while_another_revision_hangs(laptop):
    laptop.pace.speed = 60  # the hanging image is waited for 4 s
    await laptop.create()
    hanging = await laptop.write(
        "template", "traffic", template=template("hang", "shop-bad"), traffic=[share("shop-good", 100)]
    )
    began_s = time.monotonic()
    service = await laptop.update("traffic", traffic=[share("shop-good", 100, "stable")])
    assert time.monotonic() - began_s < 2
    assert service.reconciling
    assert service.observed_generation == service.generation
    assert await laptop.read(service.traffic_statuses[0].uri) == "shop-good"
    assert not laptop.rehearsal.cloud.operations.get(hanging.operation.name).done


async def test_a_name_is_reused_only_for_the_same_template(laptop):
    before = await laptop.create()
    with pytest.raises(exceptions.AlreadyExists, match="'shop-good' with different configuration already exists"):
        await laptop.write("template", template=template("better", "shop-good"))
    assert await laptop.told() == before


async def test_the_same_template_again_makes_no_second_revision(laptop):
    await laptop.create()
    service = await laptop.update("template", template=template("good", "shop-good"))
    assert service.latest_created_revision == f"{NAME}/revisions/shop-good"
    assert [revision.name async for revision in await laptop.revisions.list_revisions(parent=NAME)] == [
        f"{NAME}/revisions/shop-good"
    ]


async def test_a_revision_that_failed_is_not_tried_again_under_its_name(laptop):
    await fail_to_stage(laptop, "crash")
    await laptop.update(
        "template", "traffic", template=template("good", "shop-good"), traffic=[share("shop-good", 100)]
    )
    again = await laptop.done(await laptop.write("template", template=template("crash", "shop-bad")))
    assert again.error.message.startswith("Revision 'shop-bad' is not ready")


async def test_going_back_to_an_earlier_template_by_name_makes_it_the_latest_again(laptop):
    await laptop.create()
    await laptop.update("template", template=template("better", "shop-better"))
    service = await laptop.update("template", template=template("good", "shop-good"))
    assert service.latest_ready_revision == service.latest_created_revision == f"{NAME}/revisions/shop-good"
    assert await laptop.read(service.uri) == "shop-good"


async def test_a_revision_without_a_name_is_given_a_fresh_one(laptop):
    await laptop.create(run_v2.Service(template=template("good")))
    service = await laptop.update("template", template=template("better"))
    names = [revision.name.rpartition("/")[2] async for revision in await laptop.revisions.list_revisions(parent=NAME)]
    assert len(set(names)) == 2
    assert all(name.startswith("shop-0000") for name in names)
    assert service.latest_ready_revision.endswith(names[0])  # newest first


async def test_a_revision_is_what_its_template_said_with_environment(laptop):
    environment = [run_v2.EnvVar(name="GREETING", value=", hello")]
    service = await laptop.create(run_v2.Service(template=template("good", "shop-good", env=environment)))
    assert await laptop.read(service.uri) == "shop-good, hello"
    revision = await laptop.revision("shop-good")
    assert revision.containers == service.template.containers
    assert (revision.service, revision.creator) == ("shop", "deployer@rehearsal")


async def test_a_probe_of_http_and_its_own_deadline_decide_when_a_revision_is_ready(laptop):
    laptop.pace.speed = 1
    probe = run_v2.Probe(period_seconds=1, failure_threshold=1, http_get=run_v2.HTTPGetAction(path="/healthz"))
    service = await laptop.create(run_v2.Service(template=template("good", "shop-good", startup_probe=probe)))
    assert await laptop.read(service.uri) == "shop-good"
    operation = await laptop.done(
        await laptop.write("template", template=template("hang", "shop-bad", startup_probe=probe))
    )
    assert operation.error.code == 9


async def test_revisions_with_traffic_or_a_tag_or_the_latest_cannot_be_deleted_and_others_can(laptop):
    await laptop.create()
    await laptop.update(
        "template", "traffic", template=template("better", "shop-better"), traffic=[share("shop-good", 100)]
    )
    with pytest.raises(exceptions.FailedPrecondition, match="traffic or a tag leads to it"):
        await laptop.revisions.delete_revision(name=f"{NAME}/revisions/shop-good")
    with pytest.raises(exceptions.FailedPrecondition, match="latest created"):
        await laptop.revisions.delete_revision(name=f"{NAME}/revisions/shop-better")
    await laptop.update("traffic", traffic=[share("shop-better", 100), share("shop-good", 0, "old")])
    with pytest.raises(exceptions.FailedPrecondition, match="traffic or a tag leads to it"):
        await laptop.revisions.delete_revision(name=f"{NAME}/revisions/shop-good")
    await laptop.update("traffic", traffic=[share("shop-better", 100)])
    await laptop.done(await laptop.revisions.delete_revision(name=f"{NAME}/revisions/shop-good"))
    with pytest.raises(exceptions.NotFound, match="'shop-good' of kind 'REVISION'"):
        await laptop.revision("shop-good")
    assert not laptop.alive("shop-good")


async def test_a_retired_revision_sleeps_and_is_awake_again_before_it_gets_traffic(laptop):
    laptop.pace.idle_s = 0
    await laptop.create()
    service = await laptop.update("template", template=template("better", "shop-better"))
    await until(lambda: not laptop.alive("shop-good"))
    active = condition(await laptop.revision("shop-good"), "Active")
    assert (active.state, active.revision_reason) == (State.CONDITION_FAILED, RevisionReason.RETIRED)
    await laptop.update("traffic", traffic=[share("shop-good", 100)])
    assert await laptop.read(service.uri) == "shop-good"


async def test_a_revision_that_died_is_started_again_when_traffic_is_put_on_it(laptop):
    service = await laptop.create()
    laptop.crash("shop-good")
    await until(lambda: not laptop.alive("shop-good"))
    assert await laptop.read(service.uri) == "502"
    await laptop.update("traffic", traffic=[share("shop-good", 100)])
    assert await laptop.read(service.uri) == "shop-good"
