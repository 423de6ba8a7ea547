"""Rollouts that are judged by what a real Prometheus has scraped of users' requests."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_real import EVERY, RealPrometheus, running
from rollout_world import CLIMBED, Ended, World

from surefoot.errors import Unhealthy
from surefoot.judge import Judge
from surefoot.rollout import Step
from surefoot.verdict import Outcome
from tasks.clock import now
from tasks.deploy import shift, stage
from tasks.evidence import looks_of, terms_of
from tasks.hold import hold
from tasks.rollout import begin
from tasks.site import Run, open_site
from tasks.store.releases import Asked, register
from tasks.watch import look, sources

pytestmark = [pytest.mark.anyio, pytest.mark.real, pytest.mark.timeout(180)]

WATCHED = ({"traffic": "25%", "watch": "2s"}, {"traffic": "100%", "watch": "1s"})
PLAN = {"steps": WATCHED, "look": "400ms", "patience": "60s"}
_USERS = 'service="rehearsal/laptop/shop",address="public",revision="$revision"'
VITALS = {
    "source": "prometheus",
    "requests": f"rehearsal_requests_total{{{_USERS}}}",
    "latency": f"rehearsal_request_seconds_bucket{{{_USERS}}}",
    "scrape_interval": EVERY,
    "delay": "200ms",
    "stale_after": "5s",
}
# As many requests as the canary gets in two seconds.
FEW = 50


@pytest.fixture
def prometheus(world: World, require) -> Iterator[RealPrometheus]:
    """Have a Prometheus that scrapes what the world's load balancer counts."""
    folder = world.folder / "prometheus"
    folder.mkdir()
    with running(require("prometheus"), folder, world.rehearsal.control_url) as real:
        yield real


class Scrapes:
    """What each scrape was told of users' requests, by revision: a collector beside the cloud's own."""

    def __init__(self, world: World) -> None:
        self.told: list[tuple[int, ...]] = []
        self._world = world
        world.rehearsal.cloud.reconciler.tally.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Add nothing to the scrape, and note what it is told."""
        self.told.append(tuple(requests for requests, _ in self._world.counted().values()))
        return iter(())


@pytest.mark.slow
async def test_a_good_release_climbs_by_what_its_users_met_and_is_promoted(world: World, prometheus: RealPrometheus):
    await judged_by_users(world, prometheus)
    async with world.users():
        climbing = asyncio.create_task(world.roll_out())
        await world.until_entry("shift: done")
        scrapes = Scrapes(world)
        await world.until_entry("move")
        by_then = world.counted()
        ended = await climbing

    assert (ended.problem, ended.phase, world.live()) == (None, "promoted", {ended.canary: 100})
    often = ("look", "move")
    assert without(often, world.kinds(ended.attempt.id)) == without(often, CLIMBED)
    assert {each["seen"]["share"] for each in looks(world, ended, 25)} == {0.25}
    began, over = from_scrape_to_scrape(counted(world, ended, 25), scrapes.told)
    assert began <= FEW, "little of what came after the shift is missed"
    assert 0 <= by_then[ended.canary][0] - over <= FEW, "nor much of what came before the next"
    at_the_top = looks(world, ended, 100)
    assert {(each["seen"]["share"], *(ours["share"] for ours in each["also"])) for each in at_the_top} == {(1.0, 0.0)}
    assert_judged_anew_alike(world, ended)


async def test_a_release_that_fails_its_users_is_put_back_and_the_reason_has_both_sides(
    world: World, prometheus: RealPrometheus
):
    await judged_by_users(world, prometheus)
    async with world.users():
        ended = await world.roll_out(version="1.2.0-errors")

    assert type(ended.problem) is Unhealthy
    assert (ended.phase, world.live(), world.mark()) == ("put back", {world.first(): 100}, "")
    last = looks(world, ended, 25)[-1]
    assert (last["outcome"], f"at 25 %: {last['reason']}") == ("FAIL", ended.why)
    failed = sum(each["seen"]["canary"]["errors"] for each in looks(world, ended, 25))
    stable, canary = (sum(side) for side in zip(*counted(world, ended, 25), strict=True))
    assert re.match(
        rf"errors {failed} of {canary} \(\d+ %\) vs 0 of {stable}: .*; {failed} times 500; ", last["reason"]
    )
    assert 0 < failed <= world.counted()[ended.canary][1]
    assert_judged_anew_alike(world, ended)


@pytest.mark.slow
async def test_who_loses_prometheus_holds_then_puts_back_and_blames_nobody(world: World, prometheus: RealPrometheus):
    await judged_by_users(world, prometheus, patience="2s")
    async with world.users():
        climbing = asyncio.create_task(world.roll_out())
        await world.until_entry("look")
        await asyncio.to_thread(prometheus.stop)
        ended = await climbing

    dark = "could not look: prometheus cannot be reached"
    assert re.fullmatch(rf"at 25 %: still unclear after \d+ s: {dark}", ended.why)
    assert (ended.phase, world.live(), world.mark()) == ("put back", {world.first(): 100}, "")
    assert "held at 25 %: could not look: prometheus" in "\n".join(world.said())
    assert {each["outcome"] for each in looks(world, ended, 25)} == {"INCONCLUSIVE"}
    assert looks(world, ended, 25)[0]["seen"]["canary"]["blind"] == "", "it could see at first"
    assert_judged_anew_alike(world, ended)


@pytest.mark.slow
async def test_a_rollout_that_begins_again_is_judged_by_what_was_seen_before_it_died_too(
    world: World, prometheus: RealPrometheus
):
    await judged_by_users(world, prometheus)
    async with world.users():
        assert await die_at_25(world, "1.1.0", "again", looks=4) == 4
        ended = await world.roll_out(run="again")

    assert ended.phase == "promoted"
    kinds = world.kinds(ended.attempt.id)
    assert (kinds.count("rollout begun"), kinds.count("terms"), kinds.count("stage: done")) == (1, 1, 2)
    stable, canary = (sum(side) for side in zip(*counted(world, ended, 25), strict=True))
    assert looks(world, ended, 25)[-1]["reason"].startswith(f"errors 0 of {canary:,} vs 0 of {stable:,}; ")
    assert_judged_anew_alike(world, ended)


@pytest.mark.slow
async def test_a_rollout_that_had_failed_before_it_died_gets_no_second_chance(world: World, prometheus: RealPrometheus):
    await judged_by_users(world, prometheus)
    async with world.users():
        died_after = await die_at_25(world, "1.2.0-slow", "again", looks=100)
        ended = await world.roll_out(version="1.2.0-slow", run="again")

    assert type(ended.problem) is Unhealthy
    assert ended.why.startswith("had failed before its run died: p50 ")
    assert (ended.phase, world.live(), world.mark()) == ("put back", {world.first(): 100}, "")
    assert len(looks(world, ended, 25)) == died_after < 100


# What happens


async def judged_by_users(world: World, prometheus: RealPrometheus, **more: Any) -> None:
    """Create a shop that is judged by its users' requests; returns once Prometheus scrapes them."""
    await world.service(**{**PLAN, **more}, vitals={**VITALS, "url": prometheus.url})
    await prometheus.scraped()


