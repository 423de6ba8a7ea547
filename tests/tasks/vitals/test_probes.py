"""Looks at stable and canary, side by side, by our own requests."""

import asyncio
import itertools
import time

import pytest
from aiohttp import web

from surefoot.check import Check, Expectation, Request
from surefoot.release import Address, Revision
from tasks.vitals.probes import Probes

HOME = Check("home", (Request("/"),))
ORDER = Check("order", (Request("/"), Request("/orders", "POST"), Request("/")))
BUY = Check("buy", (Request("/orders", "POST"),))


def at(url, name="shop-1"):
    return Revision(name, "", ready=True, preview=Address(url) if url else None)


async def fine(_):
    return web.Response(text="well")


# Whatever else this machine is at, it is taken to be quick enough: what happens where it is not has a test of its own.
PATIENT = {"late_s": 30.0}


def looked(serving, checks, stable, canary, *, per_second=50.0, seconds=0.4, **more):
    async def story():
        async with serving(stable) as stable_url, serving(canary) as canary_url:
            return await Probes(checks, per_second, **{**PATIENT, **more}).look(at(stable_url), at(canary_url), seconds)

    return asyncio.run(story())


def test_both_sides_get_as_many_requests_as_the_rate_says(serving):
    look = looked(serving, (HOME,), {"/": fine}, {"/": fine}, per_second=50, seconds=0.4)

    for side in (look.stable, look.canary):
        assert (side.requests, side.errors, side.latency_ms.total, side.blind) == (20, 0, 20, "")
        assert side.seconds == 0.4
        assert 0 < side.latency_ms.quantile(0.5) < 400


def test_a_rate_below_one_a_look_still_looks_once(serving):
    started = time.perf_counter()
    look = looked(serving, (HOME,), {"/": fine}, {"/": fine}, per_second=0.5, seconds=0.2)

    assert look.stable.requests == look.canary.requests == 1
    assert time.perf_counter() - started < 0.6


def test_requests_leave_in_the_order_a_b_b_a(serving):
    arrived = []

    def noting(side):
        async def handler(_):
            arrived.append(side)
            return web.Response()

        return {"/": handler}

    looked(serving, (HOME,), noting("A"), noting("B"), per_second=20, seconds=0.4)

    assert "".join(arrived) == "ABBAABBAABBAABBA"


def test_both_sides_get_the_same_mix_and_journeys_count_each_request(serving):
    arrived = {"stable": [], "canary": []}

    def noting(side):
        async def handler(request):
            arrived[side].append(f"{request.method} {request.path}")
            return web.Response()

        return {"/": handler, "/orders": handler}

    look = looked(serving, (HOME, ORDER, BUY), noting("stable"), noting("canary"), per_second=40, seconds=0.4)

    assert sorted(arrived["stable"]) == sorted(arrived["canary"])
    assert look.stable.requests == look.canary.requests == 16
    assert arrived["stable"].count("POST /orders") == 4, "one a journey; alone it is not safe to repeat"


def test_the_next_look_goes_on_where_the_last_one_stopped(serving):
    arrived = []

    async def noting(request):
        arrived.append(request.path)
        return web.Response()

    async def story():
        async with serving({"/{rest}": noting}) as url:
            probes = Probes([Check(name, (Request(f"/{name}"),)) for name in "abc"], 10, **PATIENT)
            for _ in range(3):
                await probes.look(at(url), at(url), 0.1)

    asyncio.run(story())

    assert arrived == ["/a", "/a", "/b", "/b", "/c", "/c"]


def test_failures_are_counted_by_their_cause_most_frequent_first(serving):
    numbers = itertools.count()

    async def flaky(_):
        return web.Response(status=500 if next(numbers) % 2 else 503 if next(numbers) % 3 == 0 else 200)

    async def broken(_):
        return web.json_response({"total": next(numbers)})

    total = Check("total", (Request("/total", expect=(Expectation.parse("json.total < 0"),)),))
    look = looked(serving, (HOME, total), {"/": fine, "/total": broken}, {"/": flaky, "/total": broken})

    assert look.stable.examples == (("GET /total → not json.total < 0", 10),)
    assert look.stable.errors == 10
    assert look.canary.errors == sum(number for _, number in look.canary.examples) > 10
    assert look.canary.examples[0][1] >= look.canary.examples[1][1]


