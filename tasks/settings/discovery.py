"""Which service files there are."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from surefoot.errors import ConfigError
from tasks.settings.tool import tool_settings

SINGLE = "surefoot.yaml"
FOLDER = "infra/services"
LOOKED_FOR = f"{SINGLE}, {FOLDER}/*.yaml"


def find_service_files(
    given: Sequence[str | Path] = (), *, below: Path | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[Path, ...]:
    """Return the files given, else those of SUREFOOT_SERVICES, else surefoot.yaml, else all of infra/services.

    A folder stands for its *.yaml files. Empty when there is none; a file that is given may turn out not to exist.
    """
    if given:
        return tuple(path for each in given for path in _expand(Path(each)))
    below = below or Path()
    if services := tool_settings(environ, below=below).services:
        return _expand(services)
    if (below / SINGLE).exists():
        return (below / SINGLE,)
    return _in_folder(below / FOLDER)


def the_service_file(below: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the only service file there is; ConfigError lists them when there are several, or none."""
    files = find_service_files(below=below, environ=environ)
    if len(files) == 1:
        return files[0]
    if not files:
        raise ConfigError(f"no service file here (looked for {LOOKED_FOR}); name one, or write one: surefoot init")
    raise ConfigError(f"{len(files)} service files here; name one of {', '.join(str(file) for file in files)}")


def _expand(path: Path) -> tuple[Path, ...]:
    return (_in_folder(path) or (path,)) if path.is_dir() else (path,)


def _in_folder(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(file for file in folder.glob("*.y*ml") if file.suffix in (".yaml", ".yml")))
