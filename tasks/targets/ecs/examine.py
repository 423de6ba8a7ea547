"""Whether an ECS service could be released to: who we are, what is there, what leads where. Changes nothing."""

import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import botocore

from surefoot.errors import Refused, TargetError
from surefoot.rollout import Plan
from tasks.doctor.finding import Examination, Finding, NotSeen, Once, ill, well
from tasks.targets.ecs import Settings, plan_problem
from tasks.targets.ecs.account import LOG_IN, Account
from tasks.targets.ecs.calls import Calls
from tasks.targets.ecs.climb import Climb
from tasks.targets.ecs.permissions import Permissions
from tasks.targets.ecs.reader import Reader
from tasks.targets.ecs.reading import read_live
from tasks.targets.ecs.rules import listener_of
from tasks.targets.ecs.state import State

_SHORT_S = 6.0


@asynccontextmanager
async def examinations(settings: Settings, plan: Plan) -> AsyncIterator[Sequence[Examination]]:
    """Yield the looks at one service, over one connection; Refused where the installed SDK is too old."""
    calls, account = Calls(settings), Account(settings)
    seen = Once(lambda: Reader(settings, calls).look(_SHORT_S))
    service, may = _Service(settings, plan, calls, seen), Permissions(settings, account, seen)
    there = [
        Examination("credentials", account.credentials, LOG_IN),
        Examination("service", service.there, "see that ECS can be reached from here"),
        Examination("strategy", service.strategy),
    ]
    ways = [] if settings.rolling else [Examination("rules", service.rules), Examination("groups", service.groups)]
    rights = [
        Examination("reads", may.reads),
        Examination("writes", may.writes),
        Examination("releases", may.releases),
    ]
    try:
        yield [*there, *ways, *rights]
    finally:
        await seen.close()
        await calls.close()
        await account.close()


class _Service:
    """One service, as whoever runs this sees it."""

    def __init__(self, settings: Settings, plan: Plan, calls: Calls, seen: Once[State]) -> None:
        self._settings = settings
        self._plan = plan
        self._calls = calls
        self._seen = seen

    async def there(self) -> Sequence[Finding]:
        """Say what serves, and whether it is a way back."""
        state = await self._seen()
        live = read_live(state, self._settings)
        if state.service.get("status", "ACTIVE") != "ACTIVE":
            where = f"--cluster {self._settings.cluster} --services {self._settings.service}"
            return [ill("service", f"it is {state.service['status']}", f"aws ecs describe-services {where}")]
        return [well("service", f"{live.traffic}{'' if live.settled else ', a change is on its way'}")]

    async def strategy(self) -> Sequence[Finding]:
        """Say how ECS is to climb, and whether it, and the installed SDK, can."""
        if problem := plan_problem(self._settings, self._plan):
            return [ill("strategy", problem)]
        said = Climb.of(self._plan, self._settings.hook_timeout_min).said if not self._settings.rolling else "ROLLING"
        return [well("strategy", f"{said}; botocore {botocore.__version__} knows it")]

    async def rules(self) -> Sequence[Finding]:
        """Say whether the rules that move users, and lead to what they do not see yet, are there and may be moved."""
        state, told = await self._advanced()
        production = str(told.get("productionListenerRule", ""))
        balance = state.balance
        assert balance is not None, "a service that is not rolling has one, or could not be looked at"
        found = [well("rule", f"users of {balance.url} are sent by {_short(production)}")]
        role = str(told.get("roleArn", ""))
        found.append(
            well("role", f"ECS moves the rule as {role.rpartition('/')[2]}")
            if role
            else ill(
                "role", "no role is named by which ECS could move the rule", self._update(told, roleArn="ROLE_ARN")
            )
        )
        test = str(told.get("testListenerRule", ""))
        if self._settings.preview:
            found.append(well("preview", f"{self._settings.preview}, as the service file says"))
        elif balance.test is not None and test:
            found.append(well("preview", f"{balance.test} leads to a new revision"))
        elif balance.pinned:
            found.append(well("preview", "a rule that leads to the new revision's target group alone"))
        elif test:
            seen = f"{_short(test)} is not there, or asks for more than a path, a host and headers"
            found.append(ill("preview", seen, self._create(production)))
        else:
            mend = self._update(told, testListenerRule="RULE_ARN")
            found.append(ill("preview", "nothing leads to a new revision before its users do: no test rule", mend))
        return found

    async def groups(self) -> Sequence[Finding]:
        """Say whether both groups are there, and whether something leads to each alone."""
        state, told = await self._advanced()
        first = next(str(one["targetGroupArn"]) for one in state.service["loadBalancers"] if "targetGroupArn" in one)
        groups = [first, str(told.get("alternateTargetGroupArn", ""))]
        if not groups[1]:
            mend = self._update(told, alternateTargetGroupArn="TARGET_GROUP_ARN")
            return [ill("groups", "no alternate target group, so there is none for a new revision", mend)]
        for group in groups:
            await self._calls.health(group)
        assert state.balance is not None, "a service that is not rolling has one, or could not be looked at"
        alone = [group for group in groups if group not in state.balance.pinned]
        if alone:
            names = " and ".join(_name(group) for group in alone)
            mend = self._create(str(told["productionListenerRule"]), alone[0], f"x-surefoot-group={_name(alone[0])}")
            seen = f"nothing leads to {names} alone: once all users are on a release, it is compared with nothing"
            return [ill("groups", seen, mend)]
        return [well("groups", f"{_name(groups[0])} and {_name(groups[1])}, each with a rule that leads to it alone")]

    async def _advanced(self) -> tuple[State, dict[str, Any]]:
        try:
            state = await self._seen()
        except Refused:
            raise
        except TargetError as problem:
            raise NotSeen("not known, since the service could not be looked at") from problem
        told = next(one for one in state.service["loadBalancers"] if one.get("advancedConfiguration"))
        return state, dict(told["advancedConfiguration"])

    def _update(self, told: dict[str, Any], **more: str) -> str:
        """Return the command that gives the service's load balancer what it lacks."""
        advanced = ",".join(f"{key}={value}" for key, value in {**told, **more}.items())
        shape = f"targetGroupArn=…,containerName=…,containerPort=…,advancedConfiguration={{{advanced}}}"
        given = self._settings
        words = ["aws", "ecs", "update-service", "--cluster", given.cluster, "--service", given.service]
        return shlex.join([*words, "--region", given.region, "--load-balancers", shape])

    def _create(
        self, production: str, group: str = "TARGET_GROUP_ARN", header: str = "x-surefoot-preview=canary"
    ) -> str:
        """Return the command that makes a rule that leads to one group alone, by a header."""
        name, _, value = header.partition("=")
        condition = f"Field=http-header,HttpHeaderConfig={{HttpHeaderName={name},Values=[{value}]}}"
        words = ["aws", "elbv2", "create-rule", "--region", self._settings.region, "--priority", "20"]
        words += ["--listener-arn", listener_of(production), "--conditions", condition]
        return shlex.join([*words, "--actions", f"Type=forward,TargetGroupArn={group}"])


def _short(arn: str) -> str:
    return arn.rpartition(":")[2]


def _name(group: str) -> str:
    return group.rsplit(":targetgroup/", maxsplit=1)[-1].split("/", maxsplit=1)[0]