async def die_at_25(world: World, version: str, run: str, looks: int) -> int:
    """Climb to 25 %, look so often or until it fails, and leave all as a process that dies does; return how often."""
    release = world.release("shop", version)
    async with open_site("shop", "production", Run(run)) as site:
        seq = await site.keep(register, site.key, release, now(), run)
        asked = Asked(seq, site.key, release, run, now())
        async with hold(site, asked) as lease, sources(site.environment, 25) as seeing:
            rollout = await begin(site, asked, lease)
            await stage(rollout)
            await shift(rollout, Step(25, 2.0))
            seeing[0].begin()
            for number in range(1, looks + 1):
                verdict = await look(rollout, seeing, 25, f"25 %, look {number}")
                if verdict.outcome is Outcome.FAIL:
                    break
    return number


# What was seen


def looks(world: World, ended: Ended, percent: int) -> list[dict[str, Any]]:
    """Return what the ledger has of the looks at a step."""
    entries = world.entries(ended.attempt.id)
    return [each.fields for each in entries if each.kind == "look" and each.fields["what"].startswith(f"{percent} %")]


def counted(world: World, ended: Ended, percent: int) -> list[tuple[int, int]]:
    """Return the requests to both sides that each look at a step has in the ledger, stable's first."""
    seen = (each["seen"] for each in looks(world, ended, percent))
    return [(each["stable"]["requests"], each["canary"]["requests"]) for each in seen]


def from_scrape_to_scrape(counts: Sequence[tuple[int, int]], told: Sequence[tuple[int, ...]]) -> tuple[int, int]:
    """Return what the canary had counted where the first look began and where the last ended.

    Each has to end with what one scrape was told of both sides, and the next to begin with that: to the request.
    """
    grown = list(accumulate(counts, lambda so_far, more: (so_far[0] + more[0], so_far[1] + more[1])))
    for stable, canary in told:
        if all((stable + by_stable, canary + by_canary) in told for by_stable, by_canary in grown):
            return canary, canary + grown[-1][1]
    raise AssertionError(f"the looks {counts} do not lie between scrapes: {told}")


def without(kinds: Sequence[str], entries: Sequence[str]) -> list[str]:
    return [kind for kind in entries if kind not in kinds]


def assert_judged_anew_alike(world: World, ended: Ended) -> None:
    """What the ledger has is all that the judge had: judged again it comes to the same, look by look."""
    entries = world.entries(ended.attempt.id)
    terms = terms_of(entries)
    assert terms is not None
    judge, anew = Judge(terms), []
    for seen in looks_of(entries):
        judge.see(*seen)
        anew.append((str(judge.verdict.outcome), judge.verdict.reason))
    assert anew == [(each.fields["outcome"], each.fields["reason"]) for each in entries if each.kind == "look"]
