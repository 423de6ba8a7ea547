"""The splitter as its users meet it: nothing dropped, nothing changed on the way, every failure said."""

import asyncio
import hashlib
import io
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
import uvloop
from aiohttp import web
from prometheus_client import generate_latest

from rehearsal.backend import Backend, Backends
from rehearsal.splitter import Fault, Place, Splitter, Tally

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(story):
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(asyncio.wait_for(story, 30))

    return run


@asynccontextmanager
async def revision(name: str, handler: Handler | None = None, **server: object) -> AsyncIterator[Backends]:
    async def named(_: web.Request) -> web.Response:
        return web.Response(text=name)

    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", handler or named)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True, **server)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Backends(name, (Backend("127.0.0.1", runner.addresses[0][1]),))
    finally:
        await runner.cleanup()


@asynccontextmanager
async def splitting(*table: tuple[Backends, int], sticky: bool = False, **how: object) -> AsyncIterator[Splitter]:
    splitter = await Splitter.listen(service="shop", **how)
    splitter.route(table, sticky=sticky)
    try:
        yield splitter
    finally:
        await splitter.close()


async def nobody() -> Backend:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return Backend("127.0.0.1", port)


async def text(http: aiohttp.ClientSession, url: str) -> str:
    async with http.get(url) as answer:
        return await answer.text()


def test_before_anything_is_routed_the_answer_says_that_nothing_is_ready(run):
    async def story():
        async with splitting() as splitter, aiohttp.ClientSession() as http, http.get(splitter.url) as answer:
            assert answer.status == 503
            assert await answer.text() == "no revision of shop is ready here\n"
            assert splitter.counts("").codes == {503: 1}

    run(story())


def test_a_tenth_is_a_tenth(run):
    async def story():
        async with (
            revision("stable") as stable,
            revision("canary") as canary,
            splitting((stable, 90), (canary, 10)) as splitter,
            aiohttp.ClientSession() as http,
        ):
            seen = Counter([await text(http, splitter.url) for _ in range(200)])
            assert seen == {"stable": 180, "canary": 20}
            assert splitter.counts("stable").codes == {200: 180}
            assert splitter.counts("canary").codes == {200: 20}

    run(story())


def test_no_request_is_dropped_in_a_hundred_changes_under_load(run):
    async def story():
        async with (
            revision("stable") as stable,
            revision("canary") as canary,
            splitting((stable, 100)) as splitter,
            aiohttp.ClientSession() as http,
        ):
            over, seen = asyncio.Event(), Counter()

            async def visit() -> None:
                while not over.is_set():
                    async with http.post(splitter.url, data=b"order") as answer:
                        seen[answer.status, await answer.text()] += 1

            visitors = [asyncio.create_task(visit()) for _ in range(8)]
            for change in range(100):
                share = change * 37 % 101
                splitter.route([(stable, 100 - share), (canary, share)])
                enough = seen.total() + 10
                while seen.total() < enough:  # noqa: ASYNC110  let the visitors run
                    await asyncio.sleep(0)
            over.set()
            await asyncio.gather(*visitors)
            assert set(seen) == {(200, "stable"), (200, "canary")}
            assert seen.total() == splitter.counts("stable").requests + splitter.counts("canary").requests

    run(story())


def test_a_request_in_flight_ends_where_it_began_and_draining_waits_for_it(run):
    async def story():
        begun, let_go = asyncio.Event(), asyncio.Event()

        async def slow(_: web.Request) -> web.Response:
            begun.set()
            await let_go.wait()
            return web.Response(text="old")

        async with (
            revision("old", slow) as old,
            revision("new") as new,
            splitting((old, 100)) as splitter,
            aiohttp.ClientSession() as http,
        ):
            first = asyncio.create_task(text(http, splitter.url))
            await begun.wait()
            splitter.route([(new, 100)])
            assert await text(http, splitter.url) == "new"
            assert await splitter.drain("old", 0.02) == 1
            draining = asyncio.create_task(splitter.drain("old", 10))
            let_go.set()
            assert await first == "old"
            assert await draining == 0
            assert await splitter.drain("never seen", 10) == 0

    run(story())


def test_a_backend_that_is_gone_is_named(run):
    async def story():
        gone = await nobody()
        async with (
            splitting((Backends("shop-2", (gone,)), 100)) as splitter,
            aiohttp.ClientSession() as http,
            http.get(splitter.url) as answer,
        ):
            assert answer.status == 502
            assert f"revision shop-2 is not there ({gone}: " in await answer.text()
            assert splitter.counts("shop-2").failures == 1

    run(story())


def test_an_instance_that_is_gone_is_stood_in_for_by_the_next(run):
    async def story():
        async with revision("a") as alive:
            both = Backends("a", (await nobody(), *alive.instances))
            async with splitting((both, 100)) as splitter, aiohttp.ClientSession() as http:
                assert [await text(http, splitter.url) for _ in range(6)] == ["a"] * 6

    run(story())


