"""Faults of the API on demand, and the journal that tells what was called."""

import asyncio
import time

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport
from google.rpc.error_details_pb2 import RetryInfo
from rehearsed import NAME, share, template, until

from rehearsal.faults import ApiFault, Faults

pytestmark = pytest.mark.anyio


def arm(laptop, **fault) -> None:
    laptop.rehearsal.front.faults.add(ApiFault(**fault))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("PERMISSION_DENIED", exceptions.PermissionDenied),
        ("RESOURCE_EXHAUSTED", exceptions.ResourceExhausted),
        ("INTERNAL", exceptions.InternalServerError),
        ("DEADLINE_EXCEEDED", exceptions.DeadlineExceeded),
        ("ABORTED", exceptions.Aborted),
        ("UNAUTHENTICATED", exceptions.Unauthenticated),
    ],
)
async def test_a_fault_refuses_as_often_as_it_says_with_nothing_changed(laptop, code, error):
    before = await laptop.create()
    arm(laptop, method="UpdateService", code=code, times=2)
    for _ in range(2):
        with pytest.raises(error):
            await laptop.write("description", description="x")
    assert await laptop.told() == before
    assert (await laptop.update("description", description="x")).description == "x"


async def test_a_refusal_may_say_when_to_come_back(laptop):
    await laptop.create()
    arm(laptop, method="UpdateService", code="RESOURCE_EXHAUSTED", retry_after_s=1.5)
    with pytest.raises(exceptions.ResourceExhausted) as refused:
        await laptop.write("description", description="x")
    [detail] = refused.value.details
    assert isinstance(detail, RetryInfo)
    assert detail.retry_delay.ToMilliseconds() == 1500


async def test_a_fault_lets_the_first_calls_through_and_leaves_other_methods_and_resources_alone(laptop):
    await laptop.create()
    arm(laptop, method="GetService", code="INTERNAL", after=1, resource="/shop")
    arm(laptop, method="GetService", code="INTERNAL", resource="/cart")
    await laptop.told()
    await laptop.revision("shop-good")
    with pytest.raises(exceptions.InternalServerError):
        await laptop.told()
    await laptop.told()


async def test_a_lost_reply_is_of_a_write_that_was_carried_out(laptop):
    await laptop.create()
    arm(laptop, method="UpdateService", code="UNAVAILABLE", lost=True)
    with pytest.raises(exceptions.ServiceUnavailable):
        await laptop.write("description", description="x")
    assert (await laptop.told()).description == "x"


async def test_a_lost_reply_to_a_stale_write_is_still_of_a_refused_one(laptop):
    before = await laptop.create()
    arm(laptop, method="UpdateService", code="UNAVAILABLE", lost=True)
    with pytest.raises(exceptions.Aborted):
        await laptop.write("description", description="x", etag='"old"')
    assert await laptop.told() == before


async def test_somebody_else_writes_just_before_a_guarded_write_which_is_then_stale(laptop):
    before = await laptop.create()
    arm(laptop, method="UpdateService", writer="ben@example.com")
    with pytest.raises(exceptions.Aborted):
        await laptop.write("description", description="x", etag=before.etag)
    after = await laptop.told()
    assert after.last_modifier == "ben@example.com"
    assert after.description == ""
    assert "ben@example.com" in after.annotations["rehearsal/touched-by"]


async def test_somebody_else_moves_the_traffic_just_before_a_read(laptop):
    await laptop.create()
    await laptop.update(
        "template", "traffic", template=template("better", "shop-better"), traffic=[share("shop-good", 100)]
    )
    arm(laptop, method="GetService", writer="ben@example.com", writer_traffic={"shop-good": 30, "shop-better": 70})
    service = await laptop.told()
    assert {target.revision: target.percent for target in service.traffic} == {"shop-good": 30, "shop-better": 70}
    assert service.last_modifier == "ben@example.com"


async def test_somebody_else_writes_while_an_operation_is_polled(laptop):
    await laptop.create()
    began = await laptop.write("description", description="x")
    arm(laptop, method="GetOperation", writer="ben@example.com")
    await laptop.services.get_operation({"name": began.operation.name})
    assert (await laptop.told()).last_modifier == "ben@example.com"


