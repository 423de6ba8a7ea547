"""Faults of the AWS APIs on demand, as the vendor's client meets them."""

import time
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from rehearsed_aws import fronted

from rehearsal.aws import Refusal
from rehearsal.faults import AwsFault, Faults, Journal

pytestmark = pytest.mark.anyio


class Book:
    """Keeps what was written, by whom."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str]] = []
        self.handlers = {"UpdateService": self._write, "DescribeServices": self._read, "ListClusters": self._read}

    async def _write(self, params: dict[str, Any], caller: str) -> dict[str, Any]:
        if params["service"] == "gone":
            raise Refusal("ServiceNotFoundException", "Service not found.")
        self.written.append((params["taskDefinition"], caller))
        return {"service": {"serviceName": params["service"], "taskDefinition": params["taskDefinition"]}}

    async def _read(self, _params: dict[str, Any], _caller: str) -> dict[str, Any]:
        return {"services": [{"taskDefinition": name} for name, _ in self.written[-1:]]}


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def at(book):
    async with fronted(ecs=book.handlers) as running:
        yield running


async def update(at, definition: str = "shop:2", service: str = "shop") -> dict[str, Any]:
    return await at.call("ecs", "update_service", service=service, taskDefinition=definition)


async def refused(at, definition: str = "shop:2", service: str = "shop") -> tuple[str, str, int]:
    return await at.call.refused("ecs", "update_service", service=service, taskDefinition=definition)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"code": "ThrottlingException"}, ("ThrottlingException", "Rehearsed fault: ThrottlingException.", 400)),
        ({"code": "ServerException", "message": "Oops."}, ("ServerException", "Oops.", 500)),
        ({"code": "ServiceUnavailable", "message": "Later."}, ("ServiceUnavailable", "Later.", 503)),
        ({"code": "AccessDeniedException", "message": "No.", "status": 403}, ("AccessDeniedException", "No.", 403)),
    ],
)
async def test_a_fault_refuses_as_often_as_it_says_with_nothing_carried_out(at, book, fault, told):
    at.arm(method="UpdateService", times=2, **fault)
    assert [await refused(at), await refused(at)] == [told, told]
    assert book.written == []
    await update(at)
    assert book.written == [("shop:2", "team")]
    assert [(call.code, call.faulted) for call in at.front.journal.calls] == [(told[0], True)] * 2 + [("OK", False)]


async def test_a_fault_may_be_aimed_at_several_methods_and_at_one_resource(at):
    at.arm(method="UpdateService|DescribeServices", resource="shop", code="ClientException", after=1, times=2)
    await update(at, "cart:2", "cart")
    await update(at)
    assert (await refused(at))[0] == "ClientException"
    await at.call("ecs", "list_clusters")
    told = await at.call.refused("ecs", "describe_services", services=["cart", "shop"])
    assert told[0] == "ClientException"
    await update(at)


async def test_a_fault_may_be_aimed_at_all_calls_of_one_service(at):
    at.arm(resource="ecs ", code="ThrottlingException")
    assert await at.call.refused("elbv2", "describe_rules", RuleArns=["x"]) != "ThrottlingException"
    assert (await at.call.refused("ecs", "list_clusters"))[0] == "ThrottlingException"


async def test_a_share_of_calls_is_hit_the_same_ones_each_time_and_the_others_use_up_nothing(at):
    async def pattern() -> list[bool]:
        at.front.faults, at.front.journal = Faults(), Journal()
        at.arm(code="ThrottlingException", share=0.3, times=20)
        for _ in range(100):
            with suppress(ClientError):
                await at.call("ecs", "list_clusters")
        return [call.code == "ThrottlingException" for call in at.front.journal.calls]

    first = await pattern()
    assert sum(first) == 20
    assert 30 < len(first) - first[::-1].index(True) < 100
    assert await pattern() == first


async def test_a_lost_answer_is_of_a_write_that_was_carried_out(at, book):
    at.arm(method="UpdateService", code="ServerException", lost=True)
    assert (await refused(at))[0] == "ServerException"
    assert book.written == [("shop:2", "team")]


async def test_a_lost_answer_to_a_refused_write_is_still_the_refusal(at):
    at.arm(method="UpdateService", code="ServerException", lost=True)
    assert (await refused(at, service="gone"))[0] == "ServiceNotFoundException"


@pytest.mark.parametrize(("lost", "written"), [(False, []), (True, [("shop:2", "team")])])
async def test_a_connection_is_cut_before_or_after_the_write_was_carried_out(at, book, lost, written):
    at.arm(method="UpdateService", cut=True, lost=lost)
    with pytest.raises(ConnectionClosedError):
        await update(at)
    assert book.written == written
    assert [call.code for call in at.front.journal.calls] == ["ConnectionClosed"]
    await update(at, "shop:3")
    assert book.written[-1] == ("shop:3", "team")


async def test_a_delayed_call_is_carried_out_late(at, book):
    at.arm(method="UpdateService", delay_s=0.1)
    began_s = time.monotonic()
    await update(at)
    assert time.monotonic() - began_s >= 0.1
    assert book.written == [("shop:2", "team")]


async def test_somebody_else_writes_just_before_a_call(at, book):
    params = {"service": "shop", "taskDefinition": "shop:9"}
    at.arm(method="DescribeServices", writer="ben", writer_action="UpdateService", writer_params=params)
    await update(at)
    told = await at.call("ecs", "describe_services", services=["shop"])
    assert told["services"][0]["taskDefinition"] == "shop:9"
    assert book.written == [("shop:2", "team"), ("shop:9", "ben")]
    journal = [(call.method, call.caller, call.faulted) for call in at.front.journal.calls]
    assert journal[1:] == [("UpdateService", "ben", False), ("DescribeServices", "team", True)]


async def test_somebody_else_who_is_refused_disturbs_nobody(at):
    params = {"service": "gone", "taskDefinition": "shop:9"}
    at.arm(method="UpdateService", writer="ben", writer_action="UpdateService", writer_params=params)
    await update(at)
    assert [call.code for call in at.front.journal.calls] == ["ServiceNotFoundException", "OK"]


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({"times": 0}, "times starts at 1"),
        ({"delay_s": -1}, "negative"),
        ({"share": 0}, "share"),
        ({"share": 1.5}, "share"),
        ({"status": 200}, "not an error"),
        ({"code": ""}, "needs a code"),
        ({"lost": True}, "needs a code, or cut"),
        ({"writer": "ben"}, "need each other"),
        ({"writer_action": "UpdateService"}, "need each other"),
        ({"writer_params": {"a": 1}}, "need each other"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fault, complaint):
    with pytest.raises(ValueError, match=complaint):
        AwsFault(**fault)
