"""Several service files at once, and what is in force in one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from surefoot.errors import ConfigError
from tasks.settings.discovery import LOOKED_FOR, find_service_files
from tasks.settings.document import Path as Keys
from tasks.settings.meaning import place, source
from tasks.settings.mistake import Mistake, dotted
from tasks.settings.model import ServiceFile
from tasks.settings.reading import Reading, read


def read_all(given: Sequence[str | Path] = ()) -> tuple[Reading, ...]:
    """Read the files given, else those that are here; ConfigError when there are none.

    Two files for one service is a mistake of the second.
    """
    files = find_service_files(given)
    if not files:
        raise ConfigError(f"No service file here (looked for {LOOKED_FOR}).\nNext  surefoot init --from cloud-run")
    readings: list[Reading] = []
    first: dict[str, str] = {}
    for file in dict.fromkeys(files):
        reading = read(file)
        name = reading.service.name if reading.service else ""
        if name in first:
            reading = replace(reading, service=None, mistakes=(_twice(reading, name, first[name]),))
        elif name:
            first[name] = reading.file
        readings.append(reading)
    return tuple(readings)


def in_force(reading: Reading) -> Iterator[tuple[str, Any, int | None]]:
    """Yield each value that is in force: its path, the value as people write it, its line or None for a default."""
    if reading.document is None or reading.service is None:
        return
    filed = ServiceFile.model_validate(reading.document.tree).model_dump(mode="json", by_alias=True, exclude_none=True)
    for check in (*filed["checks"], *(each for some in filed["environments"].values() for each in some["checks"])):
        if check["steps"]:
            # What a request has by default, a journey has not: its steps have.
            check.update(method="")
    for name, environment in filed["environments"].items():
        target = reading.document.get(("environments", name, "target"))
        environment["target"] = {"kind": target["kind"], **place(target).settings}
        vitals = source(environment["vitals"])
        token = {"token": environment["vitals"]["token"]} if vitals.token else {}
        environment["vitals"] = {"source": vitals.source, **vitals.settings, **token}
    for path, value in _leaves(filed, ()):
        span = reading.document.values.get(path)
        yield dotted(path), value, span.line + 1 if span else None


def _leaves(value: Any, path: Keys) -> Iterator[tuple[Keys, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    elif value not in ("", [], {}):
        yield path, value


def _twice(reading: Reading, name: str, first: str) -> Mistake:
    span = reading.document.value_span(("name",)) if reading.document else None
    line, column = (span.line + 1, span.column + 1) if span else (1, 1)
    return Mistake(
        reading.file, line, column, "name", f"{name!r} is the service of {first} already; one file a service"
    )
