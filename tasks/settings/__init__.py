"""The only reader of files, environment variables and secrets.

Importing it is cheap; what checks a service file is imported when one is read.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.errors import ConfigError
from surefoot.service import Environment, Service
from tasks.settings.discovery import LOOKED_FOR, find_service_files, the_service_file
from tasks.settings.near import near
from tasks.settings.secrets import mask, resolve_secret
from tasks.settings.tool import ToolSettings, tool_settings

if TYPE_CHECKING:
    from tasks.settings.reading import Reading

__all__ = [
    "LOOKED_FOR",
    "ToolSettings",
    "environment",
    "find_service_files",
    "load",
    "load_named",
    "load_service",
    "mask",
    "read",
    "resolve_secret",
    "the_service_file",
    "tool_settings",
]


def read(path: str | Path) -> "Reading":
    """Read a service file, right or wrong: the service, or its mistakes."""
    reading: Reading = import_module("tasks.settings.reading").read(Path(path))
    return reading


def load_service(path: str | Path) -> Service:
    """Return the service a file describes; ConfigError names every mistake, one a line."""
    reading = read(path)
    if reading.service is None:
        raise ConfigError("\n".join(str(mistake) for mistake in reading.mistakes))
    return reading.service


def load_named(name: str, *, below: Path | None = None, environ: Mapping[str, str] = os.environ) -> Service:
    """Return the service of that name from SUREFOOT_SERVICES or the files that are discovered.

    Mistakes in the files of other services do not matter here. ConfigError when there is none of that name, or two.
    """
    files = find_service_files(below=below, environ=environ)
    names = {file: import_module("tasks.settings.names").name_in(file) for file in files}
    found = [file for file in files if names[file] == name]
    if len(found) == 1:
        return load_service(found[0])
    if found:
        raise ConfigError(f"the service {name} is in {len(found)} files: {', '.join(map(str, found))}; keep one")
    known = [each for each in names.values() if each]
    if gone := [str(file) for file in files if not file.exists()]:
        raise ConfigError(f"{', '.join(gone)}: there is no such file; see SUREFOOT_SERVICES")
    looked = f"looked in {', '.join(map(str, files))}" if files else f"looked for {LOOKED_FOR}"
    raise ConfigError(f"there is no service {name!r}; {near(name, known) if known else 'no file names one'} ({looked})")


def load(name_or_path: str, *, below: Path | None = None, environ: Mapping[str, str] = os.environ) -> Service:
    """Return a service by its file or by its name, whichever was typed."""
    if name_or_path.endswith((".yaml", ".yml")) or os.sep in name_or_path:
        return load_service(name_or_path)
    return load_named(name_or_path, below=below, environ=environ)


def environment(service: Service, name: str) -> Environment:
    """Return one environment of a service; ConfigError says which there are."""
    if name not in service.environments:
        raise ConfigError(f"{service.name} has no environment {name!r}; {near(name, service.environments)}")
    return service.environments[name]
