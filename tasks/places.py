"""Every environment of every service that this machine knows."""

from collections.abc import Iterator

from tasks import settings


def every_place() -> Iterator[tuple[str, str]]:
    """Yield (service file, environment) of all service files, in their order."""
    for path in settings.find_service_files():
        for name in settings.load_service(path).environments:
            yield str(path), name
