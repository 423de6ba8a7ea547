"""Every mistake is said once, at its place, with what would be right."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.settings import load_service, read
from tasks.settings.mistake import Mistake

Mistakes = Callable[..., list[Mistake]]

# What is replaced, by what; where the mistake is (@ is environments.production); what is said about it.
ONE = [
    ("watch: 10m", "watch: 10 minuts", "10:33 @.rollout.steps[0].watch", "write 10m, 90s or"),
    ("watch: 10m", "watch: 10", "10:33 @.rollout.steps[0].watch", "10 has no unit; write 10m"),
    ("watch: 10m", "watch: [10m]", "10:33 @.rollout.steps[0].watch", "a list where text is"),
    ("traffic: 10%", "traffic: 10", "10:21 @.rollout.steps[0].traffic", "no unit; write 10%"),
    ("traffic: 10%", "traffic: 0.5%", "10:21 @.rollout.steps[0].traffic", "a whole percentage"),
    ("traffic: 10%", "traffic: 100%", "11:21 @.rollout.steps[1].traffic", "100 % comes after 100 %"),
    ("100%", "50%", "11:21 @.rollout.steps[1].traffic", "the last step is 50 %"),
    ("traffic: 10%, ", "", "10:11 @.rollout.steps[0].traffic", "missing: the new release's share"),
    ("steps:", "step:", "9:7 @.rollout.step", "unknown; did you mean steps?"),
    ("rollout:", "rolout:", "8:5 @.rolout", "unknown; did you mean rollout?"),
    ("kind: cloud_run", "kind: cloudrun", "7:20 @.target.kind", "did you mean cloud_run?"),
    ("kind: cloud_run", "kind: heroku", "7:20 @.target.kind", "expected one of cloud_run, ecs"),
    ("kind: cloud_run, ", "", "7:5 @.target.kind", "missing: which platform"),
    ("project: acme", "projekt: acme", "7:31 @.target.projekt", "did you mean project?"),
    ("region: europe", "region: Europe", "7:59 @.target.region", "an example: europe-west1"),
    ("path: /healthz", "path: healthz", "4:11 checks[0].path", "'healthz' is not a path; write /healthz"),
    ("path: /healthz", "path: /x\n    method: GTE", "5:13 checks[0].method", "'GTE' is unknown; did you mean GET?"),
    ("path: /healthz", "path: /x\n    expect: status == 200", "5:13 checks[0].expect", "begin each item with -"),
    ("path: /healthz", "path: /x\n    expect: [status = 200]", "5:14 checks[0].expect[0]", "is not an expectation"),
    (
        "path: /healthz",
        "path: /x\n    expect: [{text contains: a}]",
        "5:14 checks[0].expect[0]",
        "a mapping where text",
    ),
    (
        "path: /healthz",
        "path: /x\n    expect: ['text matches (']",
        "5:14 checks[0].expect[0]",
        "not a regular expression",
    ),
    ("path: /healthz", "path: /x\n    capture: {a: (.)(.)}", "5:18 checks[0].capture.a", "has 2 groups"),
    ("path: /healthz", "path: /x\n    capture: {a: '('}", "5:18 checks[0].capture.a", "nor a regular expression"),
    ("path: /healthz", "path: /x\n    capture: {a: '$.[['}", "5:18 checks[0].capture.a", "is not a JSONPath"),
    ("path: /healthz", "path: /x\n    capture: {a b: json.id}", "5:15 checks[0].capture.'a b'", "does not fit"),
    ("path: /healthz", "path: /x?api_key=hunter2", "4:11 checks[0].path", "checks carry no credentials"),
    (
        "path: /healthz",
        "path: /x\n    json: {password: hunter2}",
        "5:22 checks[0].json.password",
        "checks carry no credentials",
    ),
    ("path: /healthz", f"path: {'7' * 5000}", "4:11 ", "no number that anybody can mean"),
    ("path: /healthz", "path: /{id}", "4:11 checks[0].path", "nothing before captures {id}"),
    ("path: /healthz", "path: /x\n    timeout: 0s", "5:14 checks[0].timeout", "'0s' is no time at all"),
    ("path: /healthz", "path: /x\n    body: a\n    json: {}", "6:5 checks[0].json", "there is a body already"),
    ("    path: /healthz\n", "", "3:5 checks[0].path", "missing: write path for one request, or steps"),
    ("path: /healthz", "path: /x\n    steps: [{path: /a}]", "4:5 checks[0].path", "belongs to a request"),
    ("path: /healthz", "steps: []", "4:12 checks[0].steps", "at least one is needed"),
    ("path: /healthz", "path: /x\n  - name: up\n    path: /y", "5:11 checks[1].name", "already a name in this list"),
    ("name: shop", "name: Shop", "1:7 name", "'Shop' does not fit"),
    ("name: shop", "name: 7", "1:7 name", "7 where text is expected; put it in quotes"),
    ("name: shop", "name:", "1:1 name", "empty; write a value"),
    ("name: shop\n", "", "1:1 name", "missing: the service's name"),
    ("  production:\n", "  Production!:\n", "6:3 environments.'Production!'", "does not fit"),
    ('channel: "#releases"', "channel: releases", "13:24 @.notices.slack.channel", "#shop-"),
    ("token: {env: SLACK_TOKEN}", "token: ", "13:37 @.notices.slack.token", "empty; refer to"),
    ("{env: SLACK_TOKEN}", "{}", "13:44 @.notices.slack.token", "empty; write {env"),
    ("{env: SLACK_TOKEN}", "{env: A, prefect: b}", "13:44 @.notices.slack.token", "in one place"),
    (
        "token: {env: SLACK_TOKEN}",
        "token: {env: A}, api_url: http://x.test/",
        "13:63 @.notices.slack.api_url",
        "plain text; write https",
    ),
    ("    rollout:\n", "    approval:\n    rollout:\n", "8:5 @.approval", "empty; write a value"),
    ("    notices:\n", "    on_crash: explode\n    notices:\n", "12:15 @.on_crash", "restore, resume"),
    ("      steps:\n", "      look: 0s\n      steps:\n", "9:13 @.rollout.look", "no time at all"),
    ("      steps:\n", "      probes_per_second: .inf\n      steps:\n", "9:26 @.rollout.probes_per_second", "finite"),
    (
        "      steps:\n",
        "      probes_per_second: 0\n      steps:\n",
        "9:26 @.rollout.probes_per_second",
        "has to be more than 0",
    ),
    ("      steps:\n", "      harm: {latency: 0%}\n      steps:\n", "9:23 @.rollout.harm.latency", "nothing at all"),
    ("name: shop", "name: shop\nname: shop2", "2:1 name", "written twice; it is in line 1 too"),
    ("name: shop", "name: !!python/name:os.system shop", "1:7 name", "the tag !!python/name:os.system means nothing"),
    ("name: shop", "name: !secret shop", "1:7 name", "the tag !secret means nothing here"),
    ("name: shop", "name: shop\n? [a]\n: b", "2:3 ", "a key has to be a plain word"),
    ("name: shop", "name: shop\n<<: 3", "2:5 ", "<< takes in a mapping"),
    ("name: shop", "name: &n [*n]", "1:7 name[0]", "contains itself; write it out"),
]


@pytest.mark.parametrize(("old", "new", "where", "what"), ONE)
def test_one_mistake_is_said_once_with_its_place_and_what_would_be_right(
    old: str, new: str, where: str, what: str, mistakes: Mistakes
) -> None:
    found = mistakes(old, new)
    assert [f"{each.line}:{each.column} {each.path}" for each in found[:1]] == [
        where.replace("@", "environments.production")
    ]
    assert what in found[0].message
    assert len(found) == 1


def test_the_good_file_has_no_mistake(mistakes: Mistakes, good: str) -> None:
    assert mistakes(good) == []


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file(mistakes: Mistakes, good: str) -> None:
    text = (
        good.replace("name: shop", "nmae: shop").replace("10m", "10 minuts").replace("100%", "5%").replace("#rel", "r")
    )
    found = mistakes(text)
    assert [each.line for each in found] == [1, 10, 11, 13]
    assert found[0].message == "unknown; did you mean name?"


def test_a_misspelt_key_says_what_follows_from_it(mistakes: Mistakes) -> None:
    (found,) = mistakes("    notices:\n", "    aproval: {approvers: [ana]}\n    notices:\n")
    assert found.message == "unknown; did you mean approval? Without it, production has no approver"


def test_two_environments_at_one_place_would_undo_each_other(mistakes: Mistakes, good: str) -> None:
    body = good.partition("  production:\n")[2]
    (found,) = mistakes(good + "  staging:\n" + body)
    assert (found.path, found.message) == (
        "environments.staging.target",
        "the same place as environments.production; they would undo each other",
    )


def test_an_environment_without_a_check_is_refused_since_nothing_could_pass(mistakes: Mistakes) -> None:
    (found,) = mistakes("checks:\n  - name: up\n    path: /healthz\n", "")
    assert "nothing is checked here" in found.message


def test_a_check_of_an_environment_may_not_take_the_name_of_a_shared_one(mistakes: Mistakes) -> None:
    (found,) = mistakes("    notices:\n", "    checks: [{name: up, path: /}]\n    notices:\n")
    assert found.message == "'up' is already a name in the checks of all environments; names tell checks apart"


def test_the_excerpt_shows_the_step_that_a_later_one_falls_behind(mistakes: Mistakes) -> None:
    (found,) = mistakes("traffic: 10%", "traffic: 100%")
    assert [number for number, _ in found.excerpt] == [10, 11]
    column, width = found.caret
    assert found.excerpt[-1][1][column : column + width] == "100%"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: [1,\nb: 2\n", (1, 4), "a [ opened in line 1 is never closed"),
        ("a: {b: 1\nc: 2", (1, 4), "a { opened in line 1 is never closed"),
        ('a: "x\n', (1, 4), "a quote opened in line 1 is never closed"),
        ("a:\n\t- b", (2, 1), "a tab; YAML is indented with spaces"),
        ("a: @x", (1, 4), "nothing can begin with @"),
        ("a: 1\n b: 2", (2, 3), "a colon too many"),
        ("a: *x", (1, 4), "there is no anchor for *x above"),
        ("---\na: 1\n---\nb: 2", (3, 1), "a second document"),
        ("a: 'x'\nb: c'\n d: e", (3, 3), "does not fit"),
        ("a: \x07", (1, 4), "a character that YAML does not allow (#x0007)"),
        ('a: "\\q"', (1, 6), "\\q means nothing in double quotes"),
        ("%YAML 3\na", (1, 8), "not YAML: expected a digit"),
        ("a: " + "[" * 3000, (1, 35), "nested too deep"),
        ("a: " + "{" * 3000, (1, 35), "nested too deep"),
        ("", (1, 1), "empty; a service has a name and environments"),
        ("# nothing\n", (1, 1), "empty"),
        ("- a\n", (1, 1), "a list where a mapping is expected"),
        ("shop\n", (1, 1), "'shop' where a mapping is expected"),
    ],
)
def test_what_is_not_a_service_file_at_all_is_one_mistake(
    text: str, where: tuple[int, int], what: str, mistakes: Mistakes
) -> None:
    (found,) = mistakes(text)
    assert (found.line, found.column) == where
    assert what in found.message


def test_a_bomb_of_aliases_is_refused_before_it_grows(mistakes: Mistakes) -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))
    found = mistakes(f"l0: &l0 [x]\n{levels}\n")
    assert "more than 20,000 values" in found[-1].message


def test_bytes_that_are_not_utf8_are_named_by_their_place(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_bytes(b"name: shop\nrepository: caf\xe9\n")
    (found,) = read(tmp_path / "shop.yaml").mistakes
    assert (found.line, found.column, found.message) == (2, 16, "the byte 0xe9 is not UTF-8; save it as UTF-8")


def test_a_byte_order_mark_and_foreign_line_ends_do_no_harm(tmp_path: Path, good: str) -> None:
    (tmp_path / "shop.yaml").write_bytes(b"\xef\xbb\xbf" + good.replace("\n", "\r\n").encode())
    assert load_service(tmp_path / "shop.yaml").name == "shop"


def test_a_missing_file_a_folder_and_a_huge_file_are_said_to_be_so(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * 1_000_001)
    assert str(read(tmp_path / "none.yaml").mistakes[0]).endswith("none.yaml: cannot be read: no such file")
    assert read(tmp_path).mistakes[0].message == "a folder; name a file in it"
    assert read(huge).mistakes[0].message == "1,000,001 bytes; a service file has less than 1,000,000"


def test_merged_and_aliased_pieces_are_read_in_place_and_what_is_written_beside_them_wins(
    tmp_path: Path, good: str
) -> None:
    text = good.replace("target: {", "target: &t {") + (
        "  staging:\n    target: {<<: *t, service: shop-staging}\n    rollout: {steps: [{traffic: 100%, watch: 1m}]}\n"
    )
    (tmp_path / "shop.yaml").write_text(text)
    staging = load_service(tmp_path / "shop.yaml").environments["staging"]
    assert (staging.place.settings["project"], staging.place.settings["service"]) == ("acme-shop", "shop-staging")


def test_an_anchor_may_be_used_again_without_a_word(mistakes: Mistakes, good: str) -> None:
    assert mistakes(good.replace("- name: up", "- name: &x up").replace("service: shop", "service: &x shop")) == []


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_done_to_a_file_its_mistakes_stand_inside_it_and_nothing_is_raised(
    seed: int, mistakes: Mistakes, good: str
) -> None:
    chance = random.Random(seed)
    text = list(good)
    for _ in range(chance.randint(1, 12)):
        where = chance.randrange(len(text))
        text[where] = chance.choice(
            ["", "\n", " ", ":", "{", "]", "'", '"', "#", "&a ", "*a", "!x ", "- ", "%", "ü", "0", "~"]
        )
    lines = "".join(text).splitlines()
    for each in mistakes("".join(text)):
        assert 1 <= each.line <= len(lines) + 1, each
        assert each.column >= 1
        _shows_its_place(each)


def _shows_its_place(mistake: Mistake) -> None:
    assert re.match(r".*shop\.yaml:\d+:\d+", str(mistake))
    assert mistake.caret[0] <= len(mistake.excerpt[-1][1]) + 1
