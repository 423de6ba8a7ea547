"""What pydantic found, in words: what is wrong, and what would be right."""

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from tasks.settings.document import Path
from tasks.settings.mistake import Found
from tasks.settings.model import Secret
from tasks.settings.near import near, nearest
from tasks.settings.secrets import sounds_secret

# What follows when a key that may be left out is left out by a slip of the pen.
_WITHOUT: Mapping[str, str] = {
    "approval": "{above} has no approver",
    "approvers": "anybody may say yes",
    "notices": "nobody is told",
    "mention": "nobody is mentioned",
    "expect": "only a status below 400 is expected",
    "bake": "nothing is watched at 100 %",
    "compare": "nothing is compared before users see it",
}
_WRONG: Mapping[str, str] = {
    "text_expected": "where text is expected; put it in quotes",
    "string_type": "where text is expected; put it in quotes",
    "list_type": "where a list is expected; begin each item with -",
    "dict_type": "where a mapping is expected; write key: value",
    "model_type": "where a mapping is expected; write key: value",
    "float_type": "where a number is expected",
    "finite_number": "where a finite number is expected",
    "too_short": "where at least one is needed",
    "string_too_short": "where at least one character is needed",
    "greater_than": "has to be more than {gt:g}",
    "less_than_equal": "has to be at most {le:g}",
}
_KINDS: Mapping[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    NoneType: "nothing",
}
_SECRET = (
    "a secret written out; it has been read by every clone. Revoke it, then refer to it: {env: %s} or {prefect: %s}"  # noqa: S105
)


def findings(root: type[BaseModel], tree: Any, at: Path = ()) -> Iterator[Found]:
    """Yield what a model finds wrong with a tree that stands at a path."""
    try:
        root.model_validate(tree)
    except ValidationError as problem:
        for error in problem.errors(include_url=False):
            yield _found(root, tree, error, at)


def fields_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a section's fields by the name they have in the file."""
    return {info.alias or name: info for name, info in section.model_fields.items()}


def section_at(root: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Return the model of the mapping that stands at a path, None when there is no such model."""
    kind: Any = root
    for part in path:
        kind = _bare(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            info = fields_of(kind).get(str(part))
            kind = info.annotation if info else None
        else:
            kind = (get_args(kind) or (None,))[-1]
    kind = _bare(kind)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def shown(value: Any) -> str:
    """Return a value of the file for a sentence, long text cut."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:57]}…")
    return _KINDS.get(type(value), str(value))


def _bare(kind: Any) -> Any:
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = get_args(kind)[0]
    return kind


def _found(root: type[BaseModel], tree: Any, error: ErrorDetails, at: Path) -> Found:
    on_key = "[key]" in error["loc"]
    loc = tuple(part for part in error["loc"] if part != "[key]")
    section = section_at(root, loc[:-1])
    path, secret = (*at, *loc), error["type"].startswith("secret_") or section is Secret
    if error["type"] == "extra_forbidden":
        return _unknown(section, tree, loc, at)
    info = fields_of(section).get(str(loc[-1])) if section and loc else None
    if error["type"] == "missing":
        what = info.description.rstrip(".") if info and info.description else "it is needed"
        return Found(path, f"missing: {what[:1].lower()}{what[1:]}", missing=True)
    return Found(path, _secret(error, path) if secret else _sentence(error, info), on_key, secret=secret)


def _unknown(section: type[BaseModel] | None, tree: Any, loc: Path, at: Path) -> Found:
    word, present = str(loc[-1]), tree
    for part in loc[:-1]:
        present = present[part]
    known = list(fields_of(section)) if section else []
    absent = [name for name in known if name not in present]
    best = nearest(word, absent)
    message = f"unknown; {near(word, absent if best else known)}"
    if best and best in _WITHOUT:
        above = next((str(part) for part in reversed(loc[:-1]) if isinstance(part, str)), "it")
        message += f" Without it, {_WITHOUT[best].format(above=above)}"
    meant = (*at, *loc[:-1], best) if best else None
    return Found((*at, *loc), message, on_key=True, nearest=meant, secret=sounds_secret(best or word))


def _secret(error: ErrorDetails, path: Path) -> str:
    match error["type"]:
        case "secret_written_out" if error["input"] is None:
            return "empty; refer to the secret: {env: NAME} or {prefect: block}"
        case "secret_written_out":
            word = f"{path[-2]}-{path[-1]}" if len(path) > 1 else str(path[-1])
            return _SECRET % (word.upper().replace("-", "_"), word.replace("_", "-"))
        case "string_pattern_mismatch" | "string_type":
            what = "an environment variable" if path[-1] == "env" else "a Prefect block"
            return f"not the name of {what}; a reference says where a secret is, never what it is"
        case _:
            return f"{error['msg']}; write {{env: NAME}} or {{prefect: block}}"


def _sentence(error: ErrorDetails, info: FieldInfo | None) -> str:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if value is None:
        return "empty; write a value, in quotes when it has a # in it, or leave the key out"
    if kind in _WRONG:
        return f"{shown(value)} {_WRONG[kind].format(**context)}"
    match kind:
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            example = f"; an example: {info.examples[0]}" if info and info.examples else ""
            return f"{shown(value)} does not fit {context['pattern']}{example}"
        case "literal_error":
            words = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
            return f"{shown(value)} is unknown; {near(str(value), words)}"
    return f"{shown(value)}: {error['msg'][:1].lower()}{error['msg'][1:]}"