def test_instances_of_a_revision_take_turns(run):
    async def story():
        async with revision("one") as one, revision("two") as two:
            both = Backends("a", one.instances + two.instances)
            async with splitting((both, 100)) as splitter, aiohttp.ClientSession() as http:
                assert [await text(http, splitter.url) for _ in range(4)] == ["one", "two", "one", "two"]

    run(story())


def test_an_answer_streams_as_it_is_made(run):
    async def story():
        heard = asyncio.Event()

        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"first ")
            await heard.wait()
            await response.write(b"second")
            return response

        async with (
            revision("a", stream) as a,
            splitting((a, 100)) as splitter,
            aiohttp.ClientSession() as http,
            http.get(splitter.url) as answer,
        ):
            assert await answer.content.readany() == b"first "
            heard.set()
            assert await answer.content.read() == b"second"

    run(story())


def test_a_body_streams_as_it_is_sent(run):
    async def story():
        arrived = asyncio.Event()

        async def receive(request: web.Request) -> web.Response:
            first = await request.content.readany()
            arrived.set()
            return web.Response(body=first + b"|" + await request.content.read())

        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await arrived.wait()
            yield b"second"

        async with (
            revision("a", receive) as a,
            splitting((a, 100)) as splitter,
            aiohttp.ClientSession() as http,
            http.post(splitter.url, data=body()) as answer,
        ):
            assert await answer.read() == b"first|second"

    run(story())


@pytest.mark.parametrize("expect", [False, True])
def test_a_big_body_arrives_whole_both_ways(run, expect):
    big = bytes(range(256)) * 80_000

    async def story():
        async def echo(request: web.Request) -> web.Response:
            return web.Response(body=await request.read())

        async with (
            revision("a", echo) as a,
            splitting((a, 100)) as splitter,
            aiohttp.ClientSession() as http,
            http.post(splitter.url, data=io.BytesIO(big), expect100=expect) as answer,
        ):
            assert hashlib.sha256(await answer.read()).digest() == hashlib.sha256(big).digest()
            assert splitter.counts("a").bytes_in == splitter.counts("a").bytes_out == len(big)

    run(story())


def test_a_websocket_goes_through_both_ways_and_survives_a_change(run):
    async def story():
        async def echo(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(f"you said {message.data}")
            return socket

        async with (
            revision("a", echo) as a,
            revision("b") as b,
            splitting((a, 100)) as splitter,
            aiohttp.ClientSession() as http,
        ):
            async with http.ws_connect(splitter.url) as socket:
                await socket.send_str("hello")
                assert (await socket.receive_str()) == "you said hello"
                splitter.route([(b, 100)])
                await socket.send_str("x" * 300_000)
                assert len(await socket.receive_str()) == 300_009
                assert await splitter.drain("a", 0.02) == 1
            assert socket.close_code == 1000
            assert await splitter.drain("a", 5) == 0
            assert splitter.counts("a").codes == {101: 1}
            assert splitter.counts("a").failures == 0

    run(story())


def test_an_upgrade_that_is_refused_is_an_ordinary_answer(run):
    async def story():
        async with revision("a") as a, splitting((a, 100)) as splitter, aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(splitter.url)
            assert refused.value.status == 200
            assert await text(http, splitter.url) == "a"

    run(story())


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("OPTIONS", 200)])
def test_answers_without_a_body_leave_the_connection_usable(run, method, status):
    async def story():
        async def bare(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"X-Was": "here"})

        connector = aiohttp.TCPConnector(limit=1)
        async with (
            revision("a", bare) as a,
            splitting((a, 100)) as splitter,
            aiohttp.ClientSession(connector=connector) as http,
        ):
            for _ in range(3):
                async with http.request(method, splitter.url) as answer:
                    assert (answer.status, answer.headers["X-Was"]) == (status, "here")
                    assert await answer.read() == b""
            assert len(splitter.clients) == 1

    run(story())


