"""The hash chain."""

from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.audit import GENESIS, Head, audit, canonical, digest, link
from surefoot.traffic import Traffic

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.lists(st.binary(max_size=20), min_size=1, max_size=8)


def chained(entries):
    hashes, last = [], GENESIS
    for entry in entries:
        last = link(last, entry)
        hashes.append(last)
    return list(zip(entries, hashes, strict=True))


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_the_same_object_has_one_text_whatever_its_order(fields):
    backwards = dict(reversed(fields.items()))

    assert canonical(fields) == canonical(backwards)
    assert canonical(fields).isascii()
    assert digest(fields) == digest(backwards)


def test_times_and_values_are_written_so_that_zones_do_not_matter():
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=2)))

    assert canonical({"at": noon}) == canonical({"at": elsewhere}) == b'{"at":"2026-03-02T12:00:00+00:00"}'
    assert canonical({"traffic": Traffic.all_on("a")}) == b'{"traffic":{"shares":[["a",100]]}}'
    assert canonical({"settings": MappingProxyType({"a": 1})}) == b'{"settings":{"a":1}}'


@pytest.mark.parametrize(("value", "error"), [(float("nan"), ValueError), (object(), TypeError), ({1, 2}, TypeError)])
def test_what_has_no_one_text_is_refused(value, error):
    with pytest.raises(error):
        canonical({"value": value})


@given(ENTRIES)
def test_an_untouched_chain_holds(entries):
    chain = chained(entries)

    found = audit(chain, [Head(size, chain[size - 1][1]) for size in range(1, len(chain) + 1)])

    assert (found.problem, found.head) == ("", Head(len(chain), chain[-1][1]))


def test_an_empty_chain_holds():
    assert audit([]).head == Head(0, GENESIS)


@given(ENTRIES, st.data())
def test_any_change_of_an_entry_is_seen_at_its_place(entries, data):
    chain = chained(entries)
    at = data.draw(st.integers(0, len(chain) - 1))
    chain[at] = (chain[at][0] + b"!", chain[at][1])

    found = audit(chain)

    assert (found.head.size, f"entry {at + 1} " in found.problem) == (at, True)


@given(ENTRIES, st.data())
def test_a_chain_recomputed_after_a_change_is_seen_by_a_head_kept_elsewhere(entries, data):
    kept = Head(len(entries), chained(entries)[-1][1])
    at = data.draw(st.integers(0, len(entries) - 1))
    rewritten = chained([*entries[:at], entries[at] + b"!", *entries[at + 1 :]])

    assert audit(rewritten).problem == ""
    assert "rewritten" in audit(rewritten, [kept]).problem


@given(ENTRIES, st.data())
def test_a_cut_tail_is_seen_by_a_head_kept_elsewhere(entries, data):
    chain = chained(entries)
    left = data.draw(st.integers(0, len(chain) - 1))

    found = audit(chain[:left], [Head(len(chain), chain[-1][1])])

    assert found.problem == f"the chain ends after {left} entries; a head kept elsewhere has {len(chain)}"
