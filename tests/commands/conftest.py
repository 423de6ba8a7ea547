"""What the typed commands share."""

from collections.abc import Iterator

import pytest
from rollout_world import anyio_backend

__all__ = ["anyio_backend"]


@pytest.fixture(autouse=True)
def only_its_own_services(request: pytest.FixtureRequest) -> Iterator[None]:
    """Take away the service files that a test wrote: nobody looks after them in the tests that come later."""
    if "prefect" not in request.fixturenames:
        yield
        return
    services = request.getfixturevalue("prefect").services
    before = set(services.glob("*.yaml"))
    yield
    for file in set(services.glob("*.yaml")) - before:
        file.unlink()
