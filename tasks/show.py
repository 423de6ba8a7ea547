"""What the Prefect UI shows of a rollout: one page a place, whose versions are its history."""

import asyncio
import logging

from prefect.artifacts import acreate_markdown_artifact

from surefoot.units import count
from tasks.picture import comparison
from tasks.rollout import Rollout

# A page is worth this much of a run's time, and no more.
_LONGEST_S = 10.0
_LOG = logging.getLogger("surefoot")
_SIGNS = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?"}


async def show(rollout: Rollout, headline: str) -> None:
    """Write the rollout's page; a server that cannot be reached never breaks the work."""
    try:
        async with asyncio.timeout(_LONGEST_S):
            picture = await asyncio.to_thread(comparison, rollout.verdicts)
            page = "\n".join([f"# {headline}", "", *_facts(rollout), "", picture, "", *_looks(rollout)])
            key = rollout.site.key.replace("/", "-")
            await acreate_markdown_artifact(page, key=key, description=headline)
    except Exception as problem:  # the page is for people; traffic does not wait for it
        _LOG.warning("the page of %s could not be written: %s", rollout.id, problem)


def _facts(rollout: Rollout) -> list[str]:
    release = rollout.release
    return [
        "| | |",
        "|---|---|",
        f"| release | {release.short} · `{release.commit[:7]}` {release.title} |",
        f"| image | `{release.image}` |",
        f"| way back | {rollout.attempt.before} |",
        *(f"| smoke, {where} | {reason} |" for where, reason in rollout.smoked.items()),
    ]


def _looks(rollout: Rollout) -> list[str]:
    rows = [
        f"| {_SIGNS[look['outcome']]} | {look['at']} | {count(look['canary']['requests'])} | {look['reason']} |"
        for look in rollout.verdicts
    ]
    return ["| | look | requests | verdict |", "|---|---|--:|---|", *rows] if rows else []
