"""What is Cloud Run's own: traffic lists, tags, annotations, conditions."""

from datetime import UTC, datetime

import pytest
from google.cloud import run_v2
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st

from surefoot.errors import Refused, Unavailable
from surefoot.release import Address
from surefoot.rollout import Mark
from surefoot.traffic import Traffic
from tasks.targets.cloud_run.allocation import LATEST, Allocation, tag_of
from tasks.targets.cloud_run.marks import fence, marked, read_mark
from tasks.targets.cloud_run.reading import entrance, failure, read_live

BY_LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
BY_REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
State = run_v2.Condition.State
only_cloud_run = pytest.mark.parametrize("kind", ["cloud_run"])
REVISIONS = [f"shop-{number}" for number in range(6)]


@st.composite
def traffics(draw):
    names = draw(st.lists(st.sampled_from(REVISIONS), min_size=1, max_size=4, unique=True))
    cuts = sorted(draw(st.lists(st.integers(1, 99), min_size=len(names) - 1, max_size=len(names) - 1, unique=True)))
    shares = [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
    return Traffic.of(dict(zip(names, shares, strict=True)))


tags = st.dictionaries(st.sampled_from(["blue", "green", "sf-123456"]), st.sampled_from([*REVISIONS, LATEST]))


@given(traffics(), tags)
def test_a_traffic_list_says_what_it_was_made_from_and_totals_100(traffic, tags):
    allocation = Allocation({}, tags).sharing(traffic)
    targets = allocation.targets()

    assert Allocation.wished(run_v2.Service(traffic=targets)) == allocation
    assert sum(target.percent for target in targets) == 100
    assert len({target.tag for target in targets if target.tag}) == sum(bool(target.tag) for target in targets)
    assert all(target.percent or target.tag for target in targets)


@given(traffics(), tags)
def test_previewing_twice_is_previewing_once_and_takes_no_tag_away(traffic, tags):
    once = Allocation({}, tags).sharing(traffic).previewing(REVISIONS)

    assert once.previewing(REVISIONS) == once
    assert tags.items() <= once.tags.items() or set(tags) & {tag_of(name) for name in REVISIONS}
    assert set(REVISIONS) <= set(once.tags.values())


def test_the_order_of_a_traffic_list_does_not_matter():
    entries = [
        run_v2.TrafficTarget(type_=BY_REVISION, revision="shop-1", percent=60, tag="blue"),
        run_v2.TrafficTarget(type_=BY_REVISION, revision="shop-2", percent=40),
    ]
    assert Allocation.wished(run_v2.Service(traffic=entries)) == Allocation.wished(
        run_v2.Service(traffic=entries[::-1])
    )


def test_an_empty_traffic_list_is_all_on_the_latest():
    assert Allocation.wished(run_v2.Service()).resolved("shop-3").percents == {"shop-3": 100}


def test_latest_and_its_own_name_are_added_up_when_resolved():
    assert Allocation({LATEST: 30, "shop-3": 70}, {}).resolved("shop-3").percents == {"shop-3": 100}


def test_a_tag_has_room_beside_the_longest_service_name():
    assert len(tag_of("shop-1")) + 37 == 46


names = st.from_regex(r"shop-[a-z0-9]{1,8}", fullmatch=True)
marks = st.builds(
    Mark,
    rollout=st.text(min_size=1, max_size=20),
    stable=traffics(),
    canary=names,
    percent=st.integers(0, 100),
    until=st.datetimes(timezones=st.just(UTC)),
    fence=st.integers(0, 10**9),
)
annotations = st.dictionaries(st.from_regex(r"example\.com/[a-z]{1,5}", fullmatch=True), st.text(max_size=5))


@given(marks, annotations)
def test_a_mark_is_read_back_as_it_was_written_and_others_annotations_stay(mark, others):
    written = marked(others, mark)

    assert read_mark(written) == mark
    assert others.items() <= written.items()
    assert marked(written, None).items() - others.items() == {("surefoot.dev/fence", str(mark.fence))}


@given(marks, marks)
def test_the_fence_never_falls(first, second):
    written = marked(marked(marked({}, first), None), second)
    assert fence(written) == max(first.fence, second.fence)


@pytest.mark.parametrize(
    "damage", [{"surefoot.dev/stable": "shop-1"}, {"surefoot.dev/percent": "ten"}, {"surefoot.dev/stable": "shop-1=50"}]
)
def test_a_mark_that_somebody_damaged_is_no_mark(damage):
    mark = Mark("r", Traffic.all_on("shop-1"), "shop-2", 10, datetime(2026, 11, 21, tzinfo=UTC), 3)
    assert read_mark({**marked({}, mark), **damage}) is None


def condition(kind, state, message="", **more):
    return run_v2.Condition(type_=kind, state=state, message=message, **more)


def test_a_failure_is_told_with_its_reason_and_ready_speaks_before_its_parts():
    reason = run_v2.Condition.RevisionReason.HEALTH_CHECK_CONTAINER_ERROR
    conditions = [
        condition("ContainerHealthy", State.CONDITION_FAILED, "unhealthy"),
        condition("Ready", State.CONDITION_FAILED, "did not listen", revision_reason=reason),
    ]
    assert failure(conditions) == "HEALTH_CHECK_CONTAINER_ERROR: did not listen"


def test_a_retired_revision_has_not_failed():
    retired = condition("Active", State.CONDITION_FAILED, "Revision retired.", severity=run_v2.Condition.Severity.INFO)
    assert failure([condition("Ready", State.CONDITION_SUCCEEDED), retired]) == ""


def test_requests_go_to_the_container_with_a_port_wherever_it_stands():
    sidecar = run_v2.Container(image="proxy")
    shop = run_v2.Container(image="shop", ports=[run_v2.ContainerPort(container_port=8080)])
    assert entrance([sidecar, shop]).image == "shop"
    assert entrance([shop, sidecar]).image == "shop"


def test_a_service_that_never_served_is_refused_since_there_is_no_way_back():
    with pytest.raises(Refused, match="shop has no revision that serves"):
        read_live(run_v2.Service(name="projects/p/locations/r/services/shop"), [])


def test_percents_that_do_not_add_up_are_looked_at_again_later():
    status = run_v2.TrafficTargetStatus(type_=BY_REVISION, revision="shop-1", percent=60)
    with pytest.raises(Unavailable, match="shop is between two splits"):
        read_live(run_v2.Service(name="a/services/shop", traffic_statuses=[status]), [])


@pytest.mark.anyio
@only_cloud_run
async def test_staging_pins_the_latest_and_keeps_other_peoples_tags_and_annotations(world):
    await written_by_hand(
        world,
        traffic=[
            run_v2.TrafficTarget(type_=BY_LATEST, percent=100, tag="newest"),
            run_v2.TrafficTarget(type_=BY_REVISION, revision=world.stable, tag="blue"),
        ],
        annotations={"example.com/owner": "shop-team"},
    )
    release = world.release("1.1.0")
    async with world.target() as target:
        seen = await target.live()
        await target.stage(release, world.mark(seen, release), seen)
    told = world.told()

    assert Allocation.wished(told).percents == {world.stable: 100}
    assert Allocation.wished(told).tags["newest"] == LATEST
    assert Allocation.wished(told).tags["blue"] == world.stable
    assert told.annotations["example.com/owner"] == "shop-team"


@pytest.mark.anyio
@only_cloud_run
async def test_a_tag_that_somebody_gave_stable_is_its_preview(world):
    blue = run_v2.TrafficTarget(type_=BY_REVISION, revision=world.stable, percent=100, tag="blue")
    await written_by_hand(world, traffic=[blue])
    async with world.target() as target:
        live = await target.live()

    assert live.revisions[world.stable].preview == Address(world.told().traffic_statuses[0].uri)


@pytest.mark.anyio
@only_cloud_run
async def test_an_image_that_is_not_the_releases_is_refused_under_its_name(world):
    release = world.release("1.1.0")
    template = run_v2.RevisionTemplate(world.told().template, revision=release.revision_name(world.service))
    await written_by_hand(world, template=template)
    async with world.target() as target:
        seen = await target.live()
        with pytest.raises(Refused, match="exists, with another image"):
            await target.stage(release, world.mark(seen, release), seen)


@pytest.mark.anyio
@only_cloud_run
async def test_a_staged_revision_keeps_the_rest_of_the_template(world):
    template = run_v2.RevisionTemplate(world.told().template)
    template.containers[0].env = [run_v2.EnvVar(name="COLOUR", value="blue")]
    await written_by_hand(world, template=template)
    release = world.release("1.1.0")
    async with world.target() as target:
        seen = await target.live()
        await target.stage(release, world.mark(seen, release), seen)
    revision = world.rehearsal.cloud.services[world.name].revisions[release.revision_name(world.service)]

    assert revision.containers[0].image == str(release.image)
    assert {(variable.name, variable.value) for variable in revision.containers[0].env} == {("COLOUR", "blue")}


@pytest.mark.anyio
@only_cloud_run
async def test_a_release_is_found_again_though_the_template_has_changed_since(world):
    release = world.release("1.1.0")
    async with world.target() as target:
        seen = await target.live()
        await target.stage(release, world.mark(seen, release), seen)
        template = run_v2.RevisionTemplate(world.told().template)
        template.revision = ""
        template.containers[0].env = [run_v2.EnvVar(name="COLOUR", value="blue")]
        await written_by_hand(world, template=template)
        seen = await target.live()
        live = await target.stage(release, world.mark(seen, release, rollout="r-2"), seen)

    assert live.mark.rollout == "r-2"
    assert live.revisions[release.revision_name(world.service)].preview


async def written_by_hand(world, **fields):
    """Write to the service as another person, and wait until it is so."""
    service = run_v2.Service(name=world.name, **fields)
    async with world.by_hand() as client:
        request = run_v2.UpdateServiceRequest(service=service, update_mask=FieldMask(paths=list(fields)))
        began = await client.update_service(request)
        await world.rehearsal.cloud.operations.wait(began.operation.name, 20)
