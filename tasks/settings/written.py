"""What people write as a value: lengths of time, shares, expectations, paths, checked but kept as written."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema
from pydantic_core import PydanticCustomError

from surefoot.check import Expectation
from surefoot.units import parse_duration, parse_percent
from tasks.loopback import is_loopback

DURATION = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"
PERCENT = r"^\d+(\.\d+)?\s*%$"


def _text(value: Any, unit: str) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit; write {unit}")  # noqa: TRY004 (pydantic collects ValueErrors)
    if not isinstance(value, str):
        raise PydanticCustomError("text_expected", "text")
    return value


def _duration(value: Any) -> str:
    parse_duration(text := _text(value, "10m, 90s or 1h30m"))
    return text


def _some_time(value: Any) -> str:
    if parse_duration(text := _duration(value)) <= 0:
        raise ValueError(f"{text!r} is no time at all; write 10m, 90s or 1h30m")
    return text


def _share(value: Any) -> str:
    if parse_percent(text := _text(value, "5% or 0.5%")) <= 0:
        raise ValueError(f"{text!r} would be nothing at all; write 5% or 0.5%")
    return text


def _traffic(value: Any) -> str:
    rate = round(parse_percent(text := _text(value, f"{value}%")) * 100, 6)  # 7 / 100 * 100 is a little more than 7
    if rate < 1 or rate != int(rate):
        raise ValueError(f"{text!r} is not a whole percentage from 1% to 100%; platforms know no finer")
    return text


def _expectation(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("text_expected", "text")
    Expectation.parse(value)
    return value


def _capture(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("text_expected", "text")
    if value.startswith("$"):
        return _jsonpath(value)
    if value.startswith(("json.", "json[", "header.")):
        return value
    try:
        groups = re.compile(value).groups
    except re.error as problem:
        raise ValueError(f"{value!r} is neither json.<path>, $…, header.<name> nor a regular expression") from problem
    if groups != 1:
        raise ValueError(f"{value!r} has {groups} groups; put the part to keep, and only it, in ( )")
    return value


def _jsonpath(value: str) -> str:
    import jsonpath  # noqa: PLC0415 (50 ms, and most checks carry nothing)

    try:
        jsonpath.compile(value)
    except jsonpath.JSONPathError as problem:
        raise ValueError(f"{value!r} is not a JSONPath: {problem}") from problem
    return value


def _path(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("text_expected", "text")
    if not value.startswith("/") or value.startswith("//") or re.search(r"\s", value):
        raise ValueError(f"{value!r} is not a path; write /healthz: the address is the release's own")
    return value


def _api_url(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("text_expected", "text")
    parts = urlsplit(value)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return value
    raise ValueError(f"{value!r} would send the token in plain text; write https://…, or a loopback address")


def secret_reference(value: Any) -> Any:
    """Refuse anything but a mapping that names one place; the value itself is in no error."""
    if isinstance(value, dict):
        if len(value.keys() & {"env", "prefect"}) == 2:
            raise PydanticCustomError("secret_twice", "both env and prefect; a secret is in one place")
        if not value:
            raise PydanticCustomError("secret_nowhere", "empty")
        return value
    raise PydanticCustomError("secret_written_out", "a secret written out")


def _text_schema(**fields: JsonValue) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **fields})


_LENGTH = _text_schema(pattern=DURATION, examples=["10m", "90s", "1h30m"])
_RATE = _text_schema(pattern=PERCENT, examples=["5%", "0.5%"])

Duration = Annotated[str, BeforeValidator(_duration), _LENGTH]
SomeTime = Annotated[str, BeforeValidator(_some_time), _LENGTH]
Share = Annotated[str, BeforeValidator(_share), _RATE]
TrafficPercent = Annotated[str, BeforeValidator(_traffic), _text_schema(pattern=r"^\d+\s*%$", examples=["10%", "100%"])]
Expected = Annotated[
    str,
    BeforeValidator(_expectation),
    _text_schema(examples=["status == 200", "time < 800ms", "text contains Welcome", 'json.items[0].name == "tea"']),
]
Captured = Annotated[
    str, BeforeValidator(_capture), _text_schema(examples=["json.id", "header.location", 'id="(\\d+)"'])
]
Path = Annotated[str, BeforeValidator(_path), _text_schema(pattern=r"^/[^/\s]?\S*$", examples=["/healthz"])]
ApiUrl = Annotated[str, BeforeValidator(_api_url), _text_schema(format="uri")]
Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,48}[a-z0-9])?$", examples=["shop"])]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
