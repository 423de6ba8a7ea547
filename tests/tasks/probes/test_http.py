"""One request over HTTP: every way it can end has its words."""

import asyncio
import datetime as dt
import errno
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from surefoot.check import Expectation, Request
from surefoot.release import Address
from tasks.probes.http import Exchange, ask, connections, visitor


async def asked(url: str, request: Request, timeout_s: float = 5.0) -> Exchange:
    lines = connections(limit=1, keep_alive=False)
    try:
        async with visitor(lines, Address(url)) as who:
            return await ask(who, url, request, request, timeout_s)
    finally:
        await lines.close()


@asynccontextmanager
async def answering_raw(answer: bytes):
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def vouched_for_by_nobody(path: Path) -> ssl.SSLContext:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2100))
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(plain + certificate.sign(key, SHA256()).public_bytes(Encoding.PEM))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    return tls


def expecting(*lines: str, path: str = "/", **more) -> Request:
    return Request(path, expect=tuple(Expectation.parse(line) for line in lines), **more)


def test_an_answer_as_expected_has_no_problem(serving):
    async def home(_):
        return web.json_response({"items": [1]}, headers={"X-Shop": "yes"})

    async def story():
        async with serving({"/": home}) as url:
            return await asked(
                url, expecting("status == 200", "json.items[0] == 1", "header.x-shop == yes", "size > 9")
            )

    seen = asyncio.run(story())

    assert seen.problem == ""
    assert seen.label == "GET /"
    assert 0 < seen.seconds < 5
    assert seen.answer.headers["x-shop"] == "yes"


def test_a_broken_expectation_shows_both_values_and_a_cause_that_does_not_vary(serving):
    async def home(_):
        return web.json_response({"total": 17})

    async def story():
        async with serving({"/": home}) as url:
            return await asked(url, expecting("json.total < 5"))

    seen = asyncio.run(story())

    assert seen.problem == "json.total is 17, expected less than 5"
    assert seen.cause == "not json.total < 5"


@pytest.mark.parametrize("status", [404, 500, 503])
def test_without_an_expectation_about_the_status_a_failure_is_a_failure(serving, status):
    async def home(_):
        return web.Response(status=status, text="{}")

    async def story():
        async with serving({"/": home}) as url:
            return await asked(url, expecting("json exists"))

    seen = asyncio.run(story())

    assert seen.problem == f"status is {status}, expected less than 400"
    assert seen.cause == str(status)


def test_a_redirect_is_an_answer_and_is_not_followed(serving):
    visited = []

    async def away(_):
        raise web.HTTPFound("/elsewhere")

    async def elsewhere(_):
        visited.append(1)
        return web.Response()

    async def story():
        async with serving({"/": away, "/elsewhere": elsewhere}) as url:
            return await asked(url, expecting("status == 302", "header.location == /elsewhere"))

    assert asyncio.run(story()).problem == ""
    assert visited == []


def test_a_service_that_hangs_is_given_up_in_time(serving):
    async def hang(_):
        await asyncio.Event().wait()

    async def story():
        async with serving({"/": hang}) as url:
            return await asked(url, expecting(), timeout_s=0.2)

    seen = asyncio.run(story())

    assert seen.problem == "timed out after 0.2 s"
    assert 0.15 < seen.seconds < 2
    assert not seen.ours


