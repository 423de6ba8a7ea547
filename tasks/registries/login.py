"""How we say who we are: what a registry asks for (`WWW-Authenticate`), and what is answered."""

import base64
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from surefoot.errors import Refused
from tasks.registries.addresses import may_go
from tasks.registries.wire import Answer, Wire

_PIECE = re.compile(r'[\s,=]*(?:([A-Za-z_-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]+)|([A-Za-z][\w-]*))')
_CHALLENGES_MAX = 8192
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")


@dataclass(frozen=True, slots=True)
class Login:
    """A user's password, or the token that stands for both."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """Return user and password as a header carries them."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in that a registry offers: `Bearer` with realm, service and scope, or `Basic`."""

    scheme: str
    parameters: Mapping[str, str]


Logins = Callable[[], Awaitable[Login | None]]


def challenges(headers: Sequence[str]) -> list[Challenge]:
    """Return what `WWW-Authenticate` offers, in order."""
    found: list[Challenge] = []
    text = ", ".join(headers)[:_CHALLENGES_MAX]
    at = 0
    while piece := _PIECE.match(text, at):
        at = piece.end()
        name, value, scheme = piece.groups()
        if scheme:
            found.append(Challenge(scheme.lower(), {}))
        elif found:
            plain = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
            found[-1] = Challenge(found[-1].scheme, {**found[-1].parameters, name.lower(): plain})
    return found


async def authorization(wire: Wire, asked: Answer, scope: str, logins: Logins, hints: Mapping[int, str]) -> str:
    """Return the `Authorization` that answers a 401; Refused where we have nothing to answer with."""
    offered = {each.scheme: each for each in reversed(challenges(asked.headers.get_list("www-authenticate")))}
    where = urlsplit(wire.base).netloc
    if "bearer" in offered:
        return f"Bearer {await _token(wire, offered['bearer'].parameters, scope, await _hidden(wire, logins), hints)}"
    if "basic" not in offered:
        raise Refused(f"{where}: asks for a log-in we do not know ({', '.join(offered) or 'none is named'})")
    login = await _hidden(wire, logins)
    if login is None or not login.password:
        raise Refused(f"{where}: HTTP 401, and there is no password for it; {hints[401]}")
    return f"Basic {login.basic}"


async def _hidden(wire: Wire, logins: Logins) -> Login | None:
    login = await logins()
    if login is not None:
        wire.hide((login.password, login.identity_token, login.basic if login.password else ""))
    return login


async def _token(
    wire: Wire, asked: Mapping[str, str], scope: str, login: Login | None, hints: Mapping[int, str]
) -> str:
    """Get a token where the registry says, and nowhere that would read our password on the way."""
    realm, where = asked.get("realm", ""), urlsplit(wire.base).netloc
    if not may_go(realm, wire.base):
        raise Refused(f"{where}: wants our log-in sent to where we do not send it; only https:// is trusted")
    wanted = {"service": asked.get("service", ""), "scope": asked.get("scope") or scope}
    answer = await _log_in(wire, realm, wanted, login)
    what = f"log in to {where} at {urlsplit(realm).netloc}{'' if login else ' without a user'}"
    if answer.status != 200:
        raise wire.refusal(answer, what, {**hints, 403: hints[401]})
    said = answer.json()
    token = said.get("token") or said.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Refused(f"{what}: answered without a token")
    wire.hide((token,))
    return token


async def _log_in(wire: Wire, realm: str, wanted: Mapping[str, str], login: Login | None) -> Answer:
    wanted = {name: value for name, value in wanted.items() if value}
    if login is not None and login.identity_token:
        grant = {"grant_type": "refresh_token", "client_id": "surefoot", "refresh_token": login.identity_token}
        return await wire.ask("POST", realm, {}, {**wanted, **grant})
    basic = {"Authorization": f"Basic {login.basic}"} if login and login.password else {}
    return await wire.ask("GET", str(httpx.URL(realm).copy_merge_params(wanted)), basic)
