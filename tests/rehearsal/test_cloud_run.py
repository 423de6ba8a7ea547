"""The Admin API as the vendor's client meets it: services, traffic, guards."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from rehearsed import NAME, PARENT, share, template

State = run_v2.Condition.State
pytestmark = pytest.mark.anyio


@dataclass
class Crowd:
    """Four users who ask without a pause; a failure is counted like any other answer."""

    url: str
    answers: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def visiting(self, browser) -> AsyncIterator[None]:
        visits = [asyncio.ensure_future(self._visit(browser)) for _ in range(4)]
        try:
            yield
        finally:
            for visit in visits:
                visit.cancel()
            await asyncio.gather(*visits, return_exceptions=True)

    async def _visit(self, browser) -> None:
        while True:
            try:
                async with browser.get(self.url) as answer:
                    self.answers[await answer.text()] += 1
            except OSError as problem:
                self.answers[repr(problem)] += 1


async def staged(laptop) -> run_v2.Service:
    """Return a service with one revision for users and a better one at its tag."""
    service = await laptop.create()
    traffic = [share("shop-good", 100), share("shop-better", 0, "canary")]
    return await laptop.update(
        "template", "traffic", template=template("better", "shop-better"), traffic=traffic, etag=service.etag
    )


async def test_a_new_service_serves_all_its_users_from_the_latest_revision(laptop):
    began = await laptop.services.create_service(
        parent=PARENT, service=run_v2.Service(template=template("good")), service_id="shop"
    )
    service = await began.result()
    assert service.name == NAME
    assert await laptop.read(service.uri) == service.latest_ready_revision.rpartition("/")[2]
    assert service.traffic == [share("", 100)]
    assert [(status.type_, status.percent) for status in service.traffic_statuses] == [(1, 100)]
    assert service.latest_created_revision == service.latest_ready_revision
    assert service.observed_generation == service.generation == 1
    assert service.terminal_condition.state == State.CONDITION_SUCCEEDED
    assert not service.reconciling


async def test_a_service_that_is_being_made_says_so_and_answers_503(laptop):
    laptop.pace.traffic_lag_s = 1
    await laptop.services.create_service(
        parent=PARENT, service=run_v2.Service(template=template("good")), service_id="shop"
    )
    service = await laptop.told()
    assert service.reconciling
    assert service.terminal_condition.state == State.CONDITION_RECONCILING
    assert service.observed_generation == 0
    assert await laptop.read(service.uri) == "503"


async def test_a_name_that_is_taken_is_refused(laptop):
    await laptop.create()
    with pytest.raises(exceptions.AlreadyExists, match="'shop' already exists"):
        await laptop.create()


async def test_a_fixed_port_is_kept(laptop, free_tcp_port):
    laptop.rehearsal.cloud.reconciler.ports = {"shop": free_tcp_port}
    assert (await laptop.create()).uri == f"http://127.0.0.1:{free_tcp_port}"


async def test_a_fixed_port_that_is_taken_is_said_and_no_service_made(laptop, free_tcp_port):
    laptop.rehearsal.cloud.reconciler.ports = {"rehearsal/laptop/cart": free_tcp_port, "shop": free_tcp_port}
    await laptop.services.create_service(
        parent=PARENT, service=run_v2.Service(template=template("good")), service_id="cart"
    )
    with pytest.raises(exceptions.FailedPrecondition, match=f"cannot be opened on port {free_tcp_port}"):
        await laptop.create()
    with pytest.raises(exceptions.NotFound):
        await laptop.told()


async def test_one_write_pins_users_to_the_old_revision_and_stages_the_new_one_behind_its_tag(laptop):
    service = await staged(laptop)
    canary = next(status for status in service.traffic_statuses if status.tag == "canary")
    assert await laptop.read(canary.uri) == "shop-better"
    assert {await laptop.read(service.uri) for _ in range(20)} == {"shop-good"}
    assert service.latest_ready_revision.endswith("/shop-better")


async def test_a_split_is_exact_over_a_hundred_requests(laptop):
    service = await staged(laptop)
    await laptop.update("traffic", traffic=[share("shop-good", 75), share("shop-better", 25, "canary")])
    seen = Counter([await laptop.read(service.uri) for _ in range(100)])
    assert seen == {"shop-good": 75, "shop-better": 25}


async def test_traffic_is_what_was_asked_for_and_traffic_statuses_what_is_true_by_now(laptop):
    await staged(laptop)
    laptop.pace.traffic_lag_s = 0.4
    began = await laptop.write("traffic", traffic=[share("shop-better", 100)])
    meanwhile = await laptop.told()
    assert [target.revision for target in meanwhile.traffic] == ["shop-better"]
    assert [status.revision for status in meanwhile.traffic_statuses] == ["shop-good", "shop-better"]
    assert meanwhile.reconciling
    assert meanwhile.observed_generation == meanwhile.generation - 1
    after = await laptop.result(began)
    assert [(status.revision, status.percent) for status in after.traffic_statuses] == [("shop-better", 100)]
    assert after.observed_generation == after.generation
    assert not after.reconciling


async def test_no_request_fails_while_traffic_moves_back_and_forth_twenty_times(laptop):
    service = await staged(laptop)
    users = Crowd(service.uri)
    async with users.visiting(laptop.browser):
        for turn in range(20):
            percent = (turn % 5) * 25
            await laptop.update("traffic", traffic=[share("shop-good", 100 - percent), share("shop-better", percent)])
    assert users.answers.keys() == {"shop-good", "shop-better"}
    assert sum(users.answers.values()) > 50


async def test_a_condition_keeps_the_time_of_its_last_change(laptop):
    before = await laptop.create()
    after = await laptop.update("description", description="x")
    assert after.conditions[1].type_ == "ConfigurationsReady"
    assert after.conditions[1] == before.conditions[1]
    assert after.conditions[0].last_transition_time > before.conditions[0].last_transition_time


async def test_the_latest_revision_takes_all_users_as_soon_as_it_is_ready(laptop):
    await laptop.create()
    service = await laptop.update("template", template=template("better", "shop-better"))
    assert await laptop.read(service.uri) == "shop-better"


async def test_a_pin_holds_when_later_revisions_come(laptop):
    await laptop.create()
    await laptop.update("traffic", traffic=[share("shop-good", 100)])
    service = await laptop.update("template", template=template("better", "shop-better"))
    assert await laptop.read(service.uri) == "shop-good"
    assert service.latest_ready_revision.endswith("/shop-better")


async def test_two_entries_for_one_revision_add_up(laptop):
    await staged(laptop)
    traffic = [share("shop-good", 40), share("shop-good", 20, "stable"), share("shop-better", 40)]
    service = await laptop.update("traffic", traffic=traffic)
    seen = Counter([await laptop.read(service.uri) for _ in range(50)])
    assert seen == {"shop-good": 30, "shop-better": 20}


async def test_a_tag_that_is_gone_has_no_address_any_more(laptop):
    service = await staged(laptop)
    preview = service.traffic_statuses[1].uri
    service = await laptop.update("traffic", traffic=[share("shop-good", 100)])
    assert not any(status.uri for status in service.traffic_statuses)
    with pytest.raises(OSError, match="Connect"):
        await laptop.read(preview)


async def test_a_tag_keeps_its_address_when_it_moves_to_another_revision(laptop):
    before = (await staged(laptop)).traffic_statuses[1].uri
    service = await laptop.update("traffic", traffic=[share("shop-better", 100), share("shop-good", 0, "canary")])
    assert service.traffic_statuses[1].uri == before
    assert await laptop.read(before) == "shop-good"


async def test_a_stale_etag_is_refused_and_nothing_changes(laptop):
    before = await laptop.create()
    await laptop.update("annotations", annotations={"example.com/by": "ana"}, etag=before.etag)
    now = await laptop.told()
    with pytest.raises(exceptions.Aborted, match="Conflict for resource 'shop'"):
        await laptop.write("annotations", annotations={"example.com/by": "ben"}, etag=before.etag)
    assert await laptop.told() == now
    assert now.etag != before.etag


async def test_an_update_without_an_etag_is_taken(laptop):
    await laptop.create()
    assert (await laptop.update("description", description="sells things")).description == "sells things"


async def test_of_two_writes_with_one_etag_only_the_first_is_taken(laptop):
    service = await laptop.create()
    writes = [laptop.write("annotations", annotations={"by": who}, etag=service.etag) for who in ("ana", "ben")]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(isinstance(answer, exceptions.Aborted) for answer in answers) == 1
    assert (await laptop.told()).generation == service.generation + 1


async def test_the_later_of_two_writes_is_what_is_true_in_the_end_and_both_operations_end(laptop):
    await staged(laptop)
    first = await laptop.write("traffic", traffic=[share("shop-better", 100)])
    second = await laptop.write("traffic", traffic=[share("shop-good", 100)])
    await laptop.result(first)
    service = await laptop.result(second)
    assert [status.revision for status in service.traffic_statuses] == ["shop-good"]
    assert await laptop.read(service.uri) == "shop-good"


async def test_a_dry_run_judges_and_changes_nothing(laptop):
    service = await laptop.create()
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=NAME, template=template("better", "shop-better")),
        update_mask={"paths": ["template"]},
        validate_only=True,
    )
    operation = await laptop.done(await laptop.services.update_service(request))
    assert operation.HasField("response")
    request.service.template.revision = "other-name"
    with pytest.raises(exceptions.InvalidArgument, match="must begin with the service's name"):
        await laptop.services.update_service(request)
    assert await laptop.told() == service
    await laptop.services.delete_service(run_v2.DeleteServiceRequest(name=NAME, validate_only=True))
    assert await laptop.told() == service


async def test_a_dry_run_of_a_new_service_makes_none(laptop):
    request = run_v2.CreateServiceRequest(
        parent=PARENT, service_id="shop", service=run_v2.Service(template=template("good")), validate_only=True
    )
    await laptop.services.create_service(request)
    with pytest.raises(exceptions.NotFound, match="'shop' of kind 'SERVICE' in region 'laptop' in project 'rehearsal'"):
        await laptop.told()


async def test_a_mask_of_traffic_leaves_template_and_annotations_alone(laptop):
    service = await laptop.create(run_v2.Service(template=template("good", "shop-good"), annotations={"a": "1"}))
    after = await laptop.update("traffic", traffic=[share("shop-good", 100)], annotations={"b": "2"})
    assert after.template == service.template
    assert after.annotations == {"a": "1"}
    assert after.latest_created_revision == service.latest_created_revision


async def test_annotations_and_traffic_change_in_one_write(laptop):
    before = await laptop.create(run_v2.Service(template=template("good", "shop-good"), annotations={"a": "1"}))
    after = await laptop.update(
        "annotations", "traffic", annotations={"b": "2"}, traffic=[share("shop-good", 100)], etag=before.etag
    )
    assert after.annotations == {"b": "2"}
    assert after.generation == before.generation + 1


async def test_a_mask_may_be_in_camel_case_and_name_a_part(laptop):
    await laptop.create()
    service = await laptop.update(
        "template.maxInstanceRequestConcurrency",
        "template.revision",
        template=run_v2.RevisionTemplate(revision="shop-few", max_instance_request_concurrency=7),
    )
    assert service.template.containers[0].image == "registry/shop:good"
    assert (await laptop.revision("shop-few")).max_instance_request_concurrency == 7


@pytest.mark.parametrize("path", ["trafic", "uri", "generation", "template.colour"])
async def test_a_mask_of_what_cannot_be_written_is_refused(laptop, path):
    await laptop.create()
    with pytest.raises(exceptions.InvalidArgument, match=f"'{path}' is not a field"):
        await laptop.write(path, traffic=[share("shop-good", 100)])


async def test_without_a_mask_all_is_replaced_so_a_service_without_container_is_refused(laptop):
    before = await laptop.create(run_v2.Service(template=template("good", "shop-good"), annotations={"a": "1"}))
    with pytest.raises(exceptions.InvalidArgument, match="at least one container"):
        await laptop.write(traffic=[share("shop-good", 100)])
    assert await laptop.told() == before
    assert (await laptop.update(template=before.template)).annotations == {}


async def test_a_service_that_is_missing_is_made_by_an_update_that_allows_it(laptop):
    service = run_v2.Service(name=NAME, template=template("good", "shop-good"))
    with pytest.raises(exceptions.NotFound):
        await laptop.services.update_service(run_v2.UpdateServiceRequest(service=service))
    began = await laptop.services.update_service(run_v2.UpdateServiceRequest(service=service, allow_missing=True))
    assert await laptop.read((await laptop.result(began)).uri) == "shop-good"


@pytest.mark.parametrize(
    ("traffic", "complaint"),
    [
        ([share("shop-good", 99)], "they add up to 99"),
        ([share("shop-good", 60), share("", 60)], "they add up to 120"),
        ([share("shop-good", 101), share("", -1)], "101 is not between 0 and 100"),
        ([share("shop-good", 100, "ab")], "'ab' must be a lowercase name of at least 3"),
        ([share("shop-good", 100, "Canary")], "'Canary' must be a lowercase name"),
        ([share("shop-good", 100, "c" * 43)], "at most 46 together with"),
        ([share("shop-good", 100, "one"), share("", 0, "one")], "'one' is used by another target"),
        ([run_v2.TrafficTarget(percent=100)], "must be LATEST or REVISION"),
        ([run_v2.TrafficTarget(type_=2, percent=100)], "must name a revision"),
        ([run_v2.TrafficTarget(type_=1, revision="shop-good", percent=100)], "must be empty"),
    ],
)
async def test_traffic_that_cannot_be_is_refused_before_anything_changes(laptop, traffic, complaint):
    before = await laptop.create()
    with pytest.raises(exceptions.InvalidArgument, match=complaint):
        await laptop.write("traffic", traffic=traffic)
    assert await laptop.told() == before


async def test_traffic_to_a_revision_that_does_not_exist_fails_in_the_operation_and_users_notice_nothing(laptop):
    before = await laptop.create()
    operation = await laptop.done(await laptop.write("traffic", traffic=[share("shop-gone", 100)]))
    assert operation.error.code == 9
    assert operation.error.message.startswith("Revision 'shop-gone' does not exist or is deleted.")
    after = await laptop.told()
    assert after.traffic_statuses == before.traffic_statuses
    assert after.observed_generation == before.generation < after.generation
    assert after.terminal_condition.state == State.CONDITION_FAILED
    assert await laptop.read(after.uri) == "shop-good"


@pytest.mark.parametrize(
    "key", ["run.googleapis.com/x", "autoscaling.knative.dev/maxScale", "a.cloud.googleapis.com/y"]
)
@pytest.mark.parametrize("where", ["annotations", "labels"])
async def test_the_systems_own_namespaces_are_refused(laptop, key, where):
    await laptop.create()
    with pytest.raises(exceptions.InvalidArgument, match="reserved for the system"):
        await laptop.write(where, **{where: {key: "1"}})


@pytest.mark.parametrize("service_id", ["Shop", "1shop", "shop-", "s" * 50, ""])
async def test_a_service_id_that_breaks_the_rules_is_refused(laptop, service_id):
    with pytest.raises(exceptions.InvalidArgument, match="must use only lowercase"):
        await laptop.create(service_id=service_id)


@pytest.mark.parametrize("revision", ["other-1", "shop-Ä", "shop-", "shop-" + "x" * 59])
async def test_a_revision_name_that_breaks_the_rules_is_refused(laptop, revision):
    with pytest.raises(exceptions.InvalidArgument, match=r"service\.template\.revision"):
        await laptop.create(run_v2.Service(template=template("good", revision)))


@pytest.mark.parametrize(
    ("containers", "complaint"),
    [
        ([{"image": "a"}, {"image": "b"}], "one container"),
        ([{"image": "a", "args": ["--fast"]}], "the catalogue's command"),
        ([{"image": "a", "env": [{"name": "KEY", "value_source": {"secret_key_ref": {"secret": "k"}}}]}], "no secrets"),
    ],
)
async def test_what_is_not_rehearsed_is_refused_instead_of_left_out(laptop, containers, complaint):
    with pytest.raises(exceptions.MethodNotImplemented, match=complaint):
        await laptop.create(run_v2.Service(template=run_v2.RevisionTemplate(containers=containers)))


async def test_who_made_and_who_last_changed_a_service_is_told(laptop):
    await laptop.create()
    await laptop.result(await laptop.write("description", description="x", caller="ana@example.com"))
    service = await laptop.told()
    assert service.creator == "deployer@rehearsal"
    assert service.last_modifier == "ana@example.com"
    assert service.update_time > service.create_time


async def test_services_of_a_location_are_listed_by_pages(laptop):
    for service_id in ("cart", "shop", "till"):
        await laptop.services.create_service(
            parent=PARENT, service=run_v2.Service(template=template("good")), service_id=service_id
        )
    pager = await laptop.services.list_services(run_v2.ListServicesRequest(parent=PARENT, page_size=2))
    assert [service.name.rpartition("/")[2] async for service in pager] == ["cart", "shop", "till"]
    elsewhere = await laptop.services.list_services(parent="projects/rehearsal/locations/moon")
    assert [service async for service in elsewhere] == []


async def test_a_deleted_service_is_gone_with_its_address_and_processes(laptop):
    service = await laptop.create()
    platform = laptop.rehearsal.cloud.services[NAME].platform
    await laptop.done(await laptop.services.delete_service(name=NAME))
    with pytest.raises(exceptions.NotFound):
        await laptop.told()
    with pytest.raises(OSError, match="Connect"):
        await laptop.read(service.uri)
    assert not platform.alive("shop-good")


async def test_a_service_deleted_while_it_is_made_ends_all_its_operations(laptop):
    creating = await laptop.services.create_service(
        parent=PARENT, service=run_v2.Service(template=template("hang")), service_id="shop"
    )
    await laptop.done(await laptop.services.delete_service(name=NAME))
    assert (await laptop.done(creating)).error.message == "Service 'shop' was deleted meanwhile."
    assert (await laptop.create()).generation == 1


@pytest.mark.parametrize("name", ["shop", "projects/p/services/shop", f"{NAME}/revisions"])
async def test_a_name_that_is_none_is_refused(laptop, name):
    with pytest.raises(exceptions.InvalidArgument, match="is not a"):
        await laptop.services.get_service(name=name)