def test_a_body_that_never_ends_is_given_up_in_time(serving):
    async def drip(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await asyncio.Event().wait()

    async def story():
        async with serving({"/": drip}) as url:
            return await asked(url, expecting(), timeout_s=0.2)

    assert asyncio.run(story()).problem == "timed out after 0.2 s"


def test_only_the_first_mebibyte_of_a_body_is_read(serving):
    stopped = asyncio.Event()

    async def huge(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(64):
                await response.write(b"x" * 1_048_576)
        except ConnectionError:
            stopped.set()
        return response

    async def story():
        async with serving({"/": huge}) as url:
            seen = await asked(url, expecting())
            await asyncio.wait_for(stopped.wait(), 5)
            return seen

    seen = asyncio.run(story())

    assert seen.problem == ""
    assert len(seen.answer.text) == seen.answer.size == 1_048_576


def test_the_size_of_a_cut_body_is_the_announced_one(serving):
    async def large(_):
        return web.Response(body=b"x" * 3_000_000)

    async def story():
        async with serving({"/": large}) as url:
            return await asked(url, expecting("size == 3000000"))

    assert asyncio.run(story()).problem == ""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "connection closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "answer broken off"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "answer broken off"),
    ],
)
def test_a_broken_answer_is_said_in_words(answer, words):
    async def story():
        async with answering_raw(answer) as url:
            return await asked(url, expecting())

    seen = asyncio.run(story())

    assert (seen.problem, seen.cause, seen.ours, seen.answer) == (words, words, False, None)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_is_dropped_is_never_repeated_behind_our_back(method):
    asked_for = []

    async def drop_the_first(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        asked_for.append(1)
        if len(asked_for) > 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def story():
        server = await asyncio.start_server(drop_the_first, "127.0.0.1", 0)
        try:
            return await asked(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", Request("/", method))
        finally:
            server.close()
            await server.wait_closed()

    assert asyncio.run(story()).problem == "connection closed without an answer"
    assert len(asked_for) == 1


def test_nobody_listening_is_the_services_problem(unused_port):
    seen = asyncio.run(asked(f"http://127.0.0.1:{unused_port}", expecting()))

    assert (seen.problem, seen.ours) == ("connection refused", False)


def test_a_name_that_nobody_knows_is_our_side():
    seen = asyncio.run(asked("http://shop.invalid", expecting()))

    assert (seen.problem, seen.ours) == ("no such name: shop.invalid", True)


@pytest.mark.parametrize(
    ("code", "words", "ours"),
    [
        (errno.ENETUNREACH, "no route from here", True),
        (errno.EMFILE, "no file handle left here", True),
        (errno.ECONNRESET, "connection reset", False),
        (errno.ETIMEDOUT, "connecting took too long", False),
        (errno.EPROTO, "connection failed", False),
    ],
)
def test_what_the_system_says_becomes_words_and_blames_the_right_side(code, words, ours):
    async def story():
        # The seam is aiohttp's own: a socket factory may refuse.
        def no_socket(_):
            raise OSError(code, "")

        lines = aiohttp.TCPConnector(socket_factory=no_socket)
        try:
            async with visitor(lines, Address("http://127.0.0.1:1")) as who:
                return await ask(who, "http://127.0.0.1:1", expecting(), expecting(), 5.0)
        finally:
            await lines.close()

    seen = asyncio.run(story())

    assert (seen.problem, seen.ours) == (words, ours)


def test_a_certificate_that_nobody_vouches_for_is_said_so(serving, tmp_path):
    tls = vouched_for_by_nobody(tmp_path / "both.pem")

    async def home(_):
        return web.Response()

    async def story():
        async with serving({"/": home}, tls) as url:
            return await asked(url, expecting()), await asked(url.replace("https", "http"), expecting())

    over_tls, plain = asyncio.run(story())

    assert over_tls.problem == "TLS: self-signed certificate"
    assert not over_tls.ours
    assert plain.problem != ""


def test_tls_asked_of_a_plain_service_is_said_so(serving):
    async def home(_):
        return web.Response()

    async def story():
        async with serving({"/": home}) as url:
            return await asked(url.replace("http", "https"), expecting())

    assert asyncio.run(story()).problem.startswith("TLS: ")


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        ('{"sku": 1}', {}, "application/json"),
        ("hello", {}, "text/plain; charset=utf-8"),
        ("a=1", {"content-type": "application/x-www-form-urlencoded"}, "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_says_what_it_is(serving, body, headers, kind):
    async def echo(request):
        assert len(request.headers.getall("Content-Type")) == 1
        return web.json_response([request.headers["Content-Type"], await request.text()])

    async def story():
        async with serving({"/": echo}) as url:
            return await asked(url, Request("/", "POST", headers, body))

    assert asyncio.run(story()).answer.json == [kind, body]


def test_a_header_that_would_smuggle_another_is_refused_in_words(serving):
    async def home(_):
        return web.Response()

    async def story():
        async with serving({"/": home}) as url:
            return await asked(url, Request("/", headers={"X-A": "1\r\nX-B: 2"}))

    assert "header injection" in asyncio.run(story()).problem


@pytest.mark.parametrize("url", ["", "shop", "ftp://127.0.0.1"])
def test_what_is_no_address_is_our_side(url):
    seen = asyncio.run(asked(url, expecting()))

    assert (seen.problem, seen.ours) == ("not an address that can be asked", True)


@pytest.mark.parametrize("path", ["http://shop.invalid/x", "https://127.0.0.1:1/x"])
def test_a_path_that_leads_to_another_host_is_not_asked(serving, path):
    async def story():
        async with serving({}) as url:
            return await asked(url, Request(path))

    assert "it leads away" in asyncio.run(story()).problem


@pytest.mark.parametrize("path", ["/below/x", "below/x"])
def test_a_path_is_below_the_address_however_both_are_written(serving, path):
    async def where(request):
        return web.Response(text=request.path)

    async def story():
        async with serving({"/base/{rest:.*}": where}) as url:
            return [(await asked(url + base, Request(path))).answer.text for base in ("/base", "/base/")]

    assert asyncio.run(story()) == ["/base/below/x", "/base/below/x"]


def test_an_absolute_path_on_the_same_host_may_be_asked(serving):
    async def where(request):
        return web.Response(text=request.path)

    async def story():
        async with serving({"/orders/7": where}) as url:
            return await asked(url, Request(f"{url}/orders/7"))

    assert asyncio.run(story()).answer.text == "/orders/7"


def test_text_in_a_charset_that_nobody_knows_is_still_read(serving):
    async def home(_):
        return web.Response(body="höllo".encode(), headers={"Content-Type": "text/plain; charset=klingon"})

    async def story():
        async with serving({"/": home}) as url:
            return await asked(url, expecting("text == höllo"))

    assert asyncio.run(story()).problem == ""
