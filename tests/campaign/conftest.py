"""What the campaigns share."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prefect_real import RealPrefect
from rollout_world import World, anyio_backend, world

__all__ = ["anyio_backend", "world"]


@contextmanager
def lent(prefect: RealPrefect, world: World, **more: str) -> Iterator[None]:
    """Let processes that are started meanwhile work on this world."""
    before = dict(prefect.environ)
    prefect.environ.update(world.environ | more)
    try:
        yield
    finally:
        prefect.environ.clear()
        prefect.environ.update(before)


@pytest.fixture
def worker_here(prefect: RealPrefect, world: World) -> Iterator[RealPrefect]:
    """Have a real worker whose runs work on this world, and are missed after two seconds of silence."""
    with lent(prefect, world, SUREFOOT_LEASE="2s"):
        prefect.start_worker()
        yield prefect
        prefect.stop("worker")
