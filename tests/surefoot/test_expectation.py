"""What is expected of an answer: one line each, held against what was seen."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.answer import Answer
from surefoot.expectation import Comparison, Expectation

ANSWER = Answer(
    status=200,
    headers={"content-type": "application/json", "age": "60", "cache-control": "no-store", "etag": "abc"},
    text='{"ok": true, "none": null, "total": 3, "id": 9007199254740993, "name": "tea", "contains": 1, "a.b": {"c": 2},'
    ' "items": [{"name": "salt"}, {"name": "tea"}], "tags": ["new", 42, true], "not": {"exists": 1}}',
    seconds=0.25,
    size=200,
)


@pytest.mark.parametrize(
    "line",
    [
        "status == 200",
        "status != 500",
        "status<400",
        "status <= 200",
        "status >= 200",
        "status > 199",
        "time < 800ms",
        "time <= 1 s",
        "size > 100",
        "size == 200",
        "text contains tea",
        'text contains "tea"',
        "text contains 42",
        "text not contains coffee",
        r'text matches "total": \d',
        "text exists",
        "header.cache-control contains no-store",
        "header.Cache-Control == no-store",
        "header.age == 60",
        "header.age < 61",
        "header.etag matches ^[a-c]+$",
        "header.x-powered-by not exists",
        "header.etag exists",
        "json exists",
        "json.ok == true",
        "json.none == null",
        "json.total == 3",
        "json.total == 3.0",
        "json.total >= 2.5",
        "json.id == 9007199254740993",
        "json.id != 9007199254740992",
        'json.name == "tea"',
        "json.name == tea",
        "json.name == 'tea'",
        "json.name contains ea",
        "json.name != 3",
        "json.name matches ^t.a$",
        "json.contains == 1",
        'json["a.b"].c == 2',
        "json['a.b'].c == 2",
        "json.items[0].name == salt",
        "json.items[-1].name == tea",
        "json.tags contains 42",
        "json.tags contains new",
        "json.tags contains true",
        "json.tags not contains 1",
        "json.items[0] contains name",
        "json.total not contains 3",
        "json.not.exists exists",
        "json.gone not exists",
        "json.items[7] not exists",
    ],
)
def test_an_expectation_that_is_kept_has_no_problem_and_is_read_back_as_it_is_written(line):
    expectation = Expectation.parse(line)

    assert expectation.problem(ANSWER) == ""
    assert Expectation.parse(str(expectation)) == expectation


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("status == 201", "status is 200, expected 201"),
        ("status != 200", "status is 200, expected anything but 200"),
        ("status > 200", "status is 200, expected more than 200"),
        ("status < 200", "status is 200, expected less than 200"),
        ("status <= 199", "status is 200, expected at most 199"),
        ("status >= 201", "status is 200, expected at least 201"),
        ("time < 200ms", "time is 250 ms, expected less than 200ms"),
        ("size == 0", "size is 200, expected 0"),
        ("header.age < 60", 'header.age is "60", expected less than 60'),
        ("header.etag < 60", 'header.etag is "abc", expected less than 60'),
        ("header.x-shop == 1", 'there is no header.x-shop, expected "1"'),
        ("header.etag not exists", 'header.etag is "abc", expected it not to exist'),
        ("header.etag not contains b", 'header.etag is "abc", expected it not to contain "b"'),
        ("json.ok == 1", "json.ok is true, expected 1"),
        ("json.total == true", "json.total is 3, expected true"),
        ('json.total == "3"', 'json.total is 3, expected "3"'),
        ("json.none == 0", "json.none is null, expected 0"),
        ("json.name < 5", 'json.name is "tea", expected less than 5'),
        ("json.ok < 5", "json.ok is true, expected less than 5"),
        ("json.id == 9007199254740992", "json.id is 9007199254740993, expected 9007199254740992"),
        ("json.name contains coffee", 'json.name is "tea", expected it to contain "coffee"'),
        ("json.name matches ^coffee$", 'json.name is "tea", expected it to match "^coffee$"'),
        ("json.total matches 3", 'json.total is 3, expected it to match "3"'),
        ("json.total contains 3", "json.total is 3, expected it to contain 3"),
        ("json.tags contains 1", 'json.tags is ["new", 42, true], expected it to contain 1'),
        ("json.gone exists", "there is no json.gone, expected it to exist"),
        ("json.items[2].name == tea", 'there is no json.items[2].name, expected "tea"'),
        ("json.items.name == tea", 'there is no json.items.name, expected "tea"'),
        ("json.name[0] == t", 'there is no json.name[0], expected "t"'),
    ],
)
def test_an_expectation_that_is_not_kept_is_said_with_both_values(line, problem):
    assert Expectation.parse(line).problem(ANSWER) == problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html>", "the answer is not JSON (text/html, 6 bytes): Expecting value"),
        ("", "the answer is not JSON"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("[" * 100_000, "the answer is not JSON: it is nested too deep"),
    ],
)
def test_what_is_not_json_is_a_problem_even_where_absence_was_expected(text, words):
    answer = Answer(200, {"content-type": "text/html"}, text, 0.1, len(text))

    assert words in Expectation.parse("json.a not exists").problem(answer)
    assert Expectation.parse("json.a == 1").problem(answer).endswith("expected json.a == 1")


def test_a_long_value_is_cut():
    problem = Expectation.parse("text contains tea").problem(Answer(200, text="x" * 5000))

    assert problem == f'text is "{"x" * 59}… (5,002 characters), expected it to contain "tea"'


@pytest.mark.parametrize(
    "line", ["header.set-cookie contains Secure", "json.access_token == x", "json contains x", "text == x"]
)
def test_a_secret_in_an_answer_is_never_shown(line):
    answer = Answer(200, {"set-cookie": "session=s3cr3t"}, '{"access_token": "s3cr3t"}')

    problem = Expectation.parse(line).problem(answer)

    assert "s3cr3t" not in problem
    assert "not shown" in problem


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "is not an expectation"),
        ("status", "is not an expectation"),
        ("status = 200", "is not an expectation"),
        ("stat == 200", "is not an expectation; write status == 200"),
        ("json..a == 1", "is not an expectation"),
        ("json.items[x] == 1", "is not an expectation"),
        ("status ==", "has nothing after =="),
        ("text contains", "has nothing after contains"),
        ("status == ok", "'ok' in 'status == ok' is not a whole number"),
        ("status == 2²", "is not a whole number"),
        ("size < 1.5", "is not a whole number"),
        ("time < 5", "is not a length of time; write 10m, 90s or 1h30m"),
        ("status exists", "status in 'status exists' is a number; compare it by =="),
        ("time contains 5", "is a number"),
        ("size matches 5", "is a number"),
        ("json.a < tea", "'tea' in 'json.a < tea' is not a number, so nothing is above or below it"),
        ("json.a < nan", "is not a number"),
        ("text > abc", "is not a number"),
        ("json.a exists 5", "has '5' after exists, where nothing belongs"),
        ("text matches (", "'(' in 'text matches (' is not a regular expression"),
    ],
)
def test_what_is_no_expectation_is_refused_with_what_would_be(line, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Expectation.parse(line)


keys = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True)
subjects = st.one_of(
    st.just("text"),
    keys.map(lambda key: f"header.x-{key}"),
    st.lists(st.one_of(keys.map(lambda key: f".{key}"), st.integers(-9, 9).map(lambda at: f"[{at}]")), max_size=4).map(
        lambda steps: "json" + "".join(steps)
    ),
)
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)


@given(subjects, st.sampled_from([Comparison.EQUAL, Comparison.UNEQUAL, Comparison.CONTAINS, Comparison.LACKS]), words)
def test_any_text_survives_being_written_and_read(subject, comparison, value):
    expectation = Expectation(subject, comparison, value)

    assert Expectation.parse(str(expectation)) == expectation


@given(keys.map(lambda key: f"json.{key}"), st.one_of(st.integers(), st.booleans(), st.none(), st.floats(-1e9, 1e9)))
def test_any_scalar_survives_being_written_and_read(subject, value):
    expectation = Expectation(subject, Comparison.EQUAL, value)

    assert Expectation.parse(str(expectation)) == expectation


@given(st.integers(0, 999_999_999))
def test_any_time_survives_being_written_and_read(milliseconds):
    expectation = Expectation.parse(f"time < {milliseconds}ms")

    assert Expectation.parse(str(expectation)).value == pytest.approx(expectation.value)


OPPOSITES = ((Comparison.EQUAL, Comparison.UNEQUAL), (Comparison.CONTAINS, Comparison.LACKS))


@given(words, st.sampled_from(OPPOSITES))
def test_of_a_comparison_and_its_opposite_exactly_one_holds(value, opposites):
    answer = Answer(200, text="tea and salt")

    holds = [not Expectation("text", each, value).problem(answer) for each in opposites]

    assert sorted(holds) == [False, True]
