"""Lengths of time, percents and counts, as people write and read them."""

import re

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# At most nine digits: a number without end would be infinitely long.
_PIECE = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)(ms|s|m|h|d)")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")


def parse_duration(text: str) -> float:
    """Return seconds for `90s`, `10m`, `1h30m`, `250ms`; ValueError for anything else, bare numbers too."""
    pieces = _PIECE.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text:
        raise ValueError(f"{text!r} is not a length of time; write 10m, 90s or 1h30m")
    return float(sum(float(number) * _UNITS_S[unit] for number, unit in pieces))


def duration(seconds: float) -> str:
    """Return the text, largest unit first, that `parse_duration` reads back as the same whole milliseconds."""
    left_ms = round(seconds * 1000)
    if left_ms <= 0:
        return "0s"
    pieces = []
    for unit in ("d", "h", "m", "s", "ms"):
        size_ms = round(_UNITS_S[unit] * 1000)
        count, left_ms = divmod(left_ms, size_ms)
        if count:
            pieces.append(f"{count}{unit}")
    return "".join(pieces)


def parse_percent(text: str) -> float:
    """Return the rate (0 to 1) for `5%` or `0.5 %`; ValueError for anything else."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None or float(match[1]) > 100:
        raise ValueError(f"{text!r} is not a percentage; write 5% or 0.5%")
    return float(match[1]) / 100


def took(seconds: float) -> str:
    """Return a length of time for a sentence: `0.4 s`, `21 s`, `1 min 41 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(whole / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def percent(rate: float) -> str:
    """Return a rate (0 to 1) for a sentence: `0.19 %`, `4.8 %`, `25 %`."""
    value = rate * 100
    digits = 0 if value in (0, 100) or value >= 10 else 1 if value >= 1 else 2
    return f"{value:.{digits}f} %"


def count(number: int) -> str:
    """Return a whole number with thousands marked: `1,902`."""
    return f"{number:,}"


def shown_ms(milliseconds: float) -> str:
    """Return a latency in milliseconds for a sentence: `1,840`, `184`, `12.5`, `0.8`."""
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"
