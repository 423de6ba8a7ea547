"""Addresses of servers that a person gives."""

from urllib.parse import urlsplit

from surefoot.errors import ConfigError
from tasks.settings.secrets import mask


def checked(url: str) -> str:
    """Return the address of a Prefect server's API as it was given; ConfigError where it is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        usable = False
    if not usable:
        raise ConfigError(f"PREFECT_API_URL: {mask(url)!r} is no address; write http(s)://HOST/api")
    return url
