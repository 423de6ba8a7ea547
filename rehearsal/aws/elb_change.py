"""The operations of Elastic Load Balancing's API that change or delete something."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.aws import names
from rehearsal.aws.balancer import Balancer
from rehearsal.aws.elb_describe import listener_told
from rehearsal.aws.estate import Estate
from rehearsal.aws.refusal import Refusal
from rehearsal.aws.rules import conditions, only_action

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Changing:
    """The operations that change something; each takes parameters and who calls."""

    balancer: Balancer

    @property
    def estate(self) -> Estate:
        """Return what there is."""
        return self.balancer.estate

    async def modify_rule(self, params: Params, _caller: str) -> dict[str, Any]:
        """Change a rule's conditions or action, which comes into force a little later."""
        rule = self.estate.rule(params["RuleArn"])
        if not rule.priority:
            raise Refusal("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be modified")
        told = conditions(params["Conditions"]) if "Conditions" in params else None
        if "Actions" in params:
            rule.action = only_action(params["Actions"], self.estate.groups.__contains__)
        if told is not None:
            rule.conditions, rule.route.conditions = [shape for shape, _ in told], [one for _, one in told]
        self.balancer.moved(rule)
        return {"Rules": [rule.told()]}

    async def modify_listener(self, params: Params, _caller: str) -> dict[str, Any]:
        """Change a listener's default action, which comes into force a little later."""
        listener = self.estate.listener(params["ListenerArn"])
        if params.get("Port", listener.shape["Port"]) != listener.shape["Port"] or "Protocol" in params:
            raise Refusal("InvalidConfigurationRequest", "A listener's port and protocol stay as they are here.")
        if "DefaultActions" in params:
            listener.default.action = only_action(params["DefaultActions"], self.estate.groups.__contains__)
            self.balancer.moved(listener.default)
        return {"Listeners": [listener_told(listener)]}

    async def delete_rule(self, params: Params, _caller: str) -> dict[str, Any]:
        """Take a rule out of its listener."""
        rule = self.estate.rule(params["RuleArn"])
        if not rule.priority:
            raise Refusal("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be deleted")
        listener = self.estate.listener(names.listener_of(rule.arn))
        del listener.rules[rule.arn], self.estate.tags[rule.arn]
        listener.arrange()
        return {}

    async def add_tags(self, params: Params, _caller: str) -> dict[str, Any]:
        """Add tags to what is there."""
        for arn in params["ResourceArns"]:
            self.estate.tags_of(arn)
            self.estate.tag(arn, params["Tags"])
        return {}
