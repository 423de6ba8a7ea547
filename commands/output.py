"""Where `surefoot init` writes: a new file, never over another, and no folder that nobody asked for."""

from pathlib import Path

from surefoot.errors import ConfigError


def refuse_if_unusable(file: Path, *, make_folder: bool) -> None:
    """Say that a file cannot be written before anything is read for it; ConfigError."""
    try:
        if file.exists():
            raise ConfigError(f"{file} is there already and is not overwritten; choose another with -o")
        if not make_folder and not file.parent.is_dir():
            raise ConfigError(
                f"-o: there is no folder {file.parent} to write {file.name} into; make it, or name another"
            )
    except OSError as problem:
        raise _unusable(file, problem) from problem


def write(file: Path, text: str) -> None:
    """Write a new file; the usual folder is made, another one has to be there. ConfigError where that cannot be."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except OSError as problem:
        raise _unusable(file, problem) from problem


def _unusable(file: Path, problem: OSError) -> ConfigError:
    return ConfigError(
        f"-o: cannot write {file}: {problem.strerror}; name a file that may be written, or - to print it"
    )
