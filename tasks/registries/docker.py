"""The log-in that Docker keeps for a registry: config.json, and the credential helpers it names."""

import asyncio
import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from surefoot.errors import ConfigError, Unavailable
from tasks.registries.login import Login

_HELPER_S = 10.0
_HUB = "https://index.docker.io/v1/"
_HUB_HOSTS = ("registry-1.docker.io", "index.docker.io", "docker.io")
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Helpers answer so, on stdout, where they have nothing for a server.
_NOTHING = b"credentials not found"


async def login_for(host: str) -> Login | None:
    """Return what Docker would log in with, None where it would not; ConfigError where its file is not right."""
    path = _path()
    config = _config(path)
    names = (_HUB, *_HUB_HOSTS) if host in _HUB_HOSTS else (host,)
    helpers = _section(path, config, "credHelpers")
    helper = next((helpers[name] for name in names if name in helpers), config.get("credsStore"))
    found = await _from_helper(path, helper, names[0]) if helper else None
    return found or _from_file(path, _section(path, config, "auths"), names)


def _path() -> Path:
    try:
        folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    except RuntimeError:  # a user without a home, as in some containers
        folder = Path(os.devnull)
    return folder / "config.json"


def _config(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from problem
    with suppress(ValueError, RecursionError):
        if isinstance(config := json.loads(text), dict):
            return config
    # Outside of the except: the parser's error holds the whole text, and that holds passwords.
    raise ConfigError(f"{path}: not a JSON object; repair it, or log in again: docker login")


def _section(path: Path, config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name) or {}
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: {name} is not an object of registries; repair it, or log in again: docker login")
    return found


def _from_file(path: Path, auths: Mapping[str, Any], names: tuple[str, ...]) -> Login | None:
    by_host = {_host(name): entry for name, entry in auths.items()}
    entry = next((by_host[_host(name)] for name in names if _host(name) in by_host), None)
    if not isinstance(entry, dict):
        return None
    if token := entry.get("identitytoken"):
        return Login(identity_token=str(token))
    if entry.get("auth"):
        return _decoded(path, names[0], str(entry["auth"]))
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    return Login(user, password) if user and password else None


def _decoded(path: Path, name: str, auth: str) -> Login:
    with suppress(binascii.Error, UnicodeDecodeError, ValueError):
        user, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
        if colon and password:
            return Login(user, password.rstrip("\0"))
    raise ConfigError(f"{path}: auth of {name} is not user:password in base64; log in again: docker login {name}")


async def _from_helper(path: Path, helper: Any, server: str) -> Login | None:
    if not isinstance(helper, str) or not _HELPER_NAME.fullmatch(helper):
        raise ConfigError(f"{path}: {str(helper)[:40]!r} is not the name of a credential helper")
    program = f"docker-credential-{helper}"
    code, said = await _run(path, program, server)
    if code:
        if _NOTHING in said:
            return None
        raise ConfigError(f"{program} failed; see why: echo {server} | {program} get")
    with suppress(ValueError, RecursionError, KeyError, TypeError):
        answer = json.loads(said)
        user, secret = str(answer["Username"]), str(answer["Secret"])
        return Login(identity_token=secret) if user == "<token>" else Login(user, secret)
    raise ConfigError(f"{program} does not answer with Username and Secret; is it a credential helper?")


async def _run(path: Path, program: str, server: str) -> tuple[int, bytes]:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            program, "get", stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as problem:
        raise ConfigError(f"{path} names {program}, which cannot be run: {problem.strerror}") from problem
    try:
        async with asyncio.timeout(_HELPER_S):
            said, _ = await process.communicate(server.encode())
    except TimeoutError as problem:
        raise Unavailable(f"{program} gave no answer within {_HELPER_S:g} s") from problem
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said


def _host(name: str) -> str:
    """Return the host of a key of config.json, which may be an address."""
    return name.rpartition("://")[2].partition("/")[0].lower()
