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
_MOST_COMMITS = 30
_LONGEST = 300


def markdown(question: Question, until: datetime, problem: str = "", compare_url: str = "") -> str:
    """Return the page of a question that counts `until` then; `problem` is why the last answer could not be counted.

    Below 100 kB, whatever is in it: Prefect's page stays quick.
    """
    release, environment = question.release, question.environment
    parts = [
        _again(problem),
        f"## {plain(release.short)} to {plain(environment.name)}?",
        _facts(question, until),
        "### What staging has seen",
        _seen(question.seen),
        comparison(question.looks),
        "### The plan",
        _plan(question),
        "### The way back",
        _way_back(question),
        f"### {_since(question)}",
        _commits(question.commits, compare_url),
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
    return re.sub(r"[!-/:-@\[-`{-~]", _entity, shown)


def code(text: str) -> str:
    """Return foreign text as code, for a table too; a code span has no escapes, so what would end it is replaced."""
    line = " ".join(text.split())[:_LONGEST].replace("`", "'").replace("|", "¦")
    return f"`{line}`" if line else ""


def _entity(sign: re.Match[str]) -> str:
    # What numbers, times and names are written with has no meaning inside a line.
    return sign[0] if sign[0] in "%,'-;" else f"&#{ord(sign[0])};"


def _again(problem: str) -> str:
    return f"> **Please answer again:** {plain(problem)}." if problem else ""


def _facts(question: Question, until: datetime) -> str:
    release, rule = question.release, question.environment.approval
    who = ", ".join(plain(each) for each in rule.approvers) if rule and rule.approvers else "anybody who reads this"
    rows = {
        "what": f"**{plain(release.title)}**" if release.title else "",
        "image": code(str(release.image)),
        "commit": code(release.commit[:12]),
        "a yes counts": f"from {who}, until {until:%Y-%m-%d %H:%M} UTC, for plan {code(question.short_hash)} only",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {said} |" for name, said in rows.items() if said)])


def _seen(seen: Sequence[Seen]) -> str:
    if not seen:
        return "Nothing: it was not verified there."
    rows = [
        f"| {_SIGNS[each.verdict.outcome]} | {plain(each.where)} | {plain(each.verdict.reason)} |" for each in seen[:40]
    ]
    return "\n".join(["| | | |", "|---|---|---|", *rows])


def _plan(question: Question) -> str:
    plan = question.environment.plan
    side_by_side = f", then {duration(plan.compare_s)} side by side with what is live" if plan.compare_s else ""
    steps = [
        f"**0 %**: ready, {len(question.environment.checks)} smoke checks through the preview address{side_by_side}"
    ]
    steps += [
        f"**{step.percent} %**" + (f", watched for {duration(step.watch_s)}" if step.watch_s else "")
        for step in plan.steps
    ]
    steps.append(
        f"{f'{duration(plan.bake_s)} more at 100 %, ' if plan.bake_s else ''}smoke checks through the public address"
    )
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _way_back(question: Question) -> str:
    service, environment = question.environment.service, question.environment.name
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", question.undo)), default=0))
    by_hand = [f"surefoot rollback {service} {environment}", " ".join(question.undo.split())]
    return "\n".join(
        [
            f"{plain(question.way_back)}: taken by itself at any sign of harm, and by hand at any time:",
            "",
            fence,
            *(line for line in by_hand if line),
            fence,
        ]
    )


def _since(question: Question) -> str:
    number = len(question.commits)
    since = f"since {plain(question.last.short)}" if question.last else "that it brings"
    return f"{number} commit{'' if number == 1 else 's'} {since}" if number else ""


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
