"""Smoke checks: each once, in order, and in words."""

import asyncio

import pytest
from aiohttp import web

from surefoot.answer import Answer
from surefoot.check import Check, Request, smoke_verdict
from surefoot.release import Address
from surefoot.verdict import Outcome
from tasks.probes import look_at, revision_in, smoke
from tasks.probes.http import connections


async def fine(_):
    return web.json_response({"revision": "shop-1"})


async def failing(_):
    raise web.HTTPInternalServerError


def test_smoke_says_of_every_check_in_order_what_was_seen(serving):
    checks = (
        Check("home", (Request("/"),)),
        Check("order", (Request("/"), Request("/cart/items", "POST"), Request("/orders", "POST"))),
        Check("version", (Request("/"),)),
    )

    async def story():
        async with serving({"/": fine, "/cart/items": failing, "/orders": fine}) as url:
            return await smoke(checks, Address(url))

    results = asyncio.run(story())

    assert [(result.check, result.good, result.status) for result in results] == [
        ("home", True, 200),
        ("order", False, 500),
        ("version", True, 200),
    ]
    assert results[1].problem == "order 2 of 3: POST /cart/items: status is 500, expected less than 400"
    assert results[0].revision == results[1].revision == "shop-1"
    assert smoke_verdict(results).outcome is Outcome.FAIL
    assert str(smoke_verdict(results)).startswith("FAIL 2 of 3: order 2 of 3: POST /cart/items")


def test_a_service_that_is_down_is_bad_but_a_name_nobody_knows_is_not_its_fault(unused_port):
    check = Check("home", (Request("/"),))

    (down,) = asyncio.run(smoke([check], Address(f"http://127.0.0.1:{unused_port}")))
    (lost,) = asyncio.run(smoke([check], Address("http://shop.invalid")))

    assert (down.problem, down.looked, down.status) == ("home: GET /: connection refused", True, None)
    assert (lost.problem, lost.looked) == ("home: GET /: no such name: shop.invalid", False)
    assert smoke_verdict([down]).outcome is Outcome.FAIL
    assert smoke_verdict([lost]).outcome is Outcome.INCONCLUSIVE


def test_no_checks_is_nothing_seen():
    assert asyncio.run(smoke([], Address("http://127.0.0.1:1"))) == ()


def test_only_a_few_checks_are_made_at_a_time(serving):
    now, most = 0, 0

    async def count(_):
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.01)
        now -= 1
        return web.Response()

    async def story():
        async with serving({"/": count}) as url:
            return await smoke([Check(f"{number}", (Request("/"),)) for number in range(12)], Address(url))

    assert all(result.good for result in asyncio.run(story()))
    assert 2 <= most <= 4


def test_each_request_has_a_fresh_connection_unless_lines_are_given(serving):
    async def story():
        ports = []

        async def note(request):
            ports.append(request.transport.get_extra_info("peername")[1])
            return web.Response()

        async with serving({"/": note}) as url:
            check = Check("twice", (Request("/"), Request("/")))
            await look_at(check, Address(url))
            lines = connections(limit=1, keep_alive=True)
            await look_at(check, Address(url), lines)
            await look_at(check, Address(url), lines)
            await lines.close()
        return ports

    ports = asyncio.run(story())

    assert len(set(ports[:2])) == 2
    assert len(set(ports[2:])) == 1


@pytest.mark.parametrize(
    ("answer", "revision"),
    [
        (Answer(200, {"x-revision": "shop-1"}), "shop-1"),
        (Answer(200, {"content-type": "application/json"}, '{"revision": "shop-1"}'), "shop-1"),
        (Answer(200, {"content-type": "application/json"}, '{"revision": 7}'), ""),
        (Answer(200, {"content-type": "application/json"}, "[]"), ""),
        (Answer(200, {"content-type": "application/json"}, "oops"), ""),
        (Answer(200, {"content-type": "text/html"}, '{"revision": "shop-1"}'), ""),
    ],
)
def test_who_answered_is_known_where_the_service_says_so(answer, revision):
    assert revision_in(answer) == revision