def test_at_most_five_examples_are_kept(serving):
    checks = [Check(f"{number}", (Request(f"/{number}"),)) for number in range(8)]
    look = looked(serving, checks, {}, {})

    assert look.canary.errors == 20
    assert len(look.canary.examples) == 5
    assert look.canary.examples[0] == ("GET /0 → 404", 3)


def test_a_canary_that_hangs_is_errors_and_stable_is_not_touched_by_it(serving):
    async def hang(_):
        await asyncio.Event().wait()

    check = Check("home", (Request("/"),), timeout_s=0.3)
    started = time.perf_counter()
    look = looked(serving, (check,), {"/": fine}, {"/": hang}, per_second=50, seconds=0.5, at_once=4)

    assert look.canary.errors == look.canary.requests >= 4
    assert look.canary.examples[0][0] == "GET / → timed out after 0.3 s"
    assert look.canary.latency_ms.total == 0
    assert (look.stable.requests, look.stable.errors) == (25, 0)
    assert time.perf_counter() - started < 2, "a look ends one time-out after its window"


def test_never_more_than_so_many_are_on_their_way_to_a_side(serving):
    now, most = 0, 0

    async def slow(_):
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.05)
        now -= 1
        return web.Response()

    looked(serving, (HOME,), {"/": fine}, {"/": slow}, per_second=100, seconds=0.3, at_once=3)

    assert most == 3


def test_waiting_for_a_stalled_service_counts_as_its_latency(serving):
    """One request at a time to a service of 50 ms, asked every 10 ms: the queue is what its users would feel."""

    async def slow(_):
        await asyncio.sleep(0.05)
        return web.Response()

    look = looked(serving, (HOME,), {"/": fine}, {"/": slow}, per_second=100, seconds=0.4, at_once=1)

    assert look.canary.blind == ""
    assert look.canary.latency_ms.quantile(1.0) > 200
    assert look.canary.latency_ms.quantile(0.0) < 100


def test_a_slower_canary_is_seen_as_slower(serving):
    def taking(seconds):
        async def handler(_):
            await asyncio.sleep(seconds)
            return web.Response()

        return {"/": handler}

    look = looked(serving, (HOME,), taking(0.02), taking(0.04))

    assert look.canary.latency_ms.quantile(0.5) > look.stable.latency_ms.quantile(0.5) * 1.3


def test_latencies_have_three_digits(serving):
    look = looked(serving, (HOME,), {"/": fine}, {"/": fine})

    assert all(value == float(f"{value:.3g}") for value, _ in look.stable.latency_ms.counts)


def test_a_canary_that_is_down_beside_a_good_stable_is_bad_not_blind(serving, unused_port):
    async def story():
        async with serving({"/": fine}) as url:
            return await Probes((HOME,), 50, **PATIENT).look(at(url), at(f"http://127.0.0.1:{unused_port}"), 0.2)

    look = asyncio.run(story())

    assert (look.stable.errors, look.canary.requests, look.canary.errors) == (0, 10, 10)
    assert look.canary.blind == ""
    assert look.canary.examples == (("GET / → connection refused", 10),)


def test_when_neither_side_answers_nobody_is_blamed(unused_port):
    url = f"http://127.0.0.1:{unused_port}"
    look = asyncio.run(Probes((HOME,), 50, **PATIENT).look(at(url), at(url), 0.2))

    assert look.stable.blind == look.canary.blind == "neither side answered: connection refused (20 of 20)"
    assert look.stable.requests == look.canary.requests == 0


def test_a_side_that_we_cannot_ask_is_not_blamed_for_it(serving):
    async def story():
        async with serving({"/": fine}) as url:
            return await Probes((HOME,), 50, **PATIENT).look(at(url), at("http://shop.invalid"), 0.2)

    look = asyncio.run(story())

    assert (look.stable.requests, look.stable.blind) == (10, "")
    assert look.canary.blind == "could not ask: no such name: shop.invalid (10 of 10)"
    assert look.canary.requests == 0


