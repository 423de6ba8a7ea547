"""Who may read from the registry, and how they prove it: nobody has to, by password, or by a token of its own."""

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

SERVICE = "registry.rehearsal"


@dataclass(slots=True)
class Guard:
    """The rule at the door; with `bearer`, tokens are got at /token, by users, or by `anonymous` too.

    `identity_tokens` stand for a user (token -> name), as `docker login` keeps them for some registries.
    """

    scheme: Literal["open", "basic", "bearer"] = "open"
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    identity_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    anonymous: bool = False
    lifetime_s: float = 300.0
    _issued: dict[str, tuple[str, str, float]] = field(default_factory=dict, repr=False)

    def caller(self, request: web.Request, scope: str) -> str | None:
        """Return who asks ("" for nobody in particular), None where they may not; without a scope any token will do."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if self.scheme == "open":
            return ""
        if self.scheme == "basic":
            return self._user(given) if scheme.lower() == "basic" else None
        name, scopes, until = self._issued.get(given, ("", "", 0.0))
        allowed = scheme.lower() == "bearer" and time.monotonic() < until and (not scope or scope in scopes.split())
        return name if allowed else None

    def challenge(self, realm: str, scope: str) -> str:
        """Return what `WWW-Authenticate` says."""
        if self.scheme == "basic":
            return f'Basic realm="{SERVICE}"'
        return f'Bearer realm="{realm}",service="{SERVICE}"' + (f',scope="{scope}"' if scope else "")

    async def token(self, request: web.Request) -> Mapping[str, Any] | None:
        """Return the token endpoint's answer, None where the log-in is not good."""
        asked = dict(request.query) if request.method == "GET" else dict(await request.post())
        name = self._name(request, asked)
        if name is None or asked.get("service") != SERVICE:
            return None
        token = secrets.token_urlsafe(24)
        self._issued[token] = (name, str(asked.get("scope", "")), time.monotonic() + self.lifetime_s)
        word = "token" if request.method == "GET" else "access_token"
        return {word: token, "expires_in": int(self.lifetime_s)}

    def revoke(self) -> None:
        """Take every issued token back."""
        self._issued.clear()

    def _name(self, request: web.Request, asked: Mapping[str, Any]) -> str | None:
        if request.method == "POST":
            refresh = str(asked.get("refresh_token", ""))
            return self.identity_tokens.get(refresh) if asked.get("grant_type") == "refresh_token" else None
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if not given:
            return "" if self.anonymous else None
        return self._user(given) if scheme.lower() == "basic" else None

    def _user(self, given: str) -> str | None:
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        known = self.users.get(name)
        return name if known and hmac.compare_digest(known.encode(), password.encode()) else None
