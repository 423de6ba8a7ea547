"""The picture of a comparison: both sides, look by look, small and the same each time."""

import base64
import re

from tasks.picture import comparison


def looks(*steps, rate=0.005, p95_ms=20.0, bound=0.03):
    errors = {"canary": rate, "stable": rate, "boundary": bound}
    so_far = {"errors": errors, "p95": {"canary": p95_ms, "stable": p95_ms, "boundary": 2 * p95_ms}}
    return [{"at": f"{at}, look {n}", "so_far": so_far} for at, number in steps for n in range(number)]


def svg(markdown):
    found = re.fullmatch(r"!\[canary and stable, look by look\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", markdown)
    assert found
    return base64.b64decode(found[1]).decode()


def test_it_names_both_sides_the_boundary_both_measures_and_the_steps():
    drawn = svg(comparison(looks(("0 %", 4), ("10 %", 5), ("100 %", 3))))
    for word in ("stable", "canary", "boundary", "p95 so far, ms", "failed so far, %", "0 %", "10 %", "100 %"):
        assert f">{word}<" in drawn


def test_one_look_is_no_picture():
    assert comparison([]) == ""
    assert comparison(looks(("0 %", 1))) == ""


def test_the_same_looks_give_the_same_bytes():
    assert comparison(looks(("0 %", 4))) == comparison(looks(("0 %", 4)))


def test_where_nothing_failed_the_line_lies_on_the_ground_of_a_scale_that_can_be_read():
    drawn = svg(comparison(looks(("0 %", 4), rate=0.0, bound=0.0001)))
    assert ">0.0<" in drawn
    assert ">1.0<" in drawn


def test_thousands_of_looks_are_still_light():
    assert len(comparison(looks(("0 %", 3000), ("10 %", 4000)))) < 40_000


def test_a_look_that_saw_nothing_is_a_gap_and_no_boundary_is_no_line():
    blind = {"at": "10 %, look 3", "so_far": {}}
    assert svg(comparison([*looks(("10 %", 2)), blind, *looks(("10 %", 2), bound=float("nan"))]))


def test_what_was_drawn_before_there_was_a_boundary_is_still_a_picture():
    side = {"p95_ms": 20.0, "errors_percent": 0.5}
    assert svg(comparison([{"at": "10 %, look 1", "stable": side, "canary": side}] * 3))
