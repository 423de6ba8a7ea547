"""Several routes through one listener: who takes which, and what each has for itself."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from rehearsal.backend import Backend, Backends
from rehearsal.splitter import Condition, Fault, Field, Place, Route, Splitter
from rehearsal.splitter.condition import all_hold
from rehearsal.splitter.message import parse_request

pytestmark = pytest.mark.anyio


class Through:
    """A listener with a default route to `stable`, the revisions behind it, and a browser."""

    def __init__(self, splitter: Splitter, browser: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.splitter = splitter
        self.browser = browser
        self.stack = stack
        self.held = asyncio.Event()
        self.held.set()
        self.begun = asyncio.Event()

    async def revision(self, name: str) -> Backends:
        async def answer(request: web.Request) -> web.Response:
            self.begun.set()
            await self.held.wait()
            return web.Response(text=f"{name}{request.path_qs if request.path != '/' else ''}")

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self.stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return Backends(name, (Backend("127.0.0.1", runner.addresses[0][1]),))

    def rule(self, address: str, *conditions: Condition, table: Sequence[tuple[Backends, int]] = ()) -> Route:
        route = Route(self.splitter.tally, "shop", address, conditions=conditions)
        self.splitter.route(table, at=route)
        return route

    async def read(self, path: str = "/", **headers: str) -> str:
        async with self.browser.get(self.splitter.url + path, headers=headers) as answer:
            return await answer.text() if answer.status == 200 else str(answer.status)


@asynccontextmanager
async def through(**how: object) -> AsyncIterator[Through]:
    async with AsyncExitStack() as stack:
        splitter = await Splitter.listen(service="shop", **how)
        stack.push_async_callback(splitter.close)
        browser = await stack.enter_async_context(aiohttp.ClientSession())
        yield Through(splitter, browser, stack)


def header(name: str, *values: str) -> Condition:
    return Condition(Field.HEADER, values, name)


HEAD = b"\r\n".join(
    (
        b"GET /cart/items?colour=dark+red&Size=4&flag HTTP/1.1",
        b"Host: Shop.Example:8080",
        b"X-Preview: Green",
        b"x-preview: b2",
    )
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (header("x-preview", "green"), True),
        (header("X-PREVIEW", "g*n"), True),
        (header("x-preview", "gree"), False),
        (header("x-preview", "B?"), True),
        (header("x-preview", "no", "b2"), True),
        (header("x-other", "*"), False),
        (Condition(Field.HOST, ("shop.example",)), True),
        (Condition(Field.HOST, ("*.EXAMPLE",)), True),
        (Condition(Field.HOST, ("example",)), False),
        (Condition(Field.PATH, ("/cart/*",)), True),
        (Condition(Field.PATH, ("/Cart/*",)), False),
        (Condition(Field.PATH, ("/cart/item?",)), True),
        (Condition(Field.PATH, ("/cart",)), False),
        (Condition(Field.PATH, ("/[a-z]*",)), False),
        (Condition(Field.METHOD, ("POST", "GET")), True),
        (Condition(Field.METHOD, ("get",)), False),
        (Condition(Field.QUERY, ("size=4",)), True),
        (Condition(Field.QUERY, ("colour=*red",)), True),
        (Condition(Field.QUERY, ("=4",)), True),
        (Condition(Field.QUERY, ("flag=",)), True),
        (Condition(Field.QUERY, ("colour=red",)), False),
    ],
)
def test_a_condition_looks_at_its_part_of_the_head(condition, holds):
    assert condition.holds(parse_request(HEAD)) is holds


def test_all_conditions_of_a_rule_have_to_hold():
    request = parse_request(HEAD)
    green, cart, gone = header("x-preview", "green"), Condition(Field.PATH, ("/cart/*",)), header("x-gone", "*")
    assert all_hold((green, cart), request)
    assert not all_hold((green, gone), request)


async def test_the_first_rule_that_holds_takes_a_request_and_the_default_route_the_rest():
    async with through() as at:
        stable, canary, blog = [await at.revision(name) for name in ("stable", "canary", "blog")]
        at.splitter.route([(stable, 100)])
        preview = at.rule("preview", header("x-preview", "*"), table=[(canary, 100)])
        paths = at.rule("blog", Condition(Field.PATH, ("/blog/*",)), table=[(blog, 100)])
        at.splitter.arrange([preview, paths])
        assert await at.read("/about") == "stable/about"
        assert await at.read("/blog/1?x=1") == "blog/blog/1?x=1"
        assert await at.read("/blog/1", **{"X-Preview": "1"}) == "canary/blog/1"
        at.splitter.arrange([paths, preview])
        assert await at.read("/blog/1", **{"X-Preview": "1"}) == "blog/blog/1"
        at.splitter.arrange([])
        assert await at.read("/blog/1", **{"X-Preview": "1"}) == "stable/blog/1"


async def test_requests_on_one_connection_each_take_their_own_route():
    async with through() as at:
        stable, canary = await at.revision("stable"), await at.revision("canary")
        at.splitter.route([(stable, 100)])
        at.splitter.arrange([at.rule("preview", header("x-preview", "1"), table=[(canary, 100)])])
        reader, writer = await asyncio.open_connection("127.0.0.1", at.splitter.port)
        plain, marked = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX-Preview: 1\r\n\r\n"
        writer.write(plain + marked + plain)
        seen = []
        for _ in range(3):
            head = await reader.readuntil(b"\r\n\r\n")
            seen.append((await reader.readexactly(6)).decode())
            assert b"200 OK" in head
        writer.close()
        assert seen == ["stable", "canary", "stable"]


async def test_every_route_deals_and_counts_and_fails_by_itself():
    async with through() as at:
        stable, canary = await at.revision("stable"), await at.revision("canary")
        at.splitter.route([(stable, 90), (canary, 10)])
        preview = at.rule("preview", header("x-preview", "1"), table=[(stable, 1), (canary, 1)])
        at.splitter.arrange([preview])
        preview.fault("canary", Fault(error_share=1.0))
        assert Counter([await at.read() for _ in range(100)]) == {"stable": 90, "canary": 10}
        assert Counter([await at.read(**{"X-Preview": "1"}) for _ in range(10)]) == {"stable": 5, "500": 5}
        assert (at.splitter.faults, list(preview.faults)) == ({}, ["canary"])
        places = {place: dict(counts.codes) for place, counts in at.splitter.tally.places.items()}
        assert places == {
            Place("shop", "public", "stable"): {200: 90},
            Place("shop", "public", "canary"): {200: 10},
            Place("shop", "preview", "stable"): {200: 5},
            Place("shop", "preview", "canary"): {500: 5},
        }
        preview.fault("canary", None)
        assert Counter([await at.read(**{"X-Preview": "1"}) for _ in range(4)]) == {"stable": 2, "canary": 2}


async def test_a_route_may_be_called_otherwise_and_counts_there_from_then_on():
    async with through() as at:
        at.splitter.route([(await at.revision("stable"), 100)])
        await at.read()
        at.splitter.default.call("main/shop", "green")
        await at.read()
        assert at.splitter.tally.places[Place("main/shop", "green", "stable")].codes == {200: 1}
        assert at.splitter.tally.places[Place("shop", "public", "stable")].codes == {200: 1}


async def test_a_crash_on_any_route_is_passed_on():
    crashed = []
    async with through() as at:
        canary = await at.revision("canary")
        route = Route(
            at.splitter.tally, "shop", "p", conditions=[Condition(Field.PATH, ("/p",))], on_crash=crashed.append
        )
        at.splitter.route([(canary, 1)], at=route)
        at.splitter.arrange([route])
        route.fault("canary", Fault(crash=True))
        await at.read("/p")
    assert crashed == ["canary"]


async def test_a_route_may_answer_for_itself_or_have_nobody():
    async with through() as at:
        at.splitter.default.answer = (404, "not here")
        nobody = at.rule("none", header("x-preview", "1"), table=[(Backends("", ()), 1)])
        at.splitter.arrange([nobody])
        assert (await at.read(), await at.read(**{"X-Preview": "1"})) == ("404", "503")
        assert nobody.counts("").codes == {503: 1}


async def test_vacating_waits_for_requests_on_any_route_and_for_no_others():
    async with through() as at:
        stable, canary = await at.revision("stable"), await at.revision("canary")
        at.splitter.route([(stable, 1)])
        preview = at.rule("preview", header("x-preview", "1"), table=[(canary, 1)])
        at.splitter.arrange([preview])
        at.held.clear()
        under_way = asyncio.create_task(at.read(**{"X-Preview": "1"}))
        await at.begun.wait()
        at.splitter.arrange([])
        assert await at.splitter.vacated(stable.instances, 5) == 0
        assert await at.splitter.vacated(canary.instances, 0.02) == 1
        vacating = asyncio.create_task(at.splitter.vacated(canary.instances, 5))
        at.held.set()
        assert (await under_way, await vacating) == ("canary", 0)


async def test_a_request_that_a_fault_holds_back_goes_by_the_table_it_came_under():
    async with through() as at:
        old, new = await at.revision("old"), await at.revision("new")
        at.splitter.route([(old, 1)])
        at.splitter.fault("old", Fault(latency_s=0.1))
        held_back = asyncio.create_task(at.read())
        while not at.splitter.counts("old").in_flight:  # noqa: ASYNC110  it is on its way
            await asyncio.sleep(0)
        at.splitter.route([(new, 1)])
        assert await at.splitter.vacated(old.instances, 0.01) == 1
        async with asyncio.timeout(5):
            assert await held_back == "old"
        assert await at.splitter.vacated(old.instances, 5) == 0
