"""Folders that are named with an option."""

from pathlib import Path

from surefoot.errors import ConfigError


def made(folder: Path, option: str) -> Path:
    """Return a folder, made where it is missing; ConfigError where it cannot be one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        why = "it is a file" if isinstance(problem, FileExistsError) else problem.strerror
        raise ConfigError(f"{option}: {folder} cannot be a folder: {why}; name one that may be written") from problem
    return folder.absolute()
