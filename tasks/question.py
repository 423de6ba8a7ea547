"""The approval page, as markdown for Prefect's form."""

from collections.abc import Sequence

from surefoot.approval import Question
from surefoot.units import duration
from tasks.picture import comparison
from tasks.store.approvals import ApprovalRecord


def markdown(question: Question, record: ApprovalRecord, problems: Sequence[str], looks: Sequence[dict] = ()) -> str:
    """Return what a person has to know to say yes or no; `problems` are of answers that could not be counted."""
    release, environment = question.release, question.environment
    parts = [f"> {problem}. Please answer again." for problem in problems[-1:]]
    parts += [
        f"## {release.short} to {environment.name}?",
        _facts(question, record),
        "### The plan",
        _plan(question),
        "### What staging has seen",
        "\n".join(f"- {line}" for line in question.evidence) or "- nothing: it was not verified in staging",
        comparison(looks),
    ]
    if release.commits:
        parts += [
            "### Commits",
            "\n".join(f"- `{commit.sha[:7]}` {commit.title} {commit.author}" for commit in release.commits),
        ]
    return "\n\n".join(part for part in parts if part)


def _facts(question: Question, record: ApprovalRecord) -> str:
    release = question.release
    return "\n".join(
        [
            "| | |",
            "|---|---|",
            f"| image | `{release.image}` |",
            f"| commit | `{release.commit[:12]}` {release.title} |",
            f"| way back | {question.way_back} |",
            f"| a yes counts for | plan `{question.short_hash}`, until {record.until:%Y-%m-%d %H:%M} UTC |",
        ]
    )


def _plan(question: Question) -> str:
    plan = question.environment.plan
    steps = [f"- smoke checks and {duration(plan.compare_s)} side by side at 0 %, through the preview address"]
    steps += [f"- **{step.percent} %**, watched for {duration(step.watch_s)}" for step in plan.steps]
    steps.append(f"- then {duration(plan.bake_s)} more at 100 %; put back by itself at any sign of harm")
    return "\n".join(steps)
