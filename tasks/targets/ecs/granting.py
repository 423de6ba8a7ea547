"""What IAM would allow somebody, by its own simulation, and the command that grants what it would not."""

import json
import shlex
from collections.abc import Mapping, Sequence

from tasks.targets.ecs.account import Ask

LIST = "infra/aws/permissions.json"
_OF_SERVICE = ("DescribeServices", "ListServiceDeployments", "TagResource", "UntagResource", "UpdateService")
_OF_DEPLOYMENTS = ("ContinueServiceDeployment", "DescribeServiceDeployments", "StopServiceDeployment")
# The right to pass roles on is usually given for ECS's tasks alone; asked without it, IAM would say no.
_PASSED = {
    "ContextKeyName": "iam:PassedToService",
    "ContextKeyValues": ["ecs-tasks.amazonaws.com"],
    "ContextKeyType": "string",
}


async def simulated(ask: Ask, who: str, wanted: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the actions that IAM would deny somebody on any of their resources."""
    denied = []
    for action, resources in wanted.items():
        about = {"PolicySourceArn": who, "ActionNames": [action], "ResourceArns": list(resources)}
        answer = await ask("iam", "simulate_principal_policy", {**about, "ContextEntries": [_PASSED]})
        if any(result["EvalDecision"] != "allowed" for result in answer["EvaluationResults"]):
            denied.append(action)
    return denied


def principal(who: str) -> str:
    """Return whose policies count: of a role that somebody has taken, the role's."""
    before, taken, path = who.partition(":assumed-role/")
    if not taken:
        return who
    return f"{before.replace(':sts:', ':iam:')}:role/{path.partition('/')[0]}"


def resources(action: str, service: str) -> list[str]:
    """Return what an action is to be granted on: no more than the service's own, where IAM can tell it apart."""
    operation = action.partition(":")[2]
    if operation in _OF_SERVICE:
        return [service]
    if operation in _OF_DEPLOYMENTS:
        return [f"{service.replace(':service/', ':service-deployment/')}/*"]
    if operation == "DescribeServiceRevisions":
        return [f"{service.replace(':service/', ':service-revision/')}/*"]
    return ["*"]


def grant(subject: str, who: str, actions: Mapping[str, Sequence[str]]) -> str:
    """Return the command that grants somebody what is missing; nothing that was granted before is taken away."""
    statements = [{"Effect": "Allow", "Action": action, "Resource": list(on)} for action, on in actions.items()]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    whose = principal(who)
    for kind in ("role", "user"):
        if f":{kind}/" in whose:
            name = ["aws", "iam", f"put-{kind}-policy", f"--{kind}-name", whose.rpartition("/")[2]]
            return shlex.join([*name, "--policy-name", f"surefoot-{subject}", "--policy-document", policy])
    return f"grant {', '.join(actions)} to {whose}: {LIST}"
