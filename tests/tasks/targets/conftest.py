"""Rehearsed platforms with one service that serves, for every target there is."""

from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path

import pytest
from target_world import TENTHS, World, write_catalogue
from target_world_cloud_run import make_cloud_run
from target_world_ecs import make_ecs

from rehearsal.catalogue import Catalogue
from rehearsal.cloud import Rehearsal
from rehearsal.cloud_run import Pace
from surefoot.rollout import Plan

MAKERS = {"cloud_run": make_cloud_run, "ecs": make_ecs}


@pytest.fixture
def anyio_backend() -> str:
    """Say that these tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return write_catalogue(tmp_path)


@pytest.fixture
async def rehearsal(catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Rehearsal]:
    # A hanging image is given up after 1 s instead of 240.
    pace = Pace(traffic_lag_s=0.02, speed=240, least_grace_s=0.7)
    async with Rehearsal.start(catalogue, tmp_path, pace=pace) as running:
        yield running


@pytest.fixture(params=list(MAKERS))
def kind(request: pytest.FixtureRequest) -> str:
    """Return each kind of target in turn; a test for one kind alone sets it."""
    return request.param


@pytest.fixture
async def make_world(kind: str, rehearsal: Rehearsal) -> Callable:
    """Return a function that makes one more service."""
    numbers = count(1)

    def make(plan: Plan = TENTHS, **settings: str) -> object:
        return MAKERS[kind](rehearsal, f"shop{next(numbers)}", plan, **settings)

    return make


@pytest.fixture
async def world(make_world: Callable) -> World:
    """Return a service."""
    return await make_world()
