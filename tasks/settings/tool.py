"""The tool's own settings: SUREFOOT_* variables. What is deployed stands in service files, never here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from surefoot.errors import ConfigError
from tasks.settings.near import near

KNOWN: Mapping[str, str] = {
    "SUREFOOT_STORE": "where releases, ledger, leases and notices are kept: a file, or a postgresql:// address",
    "SUREFOOT_SERVICES": "the folder of service files, or one file",
}
_DEFAULT_STORE = Path(".surefoot/store.db")
_DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """Where the store is (a database address, which may hold a password: never printed) and the service files are."""

    store_url: str = field(repr=False)
    services: Path | None = None


def tool_settings(environ: Mapping[str, str] = os.environ, *, below: Path | None = None) -> ToolSettings:
    """Read SUREFOOT_*, relative paths being `below` a folder; ConfigError names every variable that is not known."""
    unknown = [name for name in environ if name.startswith("SUREFOOT_") and name not in KNOWN]
    if unknown:
        raise ConfigError("\n".join(f"{name}: unknown; {near(name, KNOWN)}" for name in sorted(unknown)))
    root = (below or Path()).absolute()
    services = environ.get("SUREFOOT_SERVICES")
    return ToolSettings(_store_url(environ.get("SUREFOOT_STORE", ""), root), root / services if services else None)


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
