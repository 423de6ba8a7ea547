"""A journey: what one answer says goes into the next request."""

import asyncio

import pytest
from aiohttp import web

from surefoot.answer import Answer
from surefoot.check import Check, Request
from surefoot.release import Address
from tasks.probes.http import connections, visitor
from tasks.probes.journey import found, walk


async def walked(check: Check, url: str):
    lines = connections(limit=1, keep_alive=True)
    try:
        async with visitor(lines, Address(url)) as who:
            return [seen async for seen in walk(check, url, who)]
    finally:
        await lines.close()


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("$.data.id", "42"),
        ("$.data.names[1]", "tea"),
        ("json.data.id", "42"),
        ("json.data.names[-1]", "tea"),
        ("json.data.paid", "true"),
        ("json.data.names", '["salt", "tea"]'),
        ("header.location", "/orders/7"),
        (r'"id": (\d+)', "42"),
        (r"t\wa", "tea"),
        ("(absent)?salt", ""),
    ],
)
def test_a_value_is_found_where_the_capture_says(where, value):
    answer = Answer(201, {"location": "/orders/7"}, '{"data": {"id": 42, "paid": true, "names": ["salt", "tea"]}}')

    assert found(where, answer) == value


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("$.nothing", r"there is no \$\.nothing"),
        ("$..[", "is not a JSONPath"),
        ("json.nothing", "there is no json.nothing"),
        ("header.nothing", "there is no header.nothing"),
        ("nothing (.*)", "nothing matches"),
        ("(", "is not a regular expression"),
    ],
)
def test_a_value_that_is_not_there_is_said_in_words(where, words):
    with pytest.raises((LookupError, ValueError), match=words):
        found(where, Answer(200, {}, "{}"))


def test_a_capture_from_what_is_not_json_is_said_in_words():
    with pytest.raises(ValueError, match="not JSON"):
        found("$.id", Answer(200, {"content-type": "text/html"}, "<html>"))


def test_cookies_and_carried_values_go_along_in_path_headers_and_body(serving):
    arrived = []

    async def cart(_):
        answer = web.json_response({"id": 7, "token": "t0p"})
        answer.set_cookie("session", "abc", secure=True)
        return answer

    async def items(request):
        arrived.append((request.cookies["session"], request.headers["X-Token"], await request.json()))
        return web.json_response({}, status=201)

    order = Check(
        "order",
        (
            Request("/carts", "POST", capture={"cart": "$.id", "token": "json.token"}),
            Request("/carts/{cart}/items", "POST", {"X-Token": "{token}"}, '{"cart": {cart}, "of": "{unknown}"}'),
        ),
    )

    async def story():
        async with serving({"/carts": cart, "/carts/7/items": items}) as url:
            return await walked(order, url)

    seen = asyncio.run(story())

    assert [each.problem for each in seen] == ["", ""]
    assert [each.label for each in seen] == ["POST /carts", "POST /carts/{cart}/items"]
    assert arrived == [("abc", "t0p", {"cart": 7, "of": "{unknown}"})]


def test_a_carried_address_on_the_same_host_is_followed(serving):
    async def orders(request):
        return web.Response(status=303, headers={"Location": f"{request.url.origin()}/orders/7"})

    async def order(_):
        return web.Response(text="order 7")

    check = Check("order", (Request("/orders", "POST", capture={"order": "header.location"}), Request("{order}")))

    async def story():
        async with serving({"/orders": orders, "/orders/7": order}) as url:
            return await walked(check, url)

    assert asyncio.run(story())[-1].answer.text == "order 7"


def test_a_journey_stops_at_its_first_failing_request(serving):
    asked = []

    async def note(request):
        asked.append(request.path)
        return web.Response(status=500 if request.path == "/2" else 200)

    check = Check("three", (Request("/1"), Request("/2"), Request("/3")))

    async def story():
        async with serving({"/{step}": note}) as url:
            return await walked(check, url)

    seen = asyncio.run(story())

    assert asked == ["/1", "/2"]
    assert [each.cause for each in seen] == ["", "500"]


def test_a_journey_stops_where_there_is_nothing_to_carry(serving):
    async def home(_):
        return web.json_response({})

    check = Check("order", (Request("/", capture={"id": "json.id"}), Request("/orders/{id}")))

    async def story():
        async with serving({"/": home}) as url:
            return await walked(check, url)

    (seen,) = asyncio.run(story())

    assert seen.problem == "nothing to carry as id: there is no json.id"
    assert seen.cause == "nothing to carry as id"


def test_a_body_without_values_to_carry_stays_as_it_is(serving):
    async def echo(request):
        return web.Response(text=await request.text())

    body = '{"query": "{viewer {name}}"}'
    check = Check("graph", (Request("/", "POST", body=body),))

    async def story():
        async with serving({"/": echo}) as url:
            return await walked(check, url)

    assert asyncio.run(story())[0].answer.text == body
