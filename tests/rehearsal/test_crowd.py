"""Users that visit at a steady rate, and what they met."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from rehearsal.catalogue import Catalogue
from rehearsal.crowd import Crowd
from rehearsal.platform import Platform


def run(story):
    return asyncio.run(asyncio.wait_for(story, 30))


@asynccontextmanager
async def serving(handler):
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def fine(_: web.Request) -> web.Response:
    return web.json_response({"cart": "c1"}, headers={"X-Revision": "shop-1"})


def test_users_come_at_the_rate_asked_for():
    async def story():
        async with serving(fine) as url:
            visits = await Crowd(url, 200, seed=1).run(1.0)
            # 200 expected, Poisson: outside of 140 to 260 less than once in 10,000 seeds, and the seed is given.
            assert 140 < visits.requests < 260
            assert visits.failures == 0
            assert visits.by_revision == {"shop-1": visits.requests}

    run(story())


def test_many_sessions_come_and_do_what_shoppers_do():
    sessions, asked = Counter(), Counter()

    async def watch(request: web.Request) -> web.Response:
        sessions[request.cookies["shop_session"]] += 1
        asked[request.method, request.path.split("/")[1]] += 1
        return await fine(request)

    async def story():
        async with serving(watch) as url:
            await Crowd(url, 400, sessions=100, seed=1).run(1.0)

    run(story())
    assert len(sessions) > 80
    assert set(asked) == {("GET", "products"), ("POST", "cart"), ("POST", "orders")}


def test_users_do_not_wait_for_each_other():
    waiting, most = set(), []

    async def slow(request: web.Request) -> web.Response:
        waiting.add(id(request))
        most.append(len(waiting))
        await asyncio.sleep(0.2)
        waiting.discard(id(request))
        return await fine(request)

    async def story():
        async with serving(slow) as url:
            visits = await Crowd(url, 100, seed=1).run(0.5)
            assert visits.failures == 0
            assert max(most) > 8

    run(story())


def test_failures_are_counted_by_reason():
    turn = iter(range(10_000))

    async def bad(request: web.Request) -> web.Response:
        match next(turn) % 4:
            case 0:
                return web.Response(status=500)
            case 1:
                assert request.transport is not None
                request.transport.abort()
            case 2:
                await asyncio.sleep(0.3)
        return await fine(request)

    async def story():
        async with serving(bad) as url:
            visits = await Crowd(url, 200, timeout_s=0.15, seed=1).run(0.5)
            assert visits.by_reason["500"] > 10
            assert visits.by_reason["no answer in time"] > 10
            assert sum(visits.by_reason.values()) == visits.failures
            assert visits.failures / visits.requests == visits.failed_share > 0.5

    run(story())


def test_what_users_are_refused_is_not_a_failure():
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=404)

    async def story():
        async with serving(refuse) as url:
            visits = await Crowd(url, 100, seed=1).run(0.3)
            assert visits.requests > 10
            assert visits.failures == 0

    run(story())


def test_an_address_where_nobody_is_fails_every_visit():
    async def story():
        async with serving(fine) as url:
            gone = url
        visits = await Crowd(gone, 100, seed=1).run(0.3)
        assert visits.failures == visits.requests > 10
        assert visits.failed_share == 1.0

    run(story())


def test_visits_beyond_the_bound_are_not_made_and_count_as_failed():
    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def story():
        async with serving(never) as url:
            visits = await Crowd(url, 200, at_once=10, timeout_s=0.4, seed=1).run(0.3)
            assert visits.by_reason["too many unanswered"] > 20
            assert visits.failures == visits.requests

    run(story())


def test_a_crowd_goes_home_when_told():
    async def story():
        async with serving(fine) as url:
            crowd = Crowd(url, 100, seed=1)
            visiting = asyncio.create_task(crowd.run())
            while crowd.visits.requests < 5:  # noqa: ASYNC110  let them visit
                await asyncio.sleep(0.01)
            crowd.stop()
            visits = await asyncio.wait_for(visiting, 5)
            assert visits is crowd.visits
            assert visits.failures == 0

    run(story())


def test_a_crowd_that_is_cancelled_leaves_nothing_running():
    async def story():
        async with serving(fine) as url:
            visiting = asyncio.create_task(Crowd(url, 100, seed=1).run())
            await asyncio.sleep(0.05)
            visiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await visiting
            assert len(asyncio.all_tasks()) < 5

    run(story())


@pytest.mark.parametrize(("rate", "sessions"), [(0, 1), (-1, 1), (1, 0)])
def test_a_crowd_of_nobody_is_refused(rate, sessions):
    with pytest.raises(ValueError, match="makes no visits"):
        Crowd("http://127.0.0.1:1", rate, sessions=sessions)


def test_one_shop_process_serves_two_hundred_requests_a_second(tmp_path):
    async def story():
        platform = Platform(Catalogue.load(), tmp_path)
        try:
            (backend,) = await platform.launch("shop-1", "registry.rehearsal/shop:1.0.0", service="shop")
            visits = await Crowd(f"http://{backend}", 200, seed=1).run(1.5)
            assert visits.requests > 230
            assert visits.failures == 0
        finally:
            await platform.close()

    run(story())
