"""Harm and chances, as people write them: a number, or a percentage in quotes."""

import re
from typing import Any

# A number of more digits would be infinitely large.
_WRITTEN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,18})?)\s*(%?)")


def share(value: Any, most: float) -> float:
    """Return a share above 0 and up to `most` for `0.015`, `"0.015"`, `"1.5%"`; ValueError says what is wrong."""
    number = _number(value)
    if number is None:
        raise ValueError('is neither a number nor a percentage; write 0.015 or "1.5%"')
    if not number > 0:
        raise ValueError('has to be above 0; write 0.015 or "1.5%"')
    if number > most:
        raise ValueError(f'is more than {most:.0%}; write 0.015 or "1.5%"'.replace("%;", " %;"))
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(min(value, 1e300))  # an integer of JSON may be larger than any float
    match = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match[1]) / (100 if match[2] else 1) if match else None
