"""The calls about service deployments and service revisions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rehearsal.aws.refusal import Refusal
from rehearsal.ecs.account import Account
from rehearsal.ecs.deployment import Turn
from rehearsal.ecs.hook import CONTINUE, ROLLBACK
from rehearsal.ecs.paging import page
from rehearsal.ecs.refusals import conflict, invalid


@dataclass(frozen=True, slots=True)
class DeploymentCalls:
    """List, describe, continue and stop service deployments; describe service revisions."""

    account: Account

    async def listing(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """List a service's deployments, newest first."""
        service, wanted = self.account.service(params), params.get("status")
        between = params.get("createdAt") or {}
        after, before = _moment(between.get("after")), _moment(between.get("before"))
        briefs = [
            one.brief()
            for one in reversed(service.deployments)
            if (not wanted or one.status in wanted)
            and (after is None or one.created >= after)
            and (before is None or one.created <= before)
        ]
        return page("serviceDeployments", briefs, params, most=20)

    async def describe(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Describe deployments, and say which are missing."""
        found, failures = [], []
        for arn in params["serviceDeploymentArns"]:
            try:
                found.append(self.account.deployment(arn)[1].told())
            except Refusal:
                failures.append({"arn": arn, "reason": "MISSING"})
        return {"serviceDeployments": found, "failures": failures}

    async def revisions(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Describe service revisions, and say which are missing."""
        known = {one.arn: one for service in self.account.services.values() for one in service.revisions}
        asked, catalogue = params["serviceRevisionArns"], self.account.world.catalogue
        return {
            "serviceRevisions": [known[arn].told(catalogue) for arn in asked if arn in known],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in asked if arn not in known],
        }

    async def proceed(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Answer a hook that waits; without an action the answer is to continue."""
        _, deployment = self.account.deployment(params["serviceDeploymentArn"])
        hook = next((one for one in deployment.hooks if one.id == params["hookId"]), None)
        if hook is None or not hook.waits:
            raise invalid(f"The hook {params['hookId']} is not awaiting an action in this service deployment.")
        action = params.get("action", CONTINUE)
        hook.answer(action)
        if action == ROLLBACK:
            deployment.cut(Turn.BACK, f"Service deployment rolled back at the lifecycle hook of {hook.stage}.")
        return {"serviceDeploymentArn": deployment.arn}

    async def stop(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Have a deployment go back, or stop where it is."""
        _, deployment = self.account.deployment(params["serviceDeploymentArn"])
        if not deployment.at_work:
            raise conflict(f"Service deployment in status {deployment.status} cannot be stopped.")
        if params.get("stopType", ROLLBACK) == ROLLBACK:
            deployment.cut(Turn.BACK, "Service deployment rolled back because of user request.")
        else:
            deployment.cut(Turn.ABORT, "Service deployment stopped because of user request.")
        return {"serviceDeploymentArn": deployment.arn}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
