"""The tool's own settings: SUREFOOT_* variables. What is deployed stands in service files, never here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from surefoot.errors import ConfigError
from surefoot.units import parse_duration
from tasks.registries.stand_ins import read_stand_ins
from tasks.settings.near import near

KNOWN: Mapping[str, str] = {
    "SUREFOOT_STORE": "where releases, ledger, leases and notices are kept: a file, or a postgresql:// address",
    "SUREFOOT_SERVICES": "the folder of service files, or one file",
    "SUREFOOT_LEASE": "how long a run may be silent before the watchdog takes its rollout over: 30s",
    "SUREFOOT_REGISTRIES": "what stands in for a registry on this machine: registry.rehearsal=http://127.0.0.1:5000",
}
_DEFAULT_STORE = Path(".surefoot/store.db")
_DATABASES = ("sqlite", "postgresql")
# It is renewed three times in between, also on a machine that is busy.
_LEASE_S, _SHORTEST_LEASE_S = 30.0, 1.0


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """Where the store is (a database address, which may hold a password: never printed) and the service files are.

    `lease_s` is how long a run at work may be silent, seconds; `registries` is who stands in for which registry's host.
    """

    store_url: str = field(repr=False)
    services: Path | None = None
    lease_s: float = _LEASE_S
    registries: Mapping[str, str] = field(default_factory=dict)


def tool_settings(environ: Mapping[str, str] = os.environ, *, below: Path | None = None) -> ToolSettings:
    """Read SUREFOOT_*, relative paths being `below` a folder; ConfigError names every variable that is not known."""
    unknown = [name for name in environ if name.startswith("SUREFOOT_") and name not in KNOWN]
    if unknown:
        raise ConfigError("\n".join(f"{name}: unknown; {near(name, KNOWN)}" for name in sorted(unknown)))
    root = (below or Path()).absolute()
    services = environ.get("SUREFOOT_SERVICES")
    return ToolSettings(
        _store_url(environ.get("SUREFOOT_STORE", ""), root),
        root / services if services else None,
        _lease_s(environ.get("SUREFOOT_LEASE", "")),
        _registries(environ.get("SUREFOOT_REGISTRIES", "")),
    )


def _store_url(text: str, root: Path) -> str:
    scheme, mark, rest = text.partition("://")
    if not mark:
        return f"sqlite:///{root / (text or _DEFAULT_STORE)}"
    database = scheme.partition("+")[0]
    if database not in _DATABASES or not rest:
        raise ConfigError(
            f"SUREFOOT_STORE: {scheme}:// is not a store; write a file's path or postgresql://user@host/database"
        )
    return f"postgresql+psycopg://{rest}" if database == "postgresql" else text


def _lease_s(text: str) -> float:
    if not text:
        return _LEASE_S
    try:
        seconds = parse_duration(text)
    except ValueError as problem:
        raise ConfigError(f"SUREFOOT_LEASE: {problem}") from problem
    if seconds < _SHORTEST_LEASE_S:
        raise ConfigError(
            f"SUREFOOT_LEASE: {text} is shorter than a busy machine's pauses; write 1s or more, such as 30s"
        )
    return seconds


def _registries(text: str) -> Mapping[str, str]:
    try:
        return read_stand_ins(text)
    except ConfigError as problem:
        raise ConfigError(f"SUREFOOT_REGISTRIES: {problem}") from problem
