"""The splitter byte by byte: with clients and backends that no library would be."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from rehearsal.backend import Backend, Backends
from rehearsal.splitter import Fault, Splitter

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(story):
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(asyncio.wait_for(story, 20))

    return run


@asynccontextmanager
async def before(script: Script) -> AsyncIterator[Splitter]:
    """A splitter before one backend that follows a script for each connection."""
    talks: set[asyncio.Task[None]] = set()

    async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        talks.add(talk)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # streams of Python 3.11 trip over a cancelled callback
        finally:
            writer.close()

    server = await asyncio.start_server(follow, "127.0.0.1", 0)
    splitter = await Splitter.listen(service="shop")
    splitter.route([(Backends("a", (Backend("127.0.0.1", server.sockets[0].getsockname()[1]),)), 100)])
    try:
        yield splitter
    finally:
        await splitter.close()
        server.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def client(splitter: Splitter) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", splitter.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def all_of_it(splitter: Splitter, request: bytes) -> bytes:
    """Send, and read until the splitter closes."""
    async with client(splitter) as (reader, writer):
        writer.write(request)
        return await reader.read()


def always(answer: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(answer)

    return script


def test_requests_sent_ahead_are_answered_in_order(run):
    async def echo_path(reader, writer):
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

    async def story():
        async with before(echo_path) as splitter:
            asked = b"".join(b"GET /%03d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(300))
            asked += b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            answers = (await all_of_it(splitter, asked)).split(b"HTTP/1.1 200 OK\r\n")[1:]
            paths = [answer.rpartition(b"\r\n\r\n")[2] for answer in answers]
            assert paths == [b"/%03d" % number for number in range(300)] + [b"/end"]

    run(story())


def test_thousands_of_requests_sent_ahead_to_nobody_are_each_answered(run):
    async def story():
        async with before(always(OK)) as splitter:
            splitter.route([])
            asked = (
                b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3000 + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            )
            assert (await all_of_it(splitter, asked)).count(b"503 Service Unavailable") == 3001

    run(story())


def test_a_request_may_come_byte_by_byte(run):
    async def story():
        async with before(always(OK)) as splitter, client(splitter) as (reader, writer):
            for byte in b"\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n":
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            assert (await reader.read()).endswith(b"\r\n\r\nok")

    run(story())


def test_an_answer_may_come_byte_by_byte(run):
    async def dribble(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSum: 1\r\n\r\n"
        for byte in chunked:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async def story():
        async with before(dribble) as splitter:
            answer = await all_of_it(splitter, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert answer.endswith(b"\r\n\r\n2\r\nok\r\n0\r\nSum: 1\r\n\r\n")
            assert splitter.counts("a").codes == {200: 1}

    run(story())


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: 1\r\n\r\n",
        b"GET / HTTP/3\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_never_reaches_a_revision(run, request_bytes):
    reached = []

    async def remember(reader, _):
        reached.append(await reader.readuntil(b"\r\n\r\n"))

    async def story():
        async with before(remember) as splitter:
            answer = await all_of_it(splitter, request_bytes)
            assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert b"Connection: close" in answer
            assert splitter.counts("").codes == {400: 1}

    run(story())
    assert reached == []


def test_chunks_that_go_wrong_midway_end_both_connections(run):
    ended = asyncio.Event()

    async def watch(reader, _):
        await reader.read()
        ended.set()

    async def story():
        async with before(watch) as splitter, client(splitter) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            while not splitter.counts("a").in_flight:  # noqa: ASYNC110  let the splitter run
                await asyncio.sleep(0)
            writer.write(b"nonsense\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            await asyncio.wait_for(ended.wait(), 5)
            assert splitter.counts("a").codes == {400: 1}
            assert splitter.counts("a").in_flight == 0
            assert splitter.counts("").requests == 0

    run(story())


def test_a_head_without_end_is_refused(run):
    async def story():
        async with before(always(OK)) as splitter:
            answer = await all_of_it(splitter, b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * 70_000)
            assert answer.startswith(b"HTTP/1.1 431 ")

    run(story())


def test_connect_is_refused(run):
    async def story():
        async with before(always(OK)) as splitter:
            asked = b"CONNECT example:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            assert (await all_of_it(splitter, asked)).startswith(b"HTTP/1.1 501 ")

    run(story())


def test_an_old_client_gets_an_answer_it_understands(run):
    asked = []

    async def plain(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nold times")

    async def story():
        async with before(plain) as splitter:
            answer = await all_of_it(splitter, b"GET / HTTP/1.0\r\n\r\n")
            assert answer == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nold times"
            assert splitter.counts("a").codes == {200: 1}

    run(story())
    assert asked[0].startswith(b"GET / HTTP/1.0\r\n")


def test_an_answer_that_lasts_until_the_connection_ends_is_whole(run):
    async def until_close(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000)
        await writer.drain()

    async def story():
        async with before(until_close) as splitter:
            answer = await all_of_it(splitter, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert len(answer.partition(b"\r\n\r\n")[2]) == 200_000
            assert splitter.counts("a").codes == {200: 1}

    run(story())


def test_interim_answers_come_before_the_final_one(run):
    async def hint(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)
        await reader.read()

    async def story():
        async with before(hint) as splitter:
            answer = await all_of_it(splitter, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            assert answer.endswith(b"\r\n\r\nok")
            assert splitter.counts("a").codes == {200: 1}

    run(story())


def test_an_answer_before_the_body_has_come_ends_the_connection(run):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async def story():
        async with before(refuse) as splitter, client(splitter) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n")
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"Connection: close" in answer

    run(story())


def test_a_backend_that_stops_midway_is_not_taken_for_whole(run):
    async def stop(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    async def story():
        async with before(stop) as splitter, client(splitter) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1000)
            assert splitter.counts("a").codes == {502: 1}

    run(story())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", b"revision a closed the connection before its answer was whole"),
        (b"HTTP/1.1 200 O", b"revision a closed the connection before its answer was whole"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", b"revision a did not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"revision a did not answer in HTTP"),
    ],
)
def test_a_backend_that_makes_no_sense_is_a_502_with_the_reason(run, said, reason):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)

    async def story():
        async with before(talk) as splitter:
            answer = await all_of_it(splitter, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
            assert reason in answer
            assert splitter.counts("a").codes == {502: 1}

    run(story())


def closes_at_the_second(seen: list[bytes]) -> Script:
    """Answers the first request of a connection, and closes it when a second one comes, unread."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).split()[0])
        if seen[-1] == b"POST":
            await reader.readexactly(2)
        writer.write(OK)
        await reader.read(1)

    return script


