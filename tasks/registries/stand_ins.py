"""Who stands in for a registry on this machine, as the rehearsal does for its own."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from surefoot.errors import ConfigError
from tasks.loopback import is_loopback

_EXAMPLE = "write host=http://127.0.0.1:PORT"


def read_stand_ins(text: str) -> Mapping[str, str]:
    """Read `host=http://127.0.0.1:5000,…`: who stands in for which registry; only this machine may."""
    stand_ins = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        host, equals, url = pair.partition("=")
        # Not quoted: somebody may have written a password into the address.
        if not equals or not host or not _is_base(url):
            raise ConfigError(f"what stands in for registry {host[:80]!r} is not an address here; {_EXAMPLE}")
        stand_ins[host] = url.rstrip("/")
    return stand_ins


def is_here(host: str) -> bool:
    """Say whether `host` or `host:port` is this machine itself."""
    return is_loopback(urlsplit(f"//{host}").hostname or "")


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.path in ("", "/") and not (parts.query or parts.fragment)
        return plain and "@" not in parts.netloc and bool(parts.port) and is_here(parts.netloc)
    except ValueError:
        return False
