"""Every environment of every service that this machine knows, and those that it should know."""

from collections.abc import Iterator

from surefoot.errors import ConfigError
from surefoot.service import Service
from tasks import settings
from tasks.store import rollouts
from tasks.store.database import Store


def services(mistakes: list[str]) -> Iterator[tuple[str, Service]]:
    """Yield (file, service) of all service files, in their order; a file with mistakes is only told of."""
    for path in settings.find_service_files():
        try:
            yield str(path), settings.load_service(path)
        except ConfigError as problem:
            mistakes.append(f"! {path} cannot be used, so nobody looks after its service: {problem}")


async def forgotten(store: Store, known: set[str]) -> list[str]:
    """Return what to say of rollouts that are open in places which no service file has."""
    return [
        f"! the rollout of {attempt.release.short} in {attempt.key} is open at {attempt.percent} %, and no service "
        f"file has that place: write it again as it was, then surefoot watchdog (the way back is {attempt.before})"
        for attempt in await store.run(rollouts.open_rollouts)
        if attempt.key not in known
    ]
