"""The page a person reads before saying yes: complete, light, and not to be formatted by strangers."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.approval import Question, Seen
from surefoot.check import Check, Request
from surefoot.release import Commit, Image, Release
from surefoot.rollout import Plan, Step
from surefoot.service import ApprovalRule, Environment, Place
from surefoot.verdict import Outcome, Verdict
from tasks.question import code, markdown, plain, unclear

UNTIL = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
IMAGE = Image("europe/shop", "sha256:" + "9f" * 32)
RELEASE = Release("shop", IMAGE, "1.9.0", "4e1c9aa0bbbb", "Cart keeps its order")
PLAN = Plan((Step(10, 600), Step(100, 0)), bake_s=900, compare_s=60)
CHECKS = (Check("ready", (Request("/readyz"),)), Check("order", (Request("/orders"),)))
PRODUCTION = Environment("shop", "production", Place("cloud_run"), PLAN, CHECKS, ApprovalRule(("ana", "ben")))
SEEN = (
    Seen("smoke, preview", Verdict(Outcome.PASS, "2 of 2")),
    Seen("0 %", Verdict(Outcome.INCONCLUSIVE, "20 requests are too few")),
    Seen("100 %", Verdict(Outcome.FAIL, "errors 9 of 90")),
)
COMMITS = (Commit("4e1c9aa0bbbb", "Cart keeps its order", "Ana"), Commit("77ab01c", "Tidy"))
UNDO = "gcloud run services update-traffic shop --to-revisions=shop-1=100"
LAST = replace(RELEASE, version="1.8.2", commit="aaaa")
QUESTION = Question(RELEASE, PRODUCTION, "100 % on shop-1", UNDO, SEEN, (), COMMITS, LAST)


def look(number, at="0 %"):
    side = {"p95_ms": 20.0 + number % 7, "errors_percent": 0.1}
    return {"at": f"{at}, look {number}", "stable": side, "canary": side}


def shown(text):
    """Return what a browser shows of a line of markdown: an escaped sign is only itself."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


def test_the_page_says_what_where_to_how_until_when_and_how_to_go_back():
    page = shown(markdown(QUESTION, UNTIL, compare_url="https://github.com/acme/shop/compare/aaaa...4e1c9aa0bbbb"))
    for said in (
        "## shop 1.9.0 to production?",
        "| what | Cart keeps its order |\n|---|---|\n| commit | `4e1c9aa0bbbb` |",
        "| image | `sha256:9f9f9f9f9f9f` |",
        f"| plan | `{QUESTION.short_hash}` |",
        "| a yes counts | until 2026-03-02 14:00 UTC, from ana, ben |",
        f"\n```\n{IMAGE}\n```\n",
        "- ✓ **smoke, preview**: 2 of 2",
        "- ? **0 %**: 20 requests are too few",
        "- ✗ **100 %**: errors 9 of 90",
        "1. **0 %**: ready, 2 smoke checks through the preview address, then 1m side by side with what is live",
        "2. **10 %**, watched for 10m\n3. **100 %**\n",
        "4. 15m more at 100 %, then 2 smoke checks through the public address",
        "100 % on shop-1: taken by itself at any sign of harm, and by hand at any time:",
        "```\nsurefoot rollback shop production\n",
        "gcloud run services update-traffic shop \\\n  --to-revisions=shop-1=100\n```",
        "### 2 commits since shop 1.8.2",
        "- `4e1c9aa` Cart keeps its order · Ana\n- `77ab01c` Tidy",
        "[All changes](https://github.com/acme/shop/compare/aaaa...4e1c9aa0bbbb)",
    ):
        assert said in page
    assert "answer again" not in page


def test_what_is_not_there_leaves_no_empty_heading():
    plan = Plan((Step(100, 0),))
    bare = Question(
        replace(RELEASE, title=""), replace(PRODUCTION, plan=plan, approval=ApprovalRule()), "100 % on shop-1"
    )
    page = markdown(bare, UNTIL)
    assert "commits" not in page
    assert shown(page).count("shop 1.9.0 |") == 1
    assert "Nothing: it was not verified there." in page
    assert "UTC, from anybody who reads this |" in page
    assert "1. **0 %**: ready, 2 smoke checks through the preview address\n2. **100 %**\n3. 2 smoke checks" in page
    assert "```\nsurefoot rollback shop production\n```" in page


