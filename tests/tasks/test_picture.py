"""The picture of a comparison: both sides, look by look, small and the same each time."""

import base64
import re

from tasks.picture import comparison


def looks(*steps, p95_ms=20.0, errors_percent=0.5):
    side = {"p95_ms": p95_ms, "errors_percent": errors_percent}
    return [{"at": f"{at}, look {n}", "stable": side, "canary": side} for at, number in steps for n in range(number)]


def svg(markdown):
    found = re.fullmatch(r"!\[canary and stable, look by look\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", markdown)
    assert found
    return base64.b64decode(found[1]).decode()


def test_it_names_both_sides_both_measures_and_the_steps():
    drawn = svg(comparison(looks(("0 %", 4), ("10 %", 5), ("100 %", 3))))
    for word in ("stable", "canary", "p95, ms", "failed, %", "0 %", "10 %", "100 %"):
        assert f">{word}<" in drawn


def test_one_look_is_no_picture():
    assert comparison([]) == ""
    assert comparison(looks(("0 %", 1))) == ""


def test_the_same_looks_give_the_same_bytes():
    assert comparison(looks(("0 %", 4))) == comparison(looks(("0 %", 4)))


def test_where_nothing_failed_the_line_lies_on_the_ground_of_a_scale_that_can_be_read():
    drawn = svg(comparison(looks(("0 %", 4), errors_percent=0.0)))
    assert ">0.0<" in drawn
    assert ">1.0<" in drawn


def test_thousands_of_looks_are_still_light():
    assert len(comparison(looks(("0 %", 3000), ("10 %", 4000)))) < 40_000
