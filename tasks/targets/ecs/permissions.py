"""What we may do at AWS, proven by calls that change nothing.

AWS decides whether somebody may make a call before it looks whether what it is about exists. So a read, a write of
nothing, or a word to a deployment that nobody has, are proofs. Nothing of the kind exists for what begins a release:
there IAM's own simulation is asked, which needs a right of its own.
"""

import asyncio
import json
import shlex
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import boto3
from botocore import exceptions as aws_errors
from botocore.config import Config
from botocore.parsers import ResponseParserError

from surefoot.errors import Refused, TargetError
from tasks.doctor.finding import Finding, NotSeen, Once, blind, ill, well
from tasks.targets.ecs import Settings
from tasks.targets.ecs.calls import translated
from tasks.targets.ecs.rules import listener_of
from tasks.targets.ecs.state import State

# A client's kind, its method, and what is told to it.
Ask = Callable[[str, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
_CONNECT_S, _READ_S = 3.0, 8.0
_DENIED = ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized")
# What these say of something that is not there is said to those alone who may ask.
_LET_IN = ("NotFoundException", "NotFound", "ClientException")
_NOBODYS = "A" * 21
_NO_TASK = "0" * 32
_SIMULATION = "iam:SimulatePrincipalPolicy"
_ROLES = ("taskRoleArn", "executionRoleArn")
_LOG_IN = "aws sso login   # or set AWS_PROFILE"
_LIST = "infra/aws/permissions.json"


class Account:
    """Who we are at AWS, and the clients that ask with it: each in a thread, each given up after a few seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self.who = Once(self._identity)

    async def credentials(self) -> Sequence[Finding]:
        """Say who we are."""
        try:
            return [well("credentials", f"AWS knows us as {await self.who()}")]
        except TargetError as problem:
            if "NotImplemented" in str(problem) and self._settings.endpoint:
                return [well("credentials", f"{self._settings.endpoint} is a rehearsal on this machine, none needed")]
            if not isinstance(problem, Refused):
                raise
            return [ill("credentials", str(problem).partition("; ")[0], _LOG_IN)]

    async def ask(self, kind: str, method: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call, once; errors are the SDK's own."""
        answer: dict[str, Any] = await asyncio.to_thread(lambda: getattr(self._client(kind), method)(**told))
        return answer

    async def close(self) -> None:
        """Let go of connections."""
        await self.who.close()
        for client in self._clients.values():
            client.close()

    async def _identity(self) -> str:
        with translated("GetCallerIdentity"):
            return str((await self.ask("sts", "get_caller_identity", {}))["Arn"])

    def _client(self, kind: str) -> Any:
        with self._making:
            if kind not in self._clients:
                self._clients[kind] = self._made(kind)
            return self._clients[kind]

    def _made(self, kind: str) -> Any:
        rehearsed = self._settings.endpoint.startswith("http://")
        own = {"aws_access_key_id": "surefoot", "aws_secret_access_key": "rehearsal"} if rehearsed else {}
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            user_agent_extra="surefoot-doctor",
            proxies={} if rehearsed else None,
        )
        where = {"region_name": self._settings.region, "endpoint_url": self._settings.endpoint or None}
        return boto3.session.Session().client(kind, config=config, **where, **own)


class Permissions:
    """What may be done to one service."""

    def __init__(self, settings: Settings, account: Account, seen: Once[State]) -> None:
        self._settings = settings
        self._account = account
        self._seen = seen

    async def reads(self) -> Sequence[Finding]:
        """Make each call that a rollout reads with, once."""
        found = await self._service()
        ecs = self._ecs_reads(found)
        elb = {} if self._settings.rolling else _elb_reads(found)
        probes = [("ecs", name, told) for name, told in ecs.items()] + [("elbv2", *one) for one in elb.items()]
        return await self._proven("reads", probes)

    async def writes(self) -> Sequence[Finding]:
        """Write no tag, take off one that is not there, and speak to a deployment that nobody has."""
        service = (await self._service())["serviceArn"]
        nobodys = {"serviceDeploymentArn": _within(service, "service-deployment")}
        probes: list[tuple[str, str, dict[str, Any]]] = [
            ("ecs", "TagResource", {"resourceArn": service, "tags": []}),
            ("ecs", "UntagResource", {"resourceArn": service, "tagKeys": ["surefoot:nothing"]}),
            ("ecs", "ContinueServiceDeployment", {**nobodys, "hookId": _NOBODYS, "action": "CONTINUE"}),
            ("ecs", "StopServiceDeployment", {**nobodys, "stopType": "ROLLBACK"}),
        ]
        return await self._proven("writes", probes)

    async def releases(self) -> Sequence[Finding]:
        """Ask IAM whether it would let us begin a release; no harmless call proves that."""
        try:
            state = await self._seen()
            who = await self._account.who()
        except TargetError as problem:
            raise NotSeen("not known, since the service, or who we are, could not be looked at") from problem
        wanted = {"ecs:RegisterTaskDefinition": ["*"], "ecs:UpdateService": [str(state.service["serviceArn"])]}
        try:
            roles = await self._roles(str(state.service["taskDefinition"]))
            wanted |= {"iam:PassRole": roles} if roles else {}
            denied = await simulated(self._account.ask, principal(who), wanted)
        except (aws_errors.ClientError, aws_errors.BotoCoreError, ResponseParserError) as problem:
            code = problem.response["Error"]["Code"] if isinstance(problem, aws_errors.ClientError) else "no answer"
            seen = f"{', '.join(wanted)} could not be tested: {_SIMULATION} {code}"
            return [blind("releases", seen, grant("releases", who, {_SIMULATION: [principal(who)]}))]
        if denied:
            left = {action: wanted[action] for action in denied}
            return [ill("releases", f"IAM would deny: {', '.join(denied)}", grant("releases", who, left))]
        return [well("releases", f"{', '.join(wanted)}, as IAM simulates it")]

    async def _roles(self, definition: str) -> list[str]:
        """Return the roles that tasks run as: who releases has to be allowed to pass them on."""
        told = await self._account.ask("ecs", "describe_task_definition", {"taskDefinition": definition})
        return [str(told["taskDefinition"][key]) for key in _ROLES if told["taskDefinition"].get(key)]

    async def _proven(self, subject: str, probes: Sequence[tuple[str, str, dict[str, Any]]]) -> Sequence[Finding]:
        told = await asyncio.gather(*(self._may(*probe) for probe in probes))
        names = [_action(kind, operation) for kind, operation, _ in probes]
        denied = [name for name, may in zip(names, told, strict=True) if may is False]
        unseen = [name for name, may in zip(names, told, strict=True) if may is None]
        if denied:
            return [ill(subject, f"denied: {', '.join(denied)}", await self._grant(subject, denied))]
        if unseen:
            return [blind(subject, f"could not be tested: {', '.join(unseen)}", f"compare {_LIST} with what you grant")]
        return [well(subject, f"{len(names)} calls are allowed: {', '.join(names)}")]

    async def _may(self, kind: str, operation: str, told: Mapping[str, Any]) -> bool | None:
        """Return whether a call is allowed, None where its answer does not say."""
        method = "".join(f"_{each.lower()}" if each.isupper() else each for each in operation).lstrip("_")
        try:
            await self._account.ask(kind, method, told)
        except aws_errors.ClientError as problem:
            code = str(problem.response["Error"]["Code"])
            if code in _DENIED:
                return False
            about_nobody = operation.endswith("ServiceDeployment") and code == "InvalidParameterException"
            return True if code.endswith(_LET_IN) or about_nobody else None
        except aws_errors.BotoCoreError:
            return None
        return True

    async def _grant(self, subject: str, actions: Sequence[str]) -> str:
        try:
            return grant(subject, await self._account.who(), {action: ["*"] for action in actions})
        except TargetError:
            return f"grant {', '.join(actions)}: {_LIST}"

    async def _service(self) -> dict[str, Any]:
        """Return the service as DescribeServices has it; where it cannot be read, one of its name and nobody's."""
        about = {"cluster": self._settings.cluster, "services": [self._settings.service]}
        try:
            found = (await self._account.ask("ecs", "describe_services", about))["services"]
        except (aws_errors.ClientError, aws_errors.BotoCoreError):
            found = []
        where = f"arn:aws:ecs:{self._settings.region}:000000000000:service/{self._settings.cluster}"
        nobodys = {"serviceArn": f"{where}/{self._settings.service}", "taskDefinition": self._settings.service}
        return dict(found[0]) if found else nobodys

    def _ecs_reads(self, service: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        cluster, name, arn = self._settings.cluster, self._settings.service, str(service["serviceArn"])
        return {
            "DescribeServices": {"cluster": cluster, "services": [name], "include": ["TAGS"]},
            "ListServiceDeployments": {"cluster": cluster, "service": name},
            "DescribeServiceDeployments": {"serviceDeploymentArns": [_within(arn, "service-deployment")]},
            "DescribeServiceRevisions": {"serviceRevisionArns": [_within(arn, "service-revision")]},
            "DescribeTaskDefinition": {"taskDefinition": service["taskDefinition"], "include": ["TAGS"]},
            "ListTaskDefinitions": {"familyPrefix": name, "maxResults": 1},
            "ListTasks": {"cluster": cluster, "serviceName": name, "desiredStatus": "STOPPED"},
            "DescribeTasks": {"cluster": cluster, "tasks": [_NO_TASK]},
        }


async def simulated(ask: Ask, who: str, wanted: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the actions that IAM would deny somebody, by its own simulation."""
    denied = []
    for action, resources in wanted.items():
        about = {"PolicySourceArn": who, "ActionNames": [action], "ResourceArns": list(resources)}
        results = (await ask("iam", "simulate_principal_policy", about))["EvaluationResults"]
        if any(result["EvalDecision"] != "allowed" for result in results):
            denied.append(action)
    return denied


def principal(who: str) -> str:
    """Return whose policies count: of a role that somebody has taken, the role's."""
    before, taken, path = who.partition(":assumed-role/")
    if not taken:
        return who
    return f"{before.replace(':sts:', ':iam:')}:role/{path.partition('/')[0]}"


def grant(subject: str, who: str, actions: Mapping[str, Sequence[str]]) -> str:
    """Return the command that grants somebody what is missing."""
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": list(resources)} for action, resources in actions.items()
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    whose = principal(who)
    for kind in ("role", "user"):
        if f":{kind}/" in whose:
            name = ["aws", "iam", f"put-{kind}-policy", f"--{kind}-name", whose.rpartition("/")[2]]
            return shlex.join([*name, "--policy-name", f"surefoot-{subject}", "--policy-document", policy])
    return f"grant {', '.join(actions)} to {whose}: {_LIST}"


def _action(kind: str, operation: str) -> str:
    return f"{'elasticloadbalancing' if kind == 'elbv2' else kind}:{operation}"


def _within(service: str, kind: str) -> str:
    """Return the full name of a deployment, or revision, of the service that nobody has."""
    return f"{service.replace(':service/', f':{kind}/')}/{_NOBODYS}"


def _elb_reads(service: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the reads of the load balancer; nobody's where the service does not say which it is."""
    balancers: list[dict[str, Any]] = service.get("loadBalancers") or []
    told = next((one for one in balancers if one.get("advancedConfiguration")), {})
    rule = str(told.get("advancedConfiguration", {}).get("productionListenerRule", ""))
    group = str(told.get("targetGroupArn", ""))
    return {
        "DescribeRules": {"ListenerArn": listener_of(rule)} if rule else {"RuleArns": []},
        "DescribeListeners": {"ListenerArns": [listener_of(rule)]} if rule else {"ListenerArns": []},
        "DescribeLoadBalancers": {"PageSize": 1},
        "DescribeTargetHealth": {"TargetGroupArn": group},
    }
