"""Where a registry is: https at its own name, or on this machine where a rehearsal stands in for it."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from surefoot.errors import ConfigError

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


def base_of(host: str) -> str:
    """Return a registry's own address: plain http only where nothing leaves this machine."""
    return f"{'http' if is_loopback(host) else 'https'}://{host}"


def origin(url: str) -> tuple[str, str, int]:
    """Return what has to be equal for two addresses to be one and the same server."""
    parts = httpx.URL(url)  # the reader that requests are made with: two readers may see two hosts
    return parts.scheme, parts.host, parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def may_go(url: str, base: str) -> bool:
    """Say whether a registry at `base` may send us on to `url`: over TLS, or from this machine to this machine."""
    try:
        scheme, host, _ = origin(url)
        if not host or httpx.URL(url).userinfo:
            return False
    except httpx.InvalidURL:
        return False
    return scheme == "https" or (scheme == "http" and _is_this_machine(host) and _is_this_machine(origin(base)[1]))


def is_loopback(host: str) -> bool:
    """Say whether `host` or `host:port` is this machine itself."""
    return _is_this_machine(urlsplit(f"//{host}").hostname or "")


def _is_this_machine(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.path in ("", "/") and not (parts.query or parts.fragment)
        return plain and "@" not in parts.netloc and bool(parts.port) and is_loopback(parts.netloc)
    except ValueError:
        return False
