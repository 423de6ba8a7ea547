"""Where a service runs, as it is typed: checked before anybody is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from commands.init_text import REPLACED, SPLIT, STEPPED, Proposal
from surefoot.errors import ConfigError

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Origin:
    """A platform that a service can be read from: its kind, what people call it, what is typed, what is proposed.

    `parts` are those of its settings that are typed, each with what is right. The first of the `proposals` is tried
    first; another one where the platform's refusal names it.
    """

    kind: str
    called: str
    parts: Mapping[str, str]
    proposals: tuple[Proposal, ...]


ORIGINS: Mapping[str, Origin] = {
    "cloud-run": Origin(
        "cloud_run",
        "Cloud Run",
        {
            "project": "the id of a Google Cloud project, such as acme-shop",
            "region": "a region, such as europe-west1",
            "service": "the name of a service: small letters, digits and -, at most 37, such as shop",
            "endpoint": "a rehearsal's address on this machine, such as grpc://127.0.0.1:8701",
        },
        (SPLIT,),
    ),
    "ecs": Origin(
        "ecs",
        "ECS",
        {
            "region": "a region, such as eu-west-1",
            "cluster": "the name of a cluster, such as production",
            "service": "the name of a service: letters, digits, - and _, such as shop",
            "endpoint": "a rehearsal's address on this machine, such as http://127.0.0.1:8704",
        },
        (STEPPED, REPLACED),
    ),
}
_SERVICE = "service"


def options(command: _Command) -> _Command:
    """Give a command an option for each part of any platform's whereabouts; the service is its argument."""
    parts = dict.fromkeys(part for origin in ORIGINS.values() for part in origin.parts if part != _SERVICE)
    for part in reversed(parts):
        command = click.option(_typed(part), default="", help=_help(part))(command)
    return command


def whereabouts(name: str, service: str, typed: Mapping[str, str]) -> dict[str, str]:
    """Return all that was typed about a place, in the order of the platform's parts; others come last."""
    told = {**typed, _SERVICE: service}
    return {part: told[part] for part in (*ORIGINS[name].parts, *told) if told.get(part)}


def check(name: str, settings: Mapping[str, str]) -> None:
    """Check what was typed for a platform; ConfigError says of each that is wrong how it is typed and what is right."""
    from pydantic import ValidationError  # noqa: PLC0415 (--help does without)

    from tasks.targets import settings_model  # noqa: PLC0415

    origin = ORIGINS[name]
    try:
        settings_model(origin.kind).model_validate(dict(settings))
    except ValidationError as problem:
        wrong = {str(each["loc"][0]): each["type"] for each in problem.errors(include_url=False)}
        said = (_told(name, part, kind, settings.get(part, "")) for part, kind in wrong.items())
        raise ConfigError("\n".join(said)) from problem


def _told(name: str, part: str, kind: str, value: str) -> str:
    if kind == "extra_forbidden":
        theirs = " or ".join(f"--from {other}" for other, origin in ORIGINS.items() if part in origin.parts)
        return f"{_typed(part)}: belongs to {theirs}, not to {name}; leave it out"
    right = ORIGINS[name].parts[part]
    return (
        f"{_typed(part)}: missing; it is {right}" if kind == "missing" else f"{_typed(part)}: {value!r} is not {right}"
    )


def _help(part: str) -> str:
    """Return what an option is, and whose it is where not all platforms have it."""
    theirs = {name: origin.parts[part] for name, origin in ORIGINS.items() if part in origin.parts}
    what = next(iter(theirs.values())).partition(", such as")[0]
    return f"{what[0].upper()}{what[1:]}." if len(theirs) == len(ORIGINS) else f"{', '.join(theirs)}: {what}."


def _typed(part: str) -> str:
    return part.upper() if part == _SERVICE else f"--{part}"
