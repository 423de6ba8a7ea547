"""Lengths of time, percents and counts, as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.units import count, duration, parse_duration, parse_percent, percent, took


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("90s", 90), ("1.5s", 1.5), ("10m", 600), ("1h30m", 5400), ("3d", 259_200), ("0s", 0)],
)
def test_a_length_of_time_is_read(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "10 m",
        "-5m",
        "10 minuts",
        "m",
        "1h30",
        "1,5s",
        "1.s",
        ".5s",
        "1.5.5s",
        "10M",
        "1e3s",
        "٣s",
        "9" * 400 + "d",
    ],
)
def test_what_is_no_length_of_time_is_refused_with_what_would_be(text):
    with pytest.raises(ValueError, match="is not a length of time; write 10m, 90s or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-1, "0s"),
        (0.0004, "0s"),
        (0.25, "250ms"),
        (90, "1m30s"),
        (600, "10m"),
        (5400, "1h30m"),
        (259_200, "3d"),
    ],
)
def test_a_length_of_time_is_written(seconds, text):
    assert duration(seconds) == text


@given(st.integers(0, 10**12))
def test_a_length_of_time_is_read_back_as_it_was_written(milliseconds):
    assert round(parse_duration(duration(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(
    ("text", "rate"), [("5%", 0.05), ("0.5 %", 0.005), (" 25 % ", 0.25), ("0%", 0.0), ("100%", 1.0)]
)
def test_a_percentage_is_read_as_a_rate(text, rate):
    assert parse_percent(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "5", "0.05", "%", "-5%", "100.1%", "5 percent", "1e1%", "٣%"])
def test_what_is_no_percentage_is_refused_with_what_would_be(text):
    with pytest.raises(ValueError, match=r"is not a percentage; write 5% or 0\.5%"):
        parse_percent(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.38, "0.4 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (21.4, "21 s"),
        (59.6, "1 min"),
        (101, "1 min 41 s"),
        (3599.7, "1 h"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_length_of_time_is_said(seconds, text):
    assert took(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0, "0 %"), (0.0019, "0.19 %"), (0.048, "4.8 %"), (0.25, "25 %"), (1, "100 %"), (0.07, "7.0 %"), (0.105, "10 %")],
)
def test_a_rate_is_said(rate, text):
    assert percent(rate) == text


@given(st.floats(0, 1))
def test_a_rate_that_is_said_is_right_to_its_last_digit(rate):
    said = percent(rate).removesuffix(" %")
    digits = len(said.partition(".")[2])

    assert abs(float(said) - rate * 100) <= 0.5 * 10**-digits + 1e-9


def test_thousands_are_marked():
    assert (count(7), count(1902), count(1_000_000)) == ("7", "1,902", "1,000,000")
