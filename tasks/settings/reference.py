"""How a service file is written: JSON Schema for editors, a page for people, both from the model's descriptions."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from tasks import targets, vitals
from tasks.settings.model import ServiceFile
from tasks.settings.tool import KNOWN

# The YAML language server speaks draft-07 and older.
DIALECT = "http://json-schema.org/draft-07/schema#"
_REFERENCE = "#/definitions/{model}"
# Sections that name an adapter, all else in them being that adapter's: key, the word that names it, and what it names.
_CHOICES = (
    ("target", "kind", targets.TARGETS, targets.settings_model, "The platform."),
    ("vitals", "source", vitals.SOURCES, vitals.settings_model, "The source."),
)
_NOTHING: tuple[Any, ...] = ("", None, [], {})

_INTRODUCTION = """\
# The service file

<!-- Written by `surefoot schema --format markdown`; a test holds it to the model. -->

One YAML file a service, found as `surefoot.yaml` or in `infra/services/`. `infra/services/shop.yaml` is an annotated
example. `surefoot validate` lists all mistakes at once; `surefoot validate --show` prints every value that is in force.

- A length of time has a unit: `250ms`, `90s`, `10m`, `1h30m`, `3d`. A share has a `%`: `5%`, `0.5%`.
- A secret is only ever a reference: `{env: SLACK_TOKEN}` or `{prefect: slack-token}`. One that is written out
  is refused.
- Unknown keys, repeated keys, tags and keys without a value are mistakes. Anchors (`&tell`), aliases (`*tell`) and
  merges (`<<: *tell`) work.
- For completion and hover in an editor, make this the file's first line, with the path from the file to the schema:
  `# yaml-language-server: $schema=../../docs/reference/service-file.schema.json`
"""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft-07) of a service file, each target's and each source's settings in it."""
    schema = ServiceFile.model_json_schema(ref_template=_REFERENCE)
    definitions = schema.pop("$defs")
    definitions.pop("JsonValue")
    environment = definitions["Environment"]["properties"]
    for key, word, kinds, settings_model, what in _CHOICES:
        chosen = environment[key]
        del chosen["type"], chosen["additionalProperties"]
        names = [f"{key}_{kind}" for kind in kinds]
        for name, kind in zip(names, kinds, strict=True):
            definitions[name] = _settings(settings_model(kind), word, kind, what, definitions)
        references = [{"$ref": _REFERENCE.format(model=name)} for name in names]
        chosen.update(references[0] if len(references) == 1 else {"oneOf": references})
    whole = {"$schema": DIALECT, **schema, "title": "A Surefoot service file", "definitions": definitions}
    tidy: dict[str, Any] = _tidy(whole)
    return tidy


def page() -> str:
    """Return the reference page, in Markdown."""
    schema = json_schema()
    parts = [_INTRODUCTION, _section("The file", schema)]
    parts += [_section(_title(name), schema["definitions"][name]) for name in _in_order(schema)]
    rows = "\n".join(f"| `{name}` | {what[:1].upper()}{what[1:]}. |" for name, what in KNOWN.items())
    parts.append(
        f"## The tool's own settings\n\nEnvironment variables.\n\n| variable | what |\n| --- | --- |\n{rows}\n"
    )
    return "\n".join(parts)


def _settings(model: type[BaseModel], word: str, kind: str, what: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an adapter's settings, chosen by a word; what it refers to is defined for all."""
    schema = model.model_json_schema(ref_template=_REFERENCE)
    definitions.update(schema.pop("$defs", {}))
    chosen = {"const": kind, "type": "string", "description": what}
    properties = {word: chosen, **schema.get("properties", {})}
    return {**schema, "properties": properties, "required": [word, *schema.get("required", ())]}


def _tidy(schema: Any, *, names: bool = False) -> Any:
    """Leave out what says nothing: titles made from names, empty defaults, and null where a key is left out instead."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if names:
        return {name: _tidy(each) for name, each in schema.items()}
    return {
        key: value if key in ("default", "examples") else _tidy(value, names=key in ("properties", "definitions"))
        for key, value in _plain(schema).items()
        if not (key == "default" and value in _NOTHING) and not (key == "title" and "$schema" not in schema)
    }


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(schema)
    options = [each for each in plain.get("anyOf", ()) if each != {"type": "null"}]
    if len(options) == 1:
        del plain["anyOf"]
        plain |= options[0]
    if "patternProperties" in plain:
        plain.pop("propertyNames", None)
        plain["additionalProperties"] = False
    reference = plain.pop("$ref", None)
    if reference and not reference.endswith("/JsonValue"):
        # In draft-07 nothing beside a $ref counts, so a description needs the reference to be one step down.
        return {**plain, "allOf": [{"$ref": reference}]} if plain else {"$ref": reference}
    return plain


def _in_order(schema: Mapping[str, Any]) -> list[str]:
    """Return the definitions in the order in which a reader of the page meets them."""
    met: list[str] = []
    for name in _references(schema["properties"]):
        for each in (name, *_below(schema, name)):
            if each not in met:
                met.append(each)
    return met


def _below(schema: Mapping[str, Any], name: str) -> Iterator[str]:
    for each in _references(schema["definitions"][name]):
        yield each
        yield from _below(schema, each)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _section(title: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "\n".join(
        f"| `{key}` | {_cell(each.get('description', ''))} | {_written(each)} | {_default(each, key in required)} |"
        for key, each in schema["properties"].items()
    )
    head = "| key | what | written as | default |\n| --- | --- | --- | --- |"
    return f"## {title}\n\n{schema['description']}\n\n{head}\n{rows}\n"


def _written(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "")
    if references := list(_references({key: schema[key] for key in ("$ref", "allOf", "oneOf") if key in schema})):
        return " or ".join(f"[{_title(name)}](#{_title(name).lower().replace(' ', '-')})" for name in references)
    if "const" in schema or "enum" in schema:
        return " ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    if schema.get("examples"):
        return " ".join(f"`{_cell(str(each))}`" for each in schema["examples"] if each)
    if kind == "array":
        return f"list of {_written(schema['items'])}"
    if kind == "object":
        values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        return f"by name: {_written(values[0])}"
    return {"string": "text", "number": "a number"}.get(kind, "any value")


def _default(schema: Mapping[str, Any], required: bool) -> str:
    if required:
        return "**needed**"
    value = schema.get("default")
    if isinstance(value, dict):
        return "its defaults"
    return f"`{value[0] if isinstance(value, list) else value}`" if value not in _NOTHING else ""


def _title(name: str) -> str:
    section, _, kind = name.partition("_")
    return f"{section.capitalize()} {kind}" if kind else name


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