def test_a_safe_request_that_met_a_closing_connection_is_asked_again(run):
    seen: list[bytes] = []

    async def story():
        async with before(closes_at_the_second(seen)) as splitter, client(splitter) as (reader, writer):
            for _ in range(5):
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 OK")
            assert splitter.counts("a").codes == {200: 5}

    run(story())
    assert seen == [b"GET"] * 5


def test_an_order_that_met_a_closing_connection_is_not_placed_again(run):
    seen: list[bytes] = []

    async def story():
        async with before(closes_at_the_second(seen)) as splitter, client(splitter) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            await reader.readuntil(b"\r\n\r\nok")
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
            assert (await reader.read()).startswith(b"HTTP/1.1 502 ")

    run(story())
    assert seen == [b"POST"]


def test_bytes_that_nobody_asked_for_do_not_reach_the_next_request(run):
    async def chatty(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await reader.read()

    async def story():
        async with before(chatty) as splitter, client(splitter) as (reader, writer):
            for _ in range(3):
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert b"evil" not in await reader.readuntil(b"\r\n\r\nok")
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert b"evil" not in await reader.read()

    run(story())


def test_a_client_that_reads_slowly_holds_the_backend_back(run):
    block, blocks = b"x" * 65_536, 1_024
    sent: list[int] = []

    async def pour(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(block) * blocks))
        for _ in range(blocks):
            writer.write(block)
            await writer.drain()
            sent.append(len(block))

    async def story():
        async with before(pour) as splitter, client(splitter) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            held, seen = 0, -1
            while held < 50:  # nothing moved in fifty looks: everybody waits for the client
                held, seen = (held + 1, seen) if len(sent) == seen else (0, len(sent))
                await asyncio.sleep(0.002)
            assert sum(sent) < 32_000_000
            await reader.readuntil(b"\r\n\r\n")
            got = 0
            while data := await reader.read(1 << 20):
                got += len(data)
            assert got == len(block) * blocks

    run(story())


def test_a_client_that_asks_and_does_not_read_is_not_answered_without_end(run):
    page, visits = b"x" * 60_000, 1_500
    asked: list[bytes] = []

    async def answer(reader, writer):
        while True:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))
            await writer.drain()

    async def story():
        async with before(answer) as splitter, client(splitter) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * visits)
            held, seen = 0, -1
            while held < 50:  # nothing moved in fifty looks: everybody waits for the client
                held, seen = (held + 1, seen) if len(asked) == seen else (0, len(asked))
                await asyncio.sleep(0.002)
            assert 0 < len(asked) < visits // 2
            for _ in range(visits):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
                assert await reader.readexactly(len(page)) == page

    run(story())
    assert len(asked) == visits


