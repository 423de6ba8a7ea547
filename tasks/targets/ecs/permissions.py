"""What we may do at AWS, proven by calls that change nothing.

AWS decides whether somebody may make a call before it looks whether what it is about exists. So a read, a write of
nothing, or a word to a deployment that nobody has, are proofs. Nothing of the kind exists for what begins a release:
there IAM's own simulation is asked, which needs a right of its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from botocore import exceptions as aws_errors
from botocore.parsers import ResponseParserError

from surefoot.errors import TargetError
from tasks.doctor.finding import Finding, NotSeen, Once, blind, ill, well
from tasks.targets.ecs import Settings
from tasks.targets.ecs.account import Account
from tasks.targets.ecs.granting import LIST, grant, principal, resources, simulated
from tasks.targets.ecs.rules import listener_of
from tasks.targets.ecs.state import State

_DENIED = ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized")
# What these say of something that is not there is said to those alone who may ask.
_LET_IN = ("NotFoundException", "NotFound", "ClientException")
_NOBODYS = "A" * 21
_NO_TASK = "0" * 32
_SIMULATION = "iam:SimulatePrincipalPolicy"
_ROLES = ("taskRoleArn", "executionRoleArn")
_Probe = tuple[str, str, Mapping[str, Any]]


class Permissions:
    """What may be done to one service."""

    def __init__(self, settings: Settings, account: Account, seen: Once[State]) -> None:
        self._settings = settings
        self._account = account
        self._seen = seen

    async def reads(self) -> Sequence[Finding]:
        """Make each call that a rollout reads with, once."""
        service = await self._service()
        probes = self._by_name()
        if service is not None:
            probes += _by_full_name(service) + ([] if self._settings.rolling else _of_balancer(service))
        return await self._proven("reads", probes, service)

    async def writes(self) -> Sequence[Finding]:
        """Write no tag, take off one that is not there, and speak to a deployment that nobody has."""
        service = await self._service()
        if service is None:
            raise NotSeen("whether it may be written to is not known, since it could not be read")
        arn = service["serviceArn"]
        nobodys = {"serviceDeploymentArn": _within(arn, "service-deployment")}
        probes: list[_Probe] = [
            ("ecs", "TagResource", {"resourceArn": arn, "tags": []}),
            ("ecs", "UntagResource", {"resourceArn": arn, "tagKeys": ["surefoot:nothing"]}),
            ("ecs", "ContinueServiceDeployment", {**nobodys, "hookId": _NOBODYS, "action": "CONTINUE"}),
            ("ecs", "StopServiceDeployment", {**nobodys, "stopType": "ROLLBACK"}),
        ]
        return await self._proven("writes", probes, service)

    async def releases(self) -> Sequence[Finding]:
        """Ask IAM whether it would let us begin a release; no harmless call proves that."""
        try:
            service, who = (await self._seen()).service, await self._account.who()
        except TargetError as problem:
            raise NotSeen("not known, since the service, or who we are, could not be looked at") from problem
        wanted = {"ecs:RegisterTaskDefinition": ["*"], "ecs:UpdateService": [str(service["serviceArn"])]}
        try:
            roles = await self._roles(str(service["taskDefinition"]))
            wanted |= {"iam:PassRole": roles} if roles else {}
            denied = await simulated(self._account.ask, principal(who), wanted)
        except (aws_errors.ClientError, aws_errors.BotoCoreError, ResponseParserError) as problem:
            code = problem.response["Error"]["Code"] if isinstance(problem, aws_errors.ClientError) else "no answer"
            seen = f"{', '.join(wanted)} could not be tested: {_SIMULATION} {code}"
            return [blind("releases", seen, grant("simulation", who, {_SIMULATION: [principal(who)]}))]
        if denied:
            missing = {action: wanted[action] for action in denied}
            return [ill("releases", f"IAM would deny: {', '.join(denied)}", grant("releases", who, missing))]
        return [well("releases", f"{', '.join(wanted)}, as IAM simulates it")]

    async def _roles(self, definition: str) -> list[str]:
        """Return the roles that tasks run as: who releases has to be allowed to pass them on."""
        told = await self._account.ask("ecs", "describe_task_definition", {"taskDefinition": definition})
        return [str(told["taskDefinition"][key]) for key in _ROLES if told["taskDefinition"].get(key)]

    async def _proven(
        self, subject: str, probes: Sequence[_Probe], service: Mapping[str, Any] | None
    ) -> Sequence[Finding]:
        told = await asyncio.gather(*(self._may(*probe) for probe in probes))
        names = [f"{kind.replace('elbv2', 'elasticloadbalancing')}:{operation}" for kind, operation, _ in probes]
        denied = [name for name, may in zip(names, told, strict=True) if may is False]
        unseen = [name for name, may in zip(names, told, strict=True) if may is None]
        if denied:
            return [ill(subject, f"denied: {', '.join(denied)}", await self._grant(subject, denied, service))]
        if unseen or service is None:
            why = f"could not be tested: {', '.join(unseen) or 'what is about the service, which could not be read'}"
            return [blind(subject, why, f"compare what you grant with {LIST}")]
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
        except (aws_errors.BotoCoreError, ResponseParserError):
            return None
        return True

    async def _grant(self, subject: str, actions: Sequence[str], service: Mapping[str, Any] | None) -> str:
        anywhere = f"arn:aws:ecs:*:*:service/{self._settings.cluster}/{self._settings.service}"
        arn = str(service["serviceArn"]) if service else anywhere
        try:
            return grant(subject, await self._account.who(), {each: resources(each, arn) for each in actions})
        except TargetError:
            return f"grant {', '.join(actions)}: {LIST}"

    async def _service(self) -> Mapping[str, Any] | None:
        """Return the service as DescribeServices has it, None where it could not be read."""
        about = {"cluster": self._settings.cluster, "services": [self._settings.service]}
        try:
            found = (await self._account.ask("ecs", "describe_services", about))["services"]
        except (aws_errors.ClientError, aws_errors.BotoCoreError, ResponseParserError):
            return None
        return dict(found[0]) if found else None

    def _by_name(self) -> list[_Probe]:
        cluster, name = self._settings.cluster, self._settings.service
        return [
            ("ecs", "DescribeServices", {"cluster": cluster, "services": [name], "include": ["TAGS"]}),
            ("ecs", "ListServiceDeployments", {"cluster": cluster, "service": name}),
            ("ecs", "ListTaskDefinitions", {"familyPrefix": name, "maxResults": 1}),
            ("ecs", "ListTasks", {"cluster": cluster, "serviceName": name, "desiredStatus": "STOPPED"}),
            ("ecs", "DescribeTasks", {"cluster": cluster, "tasks": [_NO_TASK]}),
        ]


def _by_full_name(service: Mapping[str, Any]) -> list[_Probe]:
    arn = str(service["serviceArn"])
    return [
        ("ecs", "DescribeServiceDeployments", {"serviceDeploymentArns": [_within(arn, "service-deployment")]}),
        ("ecs", "DescribeServiceRevisions", {"serviceRevisionArns": [_within(arn, "service-revision")]}),
        ("ecs", "DescribeTaskDefinition", {"taskDefinition": service["taskDefinition"], "include": ["TAGS"]}),
    ]


def _of_balancer(service: Mapping[str, Any]) -> list[_Probe]:
    """Return the reads of the load balancer, as far as the service says which it is."""
    probes: list[_Probe] = [("elbv2", "DescribeLoadBalancers", {"PageSize": 1})]
    for told in service.get("loadBalancers") or ():
        rule = str(told.get("advancedConfiguration", {}).get("productionListenerRule", ""))
        if rule and told.get("targetGroupArn"):
            probes += [
                ("elbv2", "DescribeListeners", {"ListenerArns": [listener_of(rule)]}),
                ("elbv2", "DescribeRules", {"ListenerArn": listener_of(rule)}),
                ("elbv2", "DescribeTargetHealth", {"TargetGroupArn": told["targetGroupArn"]}),
            ]
    return probes


def _within(service: str, kind: str) -> str:
    """Return the full name of a deployment, or revision, of the service that nobody has."""
    return f"{service.replace(':service/', f':{kind}/')}/{_NOBODYS}"
