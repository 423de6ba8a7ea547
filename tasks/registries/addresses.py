"""Where a registry is: https at its own name, or on this machine where a rehearsal stands in for it."""

import httpx

from tasks.loopback import is_loopback
from tasks.registries.stand_ins import is_here


def base_of(host: str) -> str:
    """Return a registry's own address: plain http only where nothing leaves this machine."""
    return f"{'http' if is_here(host) else 'https'}://{host}"


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
    return scheme == "https" or (scheme == "http" and is_loopback(host) and is_loopback(origin(base)[1]))