def test_a_backend_that_reads_slowly_holds_the_client_back(run):
    let_go = asyncio.Event()

    async def sip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await let_go.wait()
        await reader.readexactly(64_000_000)
        writer.write(OK)

    async def story():
        async with before(sip) as splitter, client(splitter) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 64000000\r\n\r\n")
            writer.write(b"x" * 64_000_000)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(writer.drain(), 0.3)
            let_go.set()
            assert (await reader.read()).endswith(b"\r\n\r\nok")
            assert splitter.counts("a").bytes_in == 64_000_000

    run(story())


def test_a_tunnel_ends_when_the_backend_ends_it(run):
    async def upgrade(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Upgrade: echo" in head
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello ")
        writer.write(await reader.readexactly(3))

    async def story():
        async with before(upgrade) as splitter, client(splitter) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nyou")
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
            assert answer.endswith(b"\r\n\r\nhello you")
            assert splitter.counts("a").codes == {101: 1}

    run(story())


def test_in_a_tunnel_one_side_may_stop_and_still_hear_the_other(run):
    async def last_word(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        said = await reader.read()
        writer.write(b"you said " + said)

    async def story():
        async with before(last_word) as splitter, client(splitter) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"bye")
            writer.write_eof()
            assert await reader.read() == b"you said bye"

    run(story())


def test_a_body_that_goes_wrong_under_an_answer_cuts_the_answer(run):
    async def eager(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await reader.read()

    async def story():
        async with before(eager) as splitter, client(splitter) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await reader.readuntil(b"half")
            writer.write(b"nonsense\r\n")
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(96)
            assert splitter.counts("a").codes == {400: 1}

    run(story())


def test_a_big_body_waits_for_a_revision_that_is_slow_to_be_asked(run):
    body = bytes(range(256)) * 20_000

    async def receive(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(body)) == body
        writer.write(OK)

    async def story():
        async with before(receive) as splitter, client(splitter) as (reader, writer):
            splitter.fault("a", Fault(latency_s=0.05))
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
            writer.write(body)
            assert (await reader.read()).endswith(b"\r\n\r\nok")
            assert splitter.counts("a").bytes_in == len(body)

    run(story())


def test_a_connection_that_the_backend_closed_while_idle_is_not_used(run):
    asked = []

    async def once(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async def story():
        async with before(once) as splitter, client(splitter) as (reader, writer):
            for _ in range(3):
                writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
                await reader.readuntil(b"\r\n\r\nok")
                await asyncio.sleep(0.02)  # let the close arrive
            assert splitter.counts("a").codes == {200: 3}

    run(story())
    assert len(asked) == 3


class Storm:
    """Clients that leave, dribble and send ahead; a backend that answers, cuts and stops midway."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.sent = 0

    async def backend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            mood = self.luck.randrange(10)
            if mood == 0:
                return
            if mood == 1:
                writer.write(OK[:-1])
                return
            if mood == 2:
                writer.transport.abort()
                return
            if mood == 3:
                await asyncio.sleep(0.01)
            writer.write(OK)

    async def visit(self, splitter: Splitter) -> None:
        async with client(splitter) as (reader, writer):
            for _ in range(self.luck.randrange(1, 6)):
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                self.sent += 1
                if self.luck.random() < 0.2:
                    return
                if self.luck.random() < 0.7 and not await reader.read(1000):
                    return


def test_after_a_storm_every_request_is_counted_and_nothing_is_left(run):
    storm = Storm(5)

    async def story():
        async with before(storm.backend) as splitter:
            ((backends, _),) = splitter.table.rows
            for _ in range(60):
                splitter.route([(backends, storm.luck.randrange(2))])
                visits = (storm.visit(splitter) for _ in range(storm.luck.randrange(1, 12)))
                await asyncio.gather(*visits, return_exceptions=True)
            asked, unrouted = splitter.counts("a"), splitter.counts("")
            while splitter.clients:  # noqa: ASYNC110  let their ends arrive
                await asyncio.sleep(0.001)
            assert asked.in_flight == unrouted.in_flight == 0
            assert {*asked.codes} == {200, 499, 502}
            assert {*unrouted.codes} == {503}
            assert 300 < asked.requests + unrouted.requests <= storm.sent

    run(story())