async def test_a_fault_of_one_service_hits_what_is_asked_about_its_operations(laptop):
    await laptop.create()
    began = await laptop.write("description", description="x")
    arm(laptop, method="GetOperation", code="NOT_FOUND", resource="/services/cart")
    arm(laptop, method="GetOperation", code="UNAVAILABLE", resource="/services/shop")
    with pytest.raises(exceptions.ServiceUnavailable):
        await laptop.services.get_operation({"name": began.operation.name})


async def test_a_stale_read_shows_the_service_as_it_was_before_its_last_write(laptop):
    before = await laptop.create()
    after = await laptop.update("description", description="x")
    arm(laptop, method="GetService", stale=True)
    assert await laptop.told() == before
    assert await laptop.told() == after


async def test_a_caller_that_gives_up_may_have_been_obeyed(laptop):
    await laptop.create()
    arm(laptop, method="UpdateService", code="UNAVAILABLE", lost=True, delay_s=60)
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=NAME, description="x"), update_mask={"paths": ["description"]}
    )
    with pytest.raises(exceptions.DeadlineExceeded):
        await laptop.services.update_service(request, timeout=0.3)
    assert (await laptop.told()).description == "x"


@pytest.mark.parametrize("lost", [False, True])
async def test_an_operation_may_fail_inside_with_its_write_carried_out_or_not(laptop, lost):
    await laptop.create()
    arm(laptop, method="UpdateService", code="INTERNAL", message="Something broke.", inside=True, lost=lost)
    operation = await laptop.done(await laptop.write("description", description="x"))
    assert (operation.error.code, operation.error.message) == (13, "Something broke.")
    assert (await laptop.told()).description == ("x" if lost else "")


async def test_a_delayed_call_is_carried_out_late_and_a_caller_may_give_up_first(laptop):
    await laptop.create()
    arm(laptop, method="GetService", delay_s=0.2)
    began_s = time.monotonic()
    await laptop.told()
    assert time.monotonic() - began_s >= 0.2
    arm(laptop, method="GetService", delay_s=60)
    with pytest.raises(exceptions.DeadlineExceeded):
        await laptop.services.get_service(name=NAME, timeout=0.2, retry=None)
    await until(lambda: laptop.rehearsal.front.journal.of("GetService")[-1].code == "CANCELLED")


async def test_the_journal_tells_every_call_with_what_it_answered_and_to_whom(laptop):
    await laptop.create()
    arm(laptop, method="UpdateService", code="ABORTED")
    with pytest.raises(exceptions.Aborted):
        await laptop.write("description", description="x", caller="ana@example.com")
    journal = laptop.rehearsal.front.journal
    [refused] = journal.of("UpdateService")
    assert (refused.resource, refused.code, refused.caller, refused.faulted) == (
        NAME,
        "ABORTED",
        "ana@example.com",
        True,
    )
    assert [call.method for call in journal.of()][:2] == ["CreateService", "GetService"]
    assert journal.of(since=refused.at) == []


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({"code": "NOPE"}, "not a gRPC status"),
        ({"times": 0}, "times starts at 1"),
        ({"after": -1}, "after at 0"),
        ({"delay_s": -1}, "negative"),
        ({"lost": True}, "need a code"),
        ({"inside": True, "code": "INTERNAL", "method": "GetService"}, "answers with an operation"),
        ({"stale": True, "method": "UpdateService"}, "GetService alone"),
        ({"writer_traffic": {"a": 100}}, "needs a writer"),
        ({"writer": "ben", "writer_traffic": {"a": 99}}, "total 100"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(fault, complaint):
    with pytest.raises(ValueError, match=complaint):
        ApiFault(**fault)


async def test_armed_faults_are_listed_and_can_be_disarmed():
    faults: Faults[ApiFault] = Faults()
    first, second = faults.add(ApiFault(code="ABORTED", times=2)), faults.add(ApiFault(code="INTERNAL"))
    taken = faults.take("GetService", NAME)
    assert taken is not None
    assert taken.status.name == "ABORTED"
    assert {number: hits for number, (_, hits) in faults.listed().items()} == {first: 1, second: 0}
    assert faults.remove(first)
    assert not faults.remove(first)
    faults.clear()
    assert faults.take("GetService", NAME) is None


async def test_the_plain_client_of_the_vendor_reads_the_same_service(laptop):
    service = await laptop.create()

    def read() -> run_v2.Service:
        with grpc.insecure_channel(laptop.rehearsal.grpc_endpoint.removeprefix("grpc://")) as channel:
            return run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel)).get_service(name=NAME)

    assert await asyncio.to_thread(read) == service
