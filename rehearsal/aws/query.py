"""AWS's query protocol, by the vendor's own model: flattened form fields in, XML out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import botocore.session

_REQUEST_ID = "00000000-0000-4000-8000-000000000000"


@cache
def model(service: str) -> Any:
    """Return the vendor's model of a service, such as `elbv2`."""
    return botocore.session.get_session().get_service_model(service)


def read(service: str, action: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Return an action's parameters; what the model does not know is left out, as the wire has no types."""
    shape = model(service).operation_model(action).input_shape
    return {} if shape is None else _structure(shape, "", form)


def _structure(shape: Any, prefix: str, form: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        key = f"{prefix}{member.serialization.get('name', name)}"
        if key in form or any(field.startswith(f"{key}.") for field in form):
            found[name] = _value(member, key, form)
    return found


def _value(shape: Any, key: str, form: Mapping[str, str]) -> Any:
    if shape.type_name == "structure":
        return _structure(shape, f"{key}.", form)
    if shape.type_name == "list":
        return _listed(shape, key, form)
    text = form.get(key, "")
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name in ("double", "float"):
        return float(text)
    return text == "true" if shape.type_name == "boolean" else text


def _listed(shape: Any, key: str, form: Mapping[str, str]) -> list[Any]:
    values: list[Any] = []
    prefix = f"{key}.{shape.member.serialization.get('name', 'member')}."
    while True:
        one = f"{prefix}{len(values) + 1}"
        if one not in form and not any(field.startswith(f"{one}.") for field in form):
            return values
        values.append(_value(shape.member, one, form))


def written(service: str, action: str, answer: Mapping[str, Any]) -> bytes:
    """Return an action's answer as XML; members that the model does not know stay out of it."""
    known = model(service)
    shape = known.operation_model(action).output_shape
    root = Element(f"{action}Response", xmlns=known.metadata["xmlNamespace"])
    result = SubElement(root, f"{action}Result")
    if shape is not None:
        _write_members(shape, answer, result)
    SubElement(SubElement(root, "ResponseMetadata"), "RequestId").text = _REQUEST_ID
    return bytes(tostring(root, encoding="utf-8"))


def refused(code: str, message: str, *, by_sender: bool) -> bytes:
    """Return an error as XML; its namespace is each service's own, and no client asks for it."""
    root = Element("ErrorResponse")
    error = SubElement(root, "Error")
    for name, text in (("Type", "Sender" if by_sender else "Receiver"), ("Code", code), ("Message", message)):
        SubElement(error, name).text = text
    SubElement(root, "RequestId").text = _REQUEST_ID
    return bytes(tostring(root, encoding="utf-8"))


def _write_members(shape: Any, values: Mapping[str, Any], parent: Element) -> None:
    for name, member in shape.members.items():
        if values.get(name) is not None:
            _write(member, values[name], SubElement(parent, member.serialization.get("name", name)))


def _write(shape: Any, value: Any, element: Element) -> None:
    if shape.type_name == "structure":
        _write_members(shape, value, element)
    elif shape.type_name == "list":
        for one in value:
            _write(shape.member, one, SubElement(element, shape.member.serialization.get("name", "member")))
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif isinstance(value, datetime):
        element.text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    else:
        element.text = str(value)