def test_one_commit_without_a_known_release_before_is_what_it_brings():
    assert "### 1 commit that it brings" in markdown(replace(QUESTION, commits=COMMITS[:1], last=None), UNTIL)


def test_an_answer_that_could_not_be_counted_is_the_first_thing_to_read():
    page = markdown(QUESTION, UNTIL, "zoe is not among the approvers: ana, ben")
    assert shown(page).startswith("> **Please answer again:** zoe is not among the approvers: ana, ben.\n\n## shop")


def test_a_release_that_nobody_can_judge_is_asked_about_with_its_reason():
    page = shown(unclear(RELEASE, 25, "still unclear after 600 s: 20 requests", "the answer was empty"))
    assert page.startswith("> **Please answer again:** the answer was empty.\n\n## shop 1.9.0 is unclear at 25 %\n\n")
    assert "still unclear after 600 s: 20 requests\n\nIt stays at 25 % while it waits." in page
    assert unclear(RELEASE, 25, "why").startswith("## shop")


@pytest.mark.parametrize(
    "foreign", ["<script>alert(1)</script>", "![x](http://evil)", "a | b", "**now**", "# head", "`x`", "\n\n- item"]
)
def test_titles_authors_and_names_neither_format_nor_link(foreign):
    author = Commit("4e1c9aa", foreign, foreign)
    release = replace(RELEASE, title=foreign, version=foreign)
    asked = Question(release, PRODUCTION, "100 % on shop-1", UNDO, (), (), (author,))
    page = markdown(asked, UNTIL, foreign)
    # A dash has a meaning only where a line begins, and there it is escaped like the others.
    assert foreign.strip("\n- ") == "item" or foreign not in re.sub(r"\\.", "", page)
    assert "<" not in page.replace("\\<", "")
    assert " ".join(foreign.split()) in shown(page)
    title = next(line for line in page.splitlines() if line.startswith("| what |"))
    assert title.replace("\\|", "").count("|") == 3


def test_a_command_with_quotes_is_shown_on_the_one_line_that_it_is():
    undo = "gcloud run --to 'a --b'"
    assert f"\n{undo}\n" in markdown(replace(QUESTION, undo=undo), UNTIL)


def test_what_is_shown_as_code_stays_in_its_code_and_its_table():
    assert code("a`b|c\nd") == "`a'b¦c d`"
    assert code("") == ""
    undo = "gcloud ``` run"
    page = markdown(replace(QUESTION, undo=undo), UNTIL)
    assert f"````\nsurefoot rollback shop production\n{undo}\n````" in page


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x/(y) [z]", ""])
def test_only_an_address_becomes_a_link(url):
    assert "[All changes]" not in markdown(QUESTION, UNTIL, compare_url=url)


@given(st.text(max_size=400))
def test_whatever_is_written_comes_out_on_one_line_as_it_was(text):
    line = " ".join(text.split())
    assert "\n" not in plain(text)
    assert not plain(text).startswith("-")
    assert not set(re.sub(r"\\.", "", plain(text))) & set("<>*_`|[]()!#\\~:./@&")
    assert shown(plain(text)) == (line if len(line) <= 200 else f"{line[:200]}…")


def test_the_page_stays_light_whatever_is_in_it():
    commits = tuple(Commit(f"{number:07x}", "very long title " * 100, "Ana" * 50) for number in range(5000))
    looks = tuple(look(number, f"{number // 100} %") for number in range(5000))
    seen = tuple(Seen(f"{number} %", Verdict(Outcome.PASS, "so far " * 100)) for number in range(100))
    page = markdown(Question(RELEASE, PRODUCTION, "100 % on shop-1", UNDO, seen, looks, commits), UNTIL)
    assert len(page.encode()) < 100_000
    assert "- and 4980 more" in page
    assert "data:image/svg+xml;base64," in page