def test_a_machine_too_busy_to_send_in_time_says_so_instead_of_blaming_the_service(serving):
    async def story():
        async with serving({"/": fine}) as url:
            look = asyncio.ensure_future(Probes((HOME,), 50).look(at(url), at(url), 0.4))
            await asyncio.sleep(0.02)
            time.sleep(0.5)  # noqa: ASYNC251 (the loop is to be held up)
            return await look

    look = asyncio.run(story())

    assert look.stable.blind.startswith("this machine is too busy to look: ")
    assert look.canary.requests == 0


def test_checks_that_may_not_be_repeated_leave_nothing_to_look_with():
    look = asyncio.run(Probes((BUY,), 10).look(at("http://127.0.0.1:1"), at("http://127.0.0.1:1"), 60))

    assert "no check may be repeated" in look.stable.blind == look.canary.blind


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_sends_nothing_is_refused(rate):
    with pytest.raises(ValueError, match="is not a rate"):
        Probes((HOME,), rate)


def test_a_look_is_called_off_at_once_and_leaves_nothing_behind(serving):
    async def hang(_):
        await asyncio.Event().wait()

    def ours():
        return [task for task in asyncio.all_tasks() if "_work" in task.get_coro().__qualname__]

    async def story():
        async with serving({"/": hang}) as url:
            look = asyncio.ensure_future(Probes((HOME,), 50, **PATIENT).look(at(url), at(url), 30))
            await asyncio.sleep(0.1)
            meanwhile, started = len(ours()), time.perf_counter()
            look.cancel()
            with pytest.raises(asyncio.CancelledError):
                await look
            return time.perf_counter() - started, meanwhile, len(ours())

    took, meanwhile, left = asyncio.run(story())

    assert took < 1
    assert (meanwhile > 0, left) == (True, 0)


def test_a_journey_is_broken_off_when_the_look_is_over(serving):
    async def slow(_):
        await asyncio.sleep(0.15)
        return web.Response()

    long = Check("long", tuple(Request("/") for _ in range(20)))
    look = looked(serving, (long,), {"/": slow}, {"/": slow}, per_second=10, seconds=0.2)

    assert 1 <= look.stable.requests <= 3
    assert 1 <= look.canary.requests <= 3


def test_failures_are_classed_by_how_the_request_went_wrong(serving, unused_port):
    async def answering(request):
        return web.Response(status=int(request.path[1:]))

    async def hang(_):
        await asyncio.Event().wait()

    async def cut(request):
        request.transport.abort()
        return web.Response()

    short = Check("hang", (Request("/hang"),), timeout_s=0.1)
    missing = Check("missing", (Request("/200", expect=(Expectation.parse("text contains welcome"),)),))
    gone = Check("gone", (Request("/410", expect=(Expectation.parse("status == 410"),)),))
    bad = [Check(path, (Request(path),)) for path in ("/500", "/503", "/404", "/cut")]
    canary = {"/hang": hang, "/cut": cut, "/{status}": answering}
    look = looked(serving, (*bad, short, missing, gone), canary, canary, per_second=70, seconds=0.1)

    expected = (("5xx", 2), ("4xx", 1), ("connection", 1), ("timeout", 1), ("unexpected", 1))
    assert look.canary.classes == look.stable.classes == expected
    assert (look.canary.requests, look.canary.errors) == (7, 6)


@pytest.mark.parametrize(("stable", "canary", "alone"), [("", "", "c"), ("http://x", "", "c"), ("", "http://x", "s")])
def test_a_side_without_an_address_of_its_own_leaves_nothing_to_compare(stable, canary, alone):
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    look = asyncio.run(Probes((HOME,), 10, sleep=sleep).look(at(stable, "s"), at(canary, "c"), 30))

    assert look.stable.blind == look.canary.blind == f"no address reaches {alone} alone"
    assert waited == [30]


def test_our_own_requests_are_whole_at_once():
    probes = Probes((HOME,), 10)
    probes.begin()
    asyncio.run(probes.close())

    assert (probes.lag_s, probes.shortest_s) == (0, 1)
