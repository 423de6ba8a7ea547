"""Requests checked against ECS's own API model: required members, kinds of values, and enumerations."""

from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from rehearsal.aws.refusal import Refusal
from rehearsal.ecs.refusals import invalid

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
}


@cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("ecs")


def check(operation: str, params: dict[str, Any]) -> None:
    """Refuse what the model of the operation does not allow; members that it does not know are let through."""
    shape = _model().operation_model(operation).input_shape
    if shape is not None:
        _check(shape, params, operation)


def _check(shape: Shape, value: Any, where: str) -> None:
    kinds = _KINDS.get(shape.type_name)
    if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
        raise Refusal("SerializationException", f"{where} is not of type {shape.type_name}")
    if isinstance(shape, StructureShape):
        _check_members(shape, value, where)
    elif isinstance(shape, ListShape):
        for one in value:
            _check(shape.member, one, where)
    elif isinstance(shape, MapShape):
        for one in value.values():
            _check(shape.value, one, where)
    elif getattr(shape, "enum", None) and value not in shape.enum:
        raise invalid(f"Invalid value {value!r} for {where}. Valid values are [{', '.join(shape.enum)}].")


def _check_members(shape: StructureShape, value: dict[str, Any], where: str) -> None:
    missing = [name for name in shape.required_members if value.get(name) is None]
    if missing:
        raise invalid(f"{where}: {missing[0]} cannot be empty.")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            _check(member, value[name], name)
