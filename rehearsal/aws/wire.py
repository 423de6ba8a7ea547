"""What was asked, in whichever of AWS's protocols, and answers in the same one."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from rehearsal.aws import query
from rehearsal.aws.refusal import Refusal

ANONYMOUS = "anonymous"
_ECS = "AmazonEC2ContainerServiceV20141113"
_ELB_VERSION = "2015-12-01"
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")
_IAM_PREFIXES = {"monitoring": "cloudwatch"}
_OPERATION_PATH = re.compile(r"/service/[^/]+/operation/(\w+)$")
JSON, _XML, _CBOR = "application/x-amz-json-1.1", "text/xml", "application/cbor"
# Members that say what a call is about; the rest of a request is what it wants.
_NAMING = re.compile(
    r"(?i)(arn|arns|name|names|identifier|id)$|^(cluster|services?|family|tasks?|taskDefinition|SecretId)$"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: the IAM prefix of its service, its operation, who made it, its parameters as far as they are read.

    `unreadable` says why they could not be.
    """

    api: str
    method: str
    caller: str
    media: str
    params: dict[str, Any] = field(default_factory=dict, repr=False)
    unreadable: Refusal | None = None

    @property
    def resource(self) -> str:
        """Return the names and ARNs that say what it is about."""
        named = (value for key, value in self.params.items() if _NAMING.search(key))
        listed = (one for value in named for one in (value if isinstance(value, list) else [value]))
        return " ".join(one for one in listed if isinstance(one, str))


async def read(request: web.Request) -> Asked:
    """Read a call. Who signed it is believed, the signature is not checked."""
    signed = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    caller, service = (signed["key"], signed["service"]) if signed else (ANONYMOUS, "unknown")
    service, body = _IAM_PREFIXES.get(service, service), await request.read()
    prefix, _, operation = request.headers.get("X-Amz-Target", "").rpartition(".")
    form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)) if not operation else {}
    if operation:
        asked = Asked("ecs" if prefix == _ECS else service, operation, caller, JSON)
    elif path := _OPERATION_PATH.search(request.path):
        return Asked(service, path[1], caller, _CBOR)
    elif form.get("Version") == _ELB_VERSION:
        asked = Asked("elasticloadbalancing", form.get("Action", ""), caller, _XML)
    elif "Action" in form:
        return Asked(service, form["Action"], caller, _XML, dict(form))
    else:
        return Asked(service, f"{request.method} {request.path}", caller, JSON)
    try:
        return replace(asked, params=_json(body) if operation else _elb(form))
    except Refusal as refusal:
        return replace(asked, unreadable=refusal)


def answered(asked: Asked, answer: Mapping[str, Any]) -> web.Response:
    """Return an answer of ECS, of Elastic Load Balancing, or of CloudWatch in JSON."""
    if asked.media == _XML:
        return web.Response(body=query.written("elbv2", asked.method, answer), content_type=_XML)
    return web.Response(body=json.dumps(answer, default=_plain).encode(), content_type=JSON)


def refused(asked: Asked, refusal: Refusal) -> web.Response:
    """Return a refusal as the vendor's client expects it."""
    named = {"x-amzn-ErrorType": refusal.code}
    if asked.media == _XML:
        body = query.refused(refusal.code, refusal.message, by_sender=refusal.status < 500)
    elif asked.media == _CBOR:
        named = {"smithy-protocol": "rpc-v2-cbor", "x-amzn-query-error": f"{refusal.code};Sender"}
        body = _cbor({"__type": refusal.code, "message": refusal.message})
    else:
        body = json.dumps({"__type": refusal.code, "message": refusal.message}).encode()
    return web.Response(status=refusal.status, body=body, content_type=asked.media, headers=named)


def _json(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body or b"{}")
    except ValueError as problem:
        raise Refusal("SerializationException", f"The body is not JSON: {problem}") from problem
    if not isinstance(read, dict):
        raise Refusal("SerializationException", "The body is not a JSON object.")
    return read


def _elb(form: Mapping[str, str]) -> dict[str, Any]:
    if not form.get("Action"):
        raise Refusal("MissingAction", "The request names no action.")
    if form["Action"] not in query.model("elbv2").operation_names:
        return {}
    try:
        return query.read("elbv2", form["Action"], form)
    except ValueError as problem:
        raise Refusal("ValidationError", f"A parameter cannot be read: {problem}") from problem


def _plain(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"an answer cannot hold {value!r}")


def _cbor(texts: Mapping[str, str]) -> bytes:
    """Return a CBOR map of texts to texts: all that an error needs."""
    parts = [bytes((0xA0 | len(texts),))]
    for text in (text for pair in texts.items() for text in pair):
        raw = text.encode()
        parts.append(b"\x79" + len(raw).to_bytes(2, "big") + raw)
    return b"".join(parts)
