"""What is released is an image that is there, by digest; the way back asks no registry."""

from collections.abc import Mapping
from typing import Any

import pytest
from prefect_real import RealPrefect
from rollout_world import REPOSITORY, WATCHED, World

from rehearsal.registry.fault import RegistryFault
from surefoot.errors import ConfigError, NotNow
from tasks.clock import now
from tasks.register import Wanted
from tasks.site import Run, open_site
from tasks.store import releases

pytestmark = pytest.mark.anyio

TAG = f"{REPOSITORY}:1.1.0"


@pytest.mark.parametrize(
    ("version", "fault", "said"),
    [
        ("9.9.9", {}, "is not there, though registry.rehearsal/shop is; was the image deleted, or pushed elsewhere?"),
        ("1.1.0", {"status": 401}, "cannot be looked at, so nothing was begun: 127.0.0.1:"),
        ("1.1.0", {"status": 403}, "HTTP 403; ask for the right to pull, or log in: docker login registry.reh"),
        ("1.1.0", {"status": 503, "retry_after_s": 600}, "cannot be looked at, so nothing was begun: HEAD http"),
    ],
)
async def test_an_image_that_is_not_there_or_cannot_be_looked_at_is_not_begun_with(
    world: World, version: str, fault: Mapping[str, Any], said: str
):
    await world.service()
    if fault:
        world.rehearsal.registry.faults.add(RegistryFault(times=1000, **fault))
    ended = await world.roll_out(version=version)

    assert type(ended.problem) is NotNow
    assert said in ended.why
    assert ended.attempt is None
    assert world.writes() == 0


async def test_the_way_back_asks_no_registry(world: World):
    await world.service(steps=WATCHED)
    world.rehearsal.registry.faults.add(RegistryFault(after=1, times=1000, status=503, retry_after_s=600))
    ended = await world.roll_out(version="1.2.0-errors")

    assert (ended.phase, world.live()) == ("put back", {world.first(): 100})
    assert [call.method for call in world.rehearsal.registry.journal.of()] == ["HeadManifest"]


async def test_a_run_releases_what_a_tag_named_when_it_asked_first(
    world: World, prefect: RealPrefect, monkeypatch: pytest.MonkeyPatch
):
    await world.service("tagged", staging=True)
    wanted = Wanted(TAG, "4e1c9aa0")
    async with open_site("tagged", "staging", Run("the-run")) as site:
        first = await wanted.release(site)
        await site.keep(releases.register, site.key, first, now(), site.run.id)
        repository = world.rehearsal.registry.repository("shop")
        monkeypatch.setitem(repository.tags, "1.1.0", repository.tags["1.2.0"])
        again = await wanted.release(site)
    async with open_site("tagged", "staging", Run("another-run")) as site:
        moved = await wanted.release(site)

    assert first.image == again.image == world.image("1.1.0")
    assert moved.image == world.image("1.2.0")


@pytest.mark.parametrize(
    ("image", "kind", "said"),
    [
        (f"{REPOSITORY}:1.0.1", NotNow, f"parameter image: {REPOSITORY}:1.0.1 is not there; nearest of its 8 tags: 1."),
        ("shop:", ConfigError, "parameter image: 'shop:': '' is not a tag"),
        ("shop", ConfigError, "parameter image: 'shop' has neither tag nor digest"),
    ],
)
async def test_a_parameter_that_names_no_image_is_said_to_be_wrong(
    world: World, image: str, kind: type[Exception], said: str
):
    await world.service("unnamed", staging=True)
    async with open_site("unnamed", "staging", Run("the-run")) as site:
        with pytest.raises(kind) as raised:
            await Wanted(image, "4e1c9aa0").release(site)
    assert str(raised.value).startswith(said)
