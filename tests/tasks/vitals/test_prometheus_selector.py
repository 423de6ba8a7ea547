"""Selectors with places for what a revision is called, escaped as PromQL wants it."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.release import Revision
from tasks.vitals.prometheus.selector import NoSuchLabel, Selector

SHOP = Revision("shop-1-9-0", "", ready=True, labels={"target_group": 'tg/"blue"\\1', "pod": "a.b"})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ('requests{revision="$revision"}', 'requests{revision="shop-1-9-0"}'),
        (' requests { revision = "$revision" , path!~"/he.*" } ', 'requests{revision="shop-1-9-0",path!~"/he.*"}'),
        ('{__name__="a:b", r="$revision",}', '{__name__="a:b",r="shop-1-9-0"}'),
        ('a{b="$target_group"}', 'a{b="tg/\\"blue\\"\\\\1"}'),
        ('a{b=~"$pod-[a-z]+$"}', 'a{b=~"a\\\\.b-[a-z]+$"}'),
        ('a{b="$pod",c!~"$pod"}', 'a{b="a.b",c!~"a\\\\.b"}'),
        ('a{b="$revision",c="$$revision"}', 'a{b="shop-1-9-0",c="$revision"}'),
        ('a{b="x$revision.y",c="q\\"d,e}"}', 'a{b="xshop-1-9-0.y",c="q\\"d,e}"}'),
    ],
)
def test_places_are_filled(text, filled):
    assert Selector.parse(text).of(SHOP) == filled


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("requests", "is not a plain selector of counters"),
        ('sum(requests{revision="$revision"})', "is not a plain selector of counters"),
        ('rate(requests{revision="$revision"}[1m])', "is not a plain selector of counters"),
        ('requests{revision="$revision"}[1m]', "is not a plain selector of counters"),
        ('requests{revision="$revision"} offset 1m', "is not a plain selector of counters"),
        ('a{r="$revision"} or b{r="$revision"}', "is not a matcher"),
        ("requests{revision='$revision'}", 'is not a matcher; write label="value"'),
        ("requests{revision=$revision}", "is not a matcher"),
        ('requests{revision="$revision}', "is not a matcher"),
        ('requests{a="b" c="$revision"}', "is not a matcher"),
        ('requests{service="shop"}', "names no revision"),
        ('requests{service!="$revision"}', "names no revision"),
        ('requests{service="$$revision"}', "names no revision"),
        ("requests{}", "names no revision"),
        ("", "is not a plain selector of counters"),
    ],
)
def test_anything_more_is_refused_with_what_would_be_right(text, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        Selector.parse(text)


def test_a_label_that_a_revision_has_not_is_named_with_those_it_has():
    with pytest.raises(
        NoSuchLabel, match=r"nothing says what \$task is for shop-1-9-0; it has \$pod, \$revision, \$target"
    ):
        Selector.parse('a{b="$task"}').of(SHOP)


@given(st.text())
def test_whatever_a_revision_is_called_stays_within_its_quotes(name):
    filled = Selector.parse('a{b="$revision"}').of(Revision(name, "", ready=True))

    assert json.loads(filled.removeprefix("a{b=").removesuffix("}")) == name
    assert "\n" not in filled


@given(st.text(max_size=20))
def test_in_a_pattern_a_name_matches_itself_alone(name):
    filled = Selector.parse('a{b=~"$revision"}').of(Revision(name, "", ready=True))
    pattern = json.loads(filled.removeprefix("a{b=~").removesuffix("}"))

    assert re.fullmatch(pattern, name)
    assert not re.fullmatch(pattern, name + "x")
