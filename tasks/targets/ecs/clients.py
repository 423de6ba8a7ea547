"""The SDK's clients as we use them: one try a call, and task definitions untouched by what the SDK does not know."""

import json
from typing import Any

import boto3
from botocore.config import Config

from tasks.targets.ecs import Settings

# The key under which a task definition goes to and from the SDK as it is.
RAW = "Raw"
# A call may take so long; a cancelled write is waited for as long.
WRITE_S = 30.0
CONNECT_S = 5.0


def ecs_client(settings: Settings) -> Any:
    """Return a client of ECS that hands task definitions on as raw JSON, both ways."""
    client = made(settings, "ecs")
    events = client.meta.events
    events.register("before-parse.ecs.DescribeTaskDefinition", _keep_raw)
    events.register("provide-client-params.ecs.RegisterTaskDefinition", _take_raw)
    events.register("before-call.ecs.RegisterTaskDefinition", _send_raw)
    return client


def made(settings: Settings, service: str, *, agent: str = "surefoot", answer_s: float = WRITE_S) -> Any:
    """Return a client of one of AWS's services that calls itself `agent` and waits so long for an answer, seconds."""
    rehearsed = settings.endpoint.startswith("http://")
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},  # what is tried again is decided here
        connect_timeout=min(CONNECT_S, settings.change_within_s),
        read_timeout=min(answer_s, settings.change_within_s),
        user_agent_extra=agent,
        proxies={} if rehearsed else None,
    )
    # A rehearsal takes whatever comes: nothing of the account's own is sent to it.
    own = {"aws_access_key_id": "surefoot", "aws_secret_access_key": "rehearsal"} if rehearsed else {}
    return boto3.session.Session().client(
        service, region_name=settings.region, endpoint_url=settings.endpoint or None, config=config, **own
    )


def _keep_raw(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Keep an answer as it came: the SDK's parser drops what it does not know."""
    if response_dict["status_code"] < 300:
        customized_response_dict[RAW] = json.loads(response_dict["body"])


def _take_raw(params: dict[str, Any], context: dict[str, Any], **_: Any) -> dict[str, Any]:
    context[RAW] = params[RAW]
    return {key: value for key, value in params.items() if key != RAW}


def _send_raw(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Send what was given in place of what the SDK would have made of it."""
    params["body"] = json.dumps(context[RAW]).encode()
