"""What is new to users, and what a run has asked: read back from both databases."""

import asyncio
from dataclasses import replace

from surefoot.release import Commit
from surefoot.rollout import Phase
from tasks.commits import since_last
from tasks.store import approvals, releases, rollouts
from tasks.store.releases import Asked

STAGING, PRODUCTION = "shop/staging", "shop/production"


def brought(release_of, version, *commits):
    return replace(release_of(version, commits[0]), commits=tuple(Commit(sha, f"Title {sha}") for sha in commits))


def test_commits_are_those_of_every_release_staging_had_since_each_once_and_the_newest_first(
    store, now, release_of, attempt_of
):
    first, second = brought(release_of, "1", "aaaaaaa"), brought(release_of, "2", "bbbbbbb")
    third, later = brought(release_of, "3", "ccccccc", "bbbbbbb"), brought(release_of, "4", "ddddddd")

    async def story():
        for number, release in enumerate((first, second, third, later)):
            await store.run(releases.register, STAGING, release, now, f"run-{number}")
        asked = Asked(1, PRODUCTION, third, "run-9", now)
        before = await store.run(since_last, asked)
        await store.run(rollouts.begin, attempt_of(release=first))
        await store.run(rollouts.end, "r1", Phase.PROMOTED, now, fence=1)
        return before, await store.run(since_last, asked)

    (all_of_it, nothing), (new, last) = asyncio.run(story())
    assert ([commit.sha for commit in all_of_it], nothing) == (["ccccccc", "bbbbbbb", "aaaaaaa"], None)
    assert ([commit.sha for commit in new], last) == (["ccccccc", "bbbbbbb"], first)


def test_a_release_older_than_what_users_have_brings_only_its_own(store, now, release_of, attempt_of):
    old, new = brought(release_of, "1", "aaaaaaa"), brought(release_of, "2", "bbbbbbb")

    async def story():
        for release in (old, new):
            await store.run(releases.register, STAGING, release, now, release.id)
        await store.run(rollouts.begin, attempt_of(release=new))
        await store.run(rollouts.end, "r1", Phase.PROMOTED, now, fence=1)
        return await store.run(since_last, Asked(1, PRODUCTION, old, "run-9", now))

    commits, last = asyncio.run(story())
    assert ([commit.sha for commit in commits], last) == (["aaaaaaa"], new)


def test_every_question_of_a_run_is_read_back_in_its_order(store, now):
    async def story():
        for run, plan in (("run-1", "a"), ("run-2", "b"), ("run-1", "c")):
            await store.run(
                approvals.ask, key=PRODUCTION, release_id="r", run_id=run, plan_hash=plan, shown={}, until=now, now=now
            )
        return await store.run(approvals.of_run, "run-1")

    assert [(each.plan_hash, each.state) for each in asyncio.run(story())] == [("a", "superseded"), ("c", "asked")]
