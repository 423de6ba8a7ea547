"""HTTP/1.1 on the wire: where a message ends, and what is refused because it could be read in two ways."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.splitter.body import Chunked, UntilClose, answer_body, request_body
from rehearsal.splitter.message import BadMessage, parse_answer, parse_request


def request(line: str, *fields: str):
    return parse_request("\r\n".join((line, "Host: shop", *fields)).encode())


def answer(*lines: str):
    return parse_answer("\r\n".join(lines).encode())


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    trailer=st.booleans(),
    after=st.binary(max_size=20),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_a_chunked_body_ends_at_the_same_byte_however_it_is_cut(chunks, trailer, after, cuts):
    body = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    body += b"0\r\n" + (b"Checksum: abc\r\n" if trailer else b"") + b"\r\n"
    reader, taken = Chunked(), 0
    for piece in pieces(body + after, cuts):
        if not reader.done:
            taken += reader.take(piece)
    assert reader.done
    assert taken == len(body)


@given(length=st.integers(0, 200), extra=st.binary(max_size=20), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_a_body_of_known_length_takes_exactly_that(length, extra, cuts):
    reader = request_body(request("POST / HTTP/1.1", f"Content-Length: {length}"))
    taken = sum(reader.take(piece) for piece in pieces(b"x" * length + extra, cuts) if not reader.done)
    assert reader.done
    assert taken == length


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_refused(raw):
    for parse in (parse_request, parse_answer):
        try:
            parse(raw)
        except BadMessage:
            continue


@given(st.binary(max_size=60))
def test_any_bytes_are_chunks_or_refused(raw):
    reader = Chunked()
    try:
        taken = reader.take(raw)
    except BadMessage:
        return
    assert taken == len(raw) or reader.done


@pytest.mark.parametrize(
    "line",
    [
        "GET  / HTTP/1.1",
        "GET / HTTP/2.0",
        "GET / HTTP/1.1 ",
        "GET /",
        "G(T / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "",
    ],
)
def test_a_line_that_is_no_request_line_is_refused(line):
    with pytest.raises(BadMessage, match="not a request line"):
        request(line)


@pytest.mark.parametrize(
    "field",
    ["Host : shop", " folded", "\tfolded", "no colon", ": no name", "A: b\nB: c", "A: b\rB: c", "A: \0", "A b: c"],
)
def test_a_field_that_could_be_read_in_two_ways_is_refused(field):
    with pytest.raises(BadMessage, match="not a header field"):
        request("GET / HTTP/1.1", field)


@pytest.mark.parametrize(
    "raw", [b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a\r\nHOST: a", b"GET / HTTP/1.0\r\nHost: a\r\nHost: b"]
)
def test_a_request_has_one_host(raw):
    with pytest.raises(BadMessage, match="one Host field"):
        parse_request(raw)


def test_a_request_in_http_1_0_may_do_without_host():
    assert parse_request(b"GET / HTTP/1.0").get(b"host") is None


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: +5",),
        ("Content-Length: 5, 5",),
        ("Content-Length: -1",),
        ("Content-Length: 0x5",),
        ("Content-Length:",),
        ("Content-Length: 99999999999999999999",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: identity",),
    ],
)
def test_a_body_whose_end_is_in_doubt_is_refused(fields):
    with pytest.raises(BadMessage):
        request_body(request("POST / HTTP/1.1", *fields))


def test_chunks_in_http_1_0_are_refused():
    with pytest.raises(BadMessage):
        request_body(request("POST / HTTP/1.0", "Transfer-Encoding: chunked"))


@pytest.mark.parametrize(
    "raw", [b"5\nhello\r\n", b"g\r\n", b"-5\r\n", b"0x5\r\n", b"5\r\nhelloworld\r\n", b"\r\n", b"1" * 5000, b"5 5\r\n"]
)
def test_chunks_that_are_none_are_refused(raw):
    with pytest.raises(BadMessage):
        Chunked().take(raw)


def test_the_same_length_twice_is_one_length():
    assert request_body(request("POST / HTTP/1.1", "Content-Length: 5", "Content-Length: 5")).left == 5


def test_a_request_that_declares_no_body_has_none():
    assert request_body(request("POST / HTTP/1.1")).done


@pytest.mark.parametrize(
    ("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304), (b"GET", 101), (b"GET", 100)]
)
def test_answers_without_a_body_have_none_whatever_they_declare(method, status):
    assert answer_body(answer(f"HTTP/1.1 {status} So", "Content-Length: 5"), method).done


def test_an_answer_that_declares_nothing_lasts_until_the_connection_ends():
    body = answer_body(answer("HTTP/1.1 200 OK"), b"GET")
    assert isinstance(body, UntilClose)
    assert body.take(b"hello") == 5
    assert not body.done


def test_what_is_meant_for_this_hop_is_not_passed_on():
    head = request(
        "GET / HTTP/1.1",
        "Connection: keep-alive, X-Mine",
        "Keep-Alive: timeout=5",
        "X-Mine: 1",
        "TE: trailers",
        "Proxy-Authorization: Basic x",
        "Transfer-Encoding: chunked",
        "Accept: */*",
    )
    assert head.end_to_end() == [b"Host: shop", b"Transfer-Encoding: chunked", b"Accept: */*"]


def test_a_client_cannot_have_the_body_s_end_dropped_by_naming_it_for_this_hop():
    head = request("POST / HTTP/1.1", "Connection: content-length, transfer-encoding", "Content-Length: 5")
    assert b"Content-Length: 5" in head.end_to_end()


def test_several_fields_of_a_name_read_as_one():
    head = request("GET / HTTP/1.1", "X-Forwarded-For: 10.0.0.1", "x-forwarded-for: 10.0.0.2")
    assert head.get(b"x-forwarded-for") == b"10.0.0.1, 10.0.0.2"
    assert head.get(b"cookie") is None


@pytest.mark.parametrize(
    ("lines", "lasting"),
    [
        (("GET / HTTP/1.1",), True),
        (("GET / HTTP/1.1", "Connection: Close"), False),
        (("GET / HTTP/1.1", "Connection: keep-alive, close"), False),
        (("GET / HTTP/1.0",), False),
        (("GET / HTTP/1.0", "Connection: keep-alive"), False),
    ],
)
def test_a_connection_lasts_unless_either_side_says_not(lines, lasting):
    assert request(*lines).lasting is lasting
    assert answer("HTTP/1.1 200 OK", *lines[1:]).lasting is (lasting or "HTTP/1.0" in lines[0])
