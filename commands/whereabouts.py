"""Where a service runs, as it is typed: checked before anybody is asked."""

from collections.abc import Mapping

from surefoot.errors import ConfigError

# Each part of the whereabouts: how it is typed, and what is right.
_TYPED: Mapping[str, tuple[str, str]] = {
    "service": ("SERVICE", "the name of a service: small letters, digits and -, at most 37, such as shop"),
    "project": ("--project", "the id of a Google Cloud project, such as acme-shop"),
    "region": ("--region", "a region, such as europe-west1"),
    "endpoint": ("--endpoint", "a rehearsal's address on this machine, such as grpc://127.0.0.1:8701"),
}


def check(kind: str, settings: Mapping[str, str]) -> None:
    """Check a target's settings; ConfigError says of each that is wrong how it is typed and what is right."""
    from pydantic import ValidationError  # noqa: PLC0415 (--help does without)

    from tasks.targets import settings_model  # noqa: PLC0415

    try:
        settings_model(kind).model_validate(dict(settings))
    except ValidationError as problem:
        wrong = dict.fromkeys(str(each["loc"][0]) for each in problem.errors(include_url=False))
        said = (f"{_TYPED[name][0]}: {settings[name]!r} is not {_TYPED[name][1]}" for name in wrong)
        raise ConfigError("\n".join(said)) from problem
