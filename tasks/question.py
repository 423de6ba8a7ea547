"""What a person reads above Prefect's form, as markdown: all that is needed to say yes or no, and nothing to trust.

Titles, names and reasons were written by others: they are shown as they are, and can neither format nor link.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from surefoot.approval import Question, Seen
from surefoot.release import Commit, Release
from surefoot.units import duration
from surefoot.verdict import Outcome
from tasks.picture import comparison

_SIGNS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.INCONCLUSIVE: "?"}
_MOST_COMMITS, _MOST_SEEN = 20, 30
_LONGEST = 200


def markdown(question: Question, until: datetime, problem: str = "", compare_url: str = "") -> str:
    """Return the page of a question that counts `until` then; `problem` is why the last answer could not be counted.

    Below 100 kB, whatever is in it: Prefect's page stays quick.
    """
    release, environment = question.release, question.environment
    parts = [
        _again(problem),
        f"## {plain(release.short)} to {plain(environment.name)}?",
        _facts(question, until),
        f"### {_since(question)}" if question.commits else "",
        _commits(question.commits, compare_url),
        "### What staging has seen",
        _seen(question.seen),
        comparison(question.looks),
        "### The plan",
        _plan(question),
        "### The way back",
        _way_back(question),
    ]
    return "\n\n".join(part for part in parts if part)


def unclear(release: Release, percent: int, reason: str, problem: str = "") -> str:
    """Return the page of a rollout that nobody can call well or unwell: a yes sends it on, a no puts it back."""
    parts = [
        _again(problem),
        f"## {plain(release.short)} is unclear at {percent} %",
        plain(reason),
        f"It stays at {percent} % while it waits. **Approve** sends it on, **reject** puts it back.",
    ]
    return "\n\n".join(part for part in parts if part)


def plain(text: str) -> str:
    """Return foreign text on one line that markdown and HTML show as it is, cut where it is very long."""
    line = " ".join(text.split())
    shown = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    return re.sub(r"[!-/:-@\[-`{-~]", _escaped, shown)


def code(text: str) -> str:
    """Return foreign text as code, for a table too; a code span has no escapes, so what would end it is replaced."""
    line = " ".join(text.split())[:_LONGEST].replace("`", "'").replace("|", "¦")
    return f"`{line}`" if line else ""


def _escaped(sign: re.Match[str]) -> str:
    # What numbers and names are written with has no meaning inside a line; a dash that begins one has.
    return sign[0] if sign[0] in "%,'-;" and sign.start() else f"\\{sign[0]}"


def _again(problem: str) -> str:
    return f"> **Please answer again:** {plain(problem)}." if problem else ""


def _facts(question: Question, until: datetime) -> str:
    release, rule = question.release, question.environment.approval
    who = ", ".join(plain(each) for each in rule.approvers) if rule and rule.approvers else "anybody who reads this"
    rows = {
        "what": plain(release.title) or plain(release.short),
        "commit": code(release.commit[:12]),
        "image": code(release.image.digest[:19]),
        "plan": code(question.short_hash),
        "a yes counts": f"until {until:%Y-%m-%d %H:%M} UTC, from {who}",
    }
    # The page is narrow: Prefect's tables do not wrap, so the whole image stands below them.
    (what, said), *others = rows.items()
    table = [f"| {what} | {said} |", "|---|---|", *(f"| {name} | {said} |" for name, said in others)]
    return "\n".join([*table, "", _fenced(str(release.image))])


def _seen(seen: Sequence[Seen]) -> str:
    lines = (
        f"- {_SIGNS[each.verdict.outcome]} **{plain(each.where)}**: {plain(each.verdict.reason)}"
        for each in seen[:_MOST_SEEN]
    )
    return "\n".join(lines) or "Nothing: it was not verified there."


def _plan(question: Question) -> str:
    plan = question.environment.plan
    checks = _count(len(question.environment.checks), "smoke check")
    side_by_side = f", then {duration(plan.compare_s)} side by side with what is live" if plan.compare_s else ""
    steps = [f"**0 %**: ready, {checks} through the preview address{side_by_side}"]
    steps += [
        f"**{step.percent} %**" + (f", watched for {duration(step.watch_s)}" if step.watch_s else "")
        for step in plan.steps
    ]
    bake = f"{duration(plan.bake_s)} more at 100 %, then " if plan.bake_s else ""
    steps.append(f"{bake}{checks} through the public address")
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _way_back(question: Question) -> str:
    said = f"{plain(question.way_back)}: taken by itself at any sign of harm, and by hand at any time:"
    ours = f"surefoot rollback {question.environment.service} {question.environment.name}"
    by_hand = " ".join(question.undo.split())
    if not set(by_hand) & set("'\""):
        # One option a line, as a shell reads it too: the page is narrow. Within quotes that would not be the same.
        by_hand = by_hand.replace(" --", " \\\n  --")
    return f"{said}\n\n{_fenced(ours, by_hand)}"


def _fenced(*lines: str) -> str:
    """Return lines as a block of code whose fence is longer than any that is in it."""
    text = "\n".join(line for line in lines if line)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _since(question: Question) -> str:
    since = f"since {plain(question.last.short)}" if question.last else "that it brings"
    return f"{_count(len(question.commits), 'commit')} {since}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _commits(commits: Sequence[Commit], compare_url: str) -> str:
    lines = [
        f"- {code(commit.sha[:7])} {plain(commit.title)}{f' · {plain(commit.author)}' if commit.author else ''}"
        for commit in commits[:_MOST_COMMITS]
    ]
    if len(commits) > _MOST_COMMITS:
        lines.append(f"- and {len(commits) - _MOST_COMMITS} more")
    if commits and re.fullmatch(r"https?://[\w./~^%-]+", compare_url):
        lines.append(f"\n[All changes]({compare_url})")
    return "\n".join(lines)