def test_the_revision_learns_who_asked_and_gets_nothing_meant_for_this_hop(run):
    async def story():
        async def told(request: web.Request) -> web.Response:
            return web.json_response(dict(request.headers))

        sent = {"X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "https", "Connection": "X-Mine", "X-Mine": "1"}
        async with (
            revision("a", told) as a,
            splitting((a, 100)) as splitter,
            aiohttp.ClientSession() as http,
            http.get(splitter.url, headers=sent) as answer,
        ):
            headers = await answer.json()
            assert headers["X-Forwarded-For"] == "10.9.8.7, 127.0.0.1"
            assert headers["X-Forwarded-Proto"] == "http"
            assert headers["Host"] == headers["X-Forwarded-Host"] == f"127.0.0.1:{splitter.port}"
            assert not {"X-Mine", "Connection"} & headers.keys()

    run(story())


def test_with_a_cookie_a_visitor_stays_while_the_revision_has_traffic(run):
    async def story():
        jar = aiohttp.CookieJar(unsafe=True)
        async with (
            revision("a") as a,
            revision("b") as b,
            splitting((a, 50), (b, 50), sticky=True) as splitter,
            aiohttp.ClientSession(cookie_jar=jar) as http,
        ):
            first = await text(http, splitter.url)
            assert {await text(http, splitter.url) for _ in range(10)} == {first}
            other = b if first == "a" else a
            splitter.route([(other, 100)], sticky=True)
            assert {await text(http, splitter.url) for _ in range(3)} == {other.revision}
            splitter.route([(a, 50), (b, 50)], sticky=True)
            assert {await text(http, splitter.url) for _ in range(10)} == {other.revision}
            splitter.route([(a, 50), (b, 50)])
            assert Counter([await text(http, splitter.url) for _ in range(10)]) == {"a": 5, "b": 5}

    run(story())


def test_a_fault_fails_a_share_of_requests_and_is_lifted(run):
    async def story():
        async with revision("a") as a, splitting((a, 100), seed=1) as splitter, aiohttp.ClientSession() as http:
            splitter.fault("a", Fault(error_share=0.5, status=503, after_requests=10))
            assert splitter.faults == {"a": Fault(error_share=0.5, status=503, after_requests=10)}
            answers = [await text(http, splitter.url) for _ in range(50)]
            assert answers[:10] == ["a"] * 10
            assert 10 < answers.count("revision a fails here because a fault says so\n") < 30
            splitter.fault("a", None)
            assert {await text(http, splitter.url) for _ in range(20)} == {"a"}
            assert splitter.counts("a").by_class()["5xx"] == splitter.counts("a").failures

    run(story())


def test_a_fault_makes_requests_slower(run):
    async def story():
        async with revision("a") as a, splitting((a, 100)) as splitter, aiohttp.ClientSession() as http:
            splitter.fault("a", Fault(latency_s=0.05))
            assert await text(http, splitter.url) == "a"
            assert splitter.counts("a").seconds >= 0.05

    run(story())


def test_a_fault_can_crash_the_revision(run):
    crashed = []

    async def story():
        async with revision("a") as a, splitting((a, 100), on_crash=crashed.append) as splitter:
            splitter.fault("a", Fault(crash=True, at=datetime.now(UTC) - timedelta(seconds=1)))
            async with aiohttp.ClientSession() as http:
                await text(http, splitter.url)
                await text(http, splitter.url)

    run(story())
    assert crashed == ["a"]


def test_users_and_previews_are_counted_apart(run):
    async def story():
        tally = Tally()
        async with (
            revision("a") as a,
            splitting((a, 100), tally=tally) as public,
            splitting((a, 100), tally=tally, address="canary") as preview,
            aiohttp.ClientSession() as http,
        ):
            for url in (public.url, public.url, preview.url):
                await text(http, url)
        assert {place: counts.codes for place, counts in tally.places.items()} == {
            Place("shop", "public", "a"): {200: 2},
            Place("shop", "canary", "a"): {200: 1},
        }
        shown = generate_latest(tally.registry).decode()
        assert 'rehearsal_requests_total{address="public",code="200",revision="a",service="shop"} 2.0' in shown
        assert 'rehearsal_requests_total{address="canary",code="200",revision="a",service="shop"} 1.0' in shown
        assert 'rehearsal_request_seconds_count{address="public",revision="a",service="shop"} 2.0' in shown
        assert 'rehearsal_requests_in_flight{address="public",revision="a",service="shop"} 0.0' in shown

    run(story())


def test_what_takes_too_long_is_ended(run):
    async def story():
        async def never(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        async with (
            revision("a", never) as a,
            splitting((a, 100), timeout_s=0.05) as splitter,
            aiohttp.ClientSession() as http,
            http.get(splitter.url) as answer,
        ):
            assert answer.status == 504
            assert await answer.text() == "revision a did not end its answer within 0.05 s\n"

    run(story())


def test_a_client_that_leaves_is_counted_and_the_revision_is_told(run):
    async def story():
        begun, cancelled = asyncio.Event(), asyncio.Event()

        async def never(_: web.Request) -> web.Response:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            raise AssertionError

        async with revision("a", never) as a, splitting((a, 100)) as splitter:
            async with aiohttp.ClientSession() as http:
                visit = asyncio.create_task(text(http, splitter.url))
                await begun.wait()
                visit.cancel()
                await asyncio.gather(visit, return_exceptions=True)
            await asyncio.wait_for(cancelled.wait(), 5)
            assert splitter.counts("a").codes == {499: 1}
            assert splitter.counts("a").failures == 0

    run(story())


def test_an_address_can_be_given_and_is_free_again_after_closing(run):
    async def story():
        async with splitting() as first:
            port = first.port
        async with splitting(port=port) as second, aiohttp.ClientSession() as http:
            assert second.url == f"http://127.0.0.1:{port}"
            assert "no revision" in await text(http, second.url)
        with pytest.raises(RuntimeError, match="closed"):
            _ = second.url

    run(story())


def test_closing_cuts_what_is_in_flight(run):
    async def story():
        begun = asyncio.Event()

        async def never(_: web.Request) -> web.Response:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

        async with revision("a", never) as a, splitting((a, 100)) as splitter, aiohttp.ClientSession() as http:
            visit = asyncio.create_task(text(http, splitter.url))
            await begun.wait()
            await splitter.close()
            with pytest.raises(aiohttp.ClientError):
                await visit

    run(story())
