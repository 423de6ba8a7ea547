"""Rules of a listener: their conditions and actions as the API has them, checked and brought into one form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws.refusal import Refusal
from rehearsal.splitter import Condition, Field, Route

_WEIGHT_MAX = 999
_GROUPS_MAX = 5
_CONFIGS = {
    Field.HEADER: "HttpHeaderConfig",
    Field.HOST: "HostHeaderConfig",
    Field.METHOD: "HttpRequestMethodConfig",
    Field.PATH: "PathPatternConfig",
    Field.QUERY: "QueryStringConfig",
}
_PLAIN = (Field.HOST, Field.PATH)  # their values stand in `Values` too, as before there were configs


@dataclass(slots=True, eq=False)
class Rule:
    """A rule, the route that it is in the data plane, and the weights that are in force there by target group.

    `priority` is 0 for a listener's default rule.
    """

    arn: str
    priority: int
    conditions: list[dict[str, Any]]
    action: dict[str, Any]
    route: Route
    in_force: dict[str, int] = field(default_factory=dict)
    sticky: bool = False

    @property
    def weights(self) -> dict[str, int]:
        """Return the weights that are asked for, by target group."""
        return {
            one["TargetGroupArn"]: one["Weight"] for one in self.action.get("ForwardConfig", _NOWHERE)["TargetGroups"]
        }

    def weigh(self, weights: Mapping[str, int]) -> None:
        """Ask for other weights; everything else stays as it is."""
        kept = self.action.get("ForwardConfig", {})
        groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
        self.action = action({"Type": "forward", "ForwardConfig": {**kept, "TargetGroups": groups}})

    def enforce(self) -> None:
        """Let what is asked for be in force."""
        self.in_force = self.weights
        self.sticky = self.action.get("ForwardConfig", _NOWHERE)["TargetGroupStickinessConfig"]["Enabled"]
        fixed = self.action.get("FixedResponseConfig")
        self.route.answer = None if fixed is None else (int(fixed["StatusCode"]), fixed.get("MessageBody", ""))

    def told(self) -> dict[str, Any]:
        """Return it as the API tells it."""
        return {
            "RuleArn": self.arn,
            "Priority": str(self.priority) if self.priority else "default",
            "Conditions": self.conditions,
            "Actions": [self.action],
            "IsDefault": not self.priority,
        }


_NOWHERE: Mapping[str, Any] = {"TargetGroups": [], "TargetGroupStickinessConfig": {"Enabled": False}}


def action(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action in the form in which AWS tells it."""
    if wanted.get("Type") == "fixed-response":
        return {"Type": "fixed-response", "Order": 1, "FixedResponseConfig": dict(wanted["FixedResponseConfig"])}
    if wanted.get("Type") != "forward":
        raise Refusal("ValidationError", f"Actions of type {wanted.get('Type')!r} are not rehearsed.")
    config = wanted.get("ForwardConfig") or {"TargetGroups": [{"TargetGroupArn": wanted.get("TargetGroupArn", "")}]}
    groups = [
        {"TargetGroupArn": one["TargetGroupArn"], "Weight": one.get("Weight", 1)} for one in config["TargetGroups"]
    ]
    sticky = dict(config.get("TargetGroupStickinessConfig") or {"Enabled": False})
    alone = {"TargetGroupArn": groups[0]["TargetGroupArn"]} if len(groups) == 1 else {}
    forward = {"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}
    return {"Type": "forward", **alone, "Order": 1, "ForwardConfig": forward}


def only_action(actions: Sequence[Mapping[str, Any]], is_group: Callable[[str], bool]) -> dict[str, Any]:
    """Return the one action of a rule or listener; Refusal when AWS would not take it."""
    if len(actions) != 1:
        raise Refusal("ValidationError", f"A rule here has one action, not {len(actions)}.")
    found = action(actions[0])
    groups = found.get("ForwardConfig", _NOWHERE)["TargetGroups"]
    arns = [one["TargetGroupArn"] for one in groups]
    if found["Type"] == "forward" and not 1 <= len(set(arns)) == len(arns) <= _GROUPS_MAX:
        raise Refusal("ValidationError", f"A forward action names 1 to {_GROUPS_MAX} different target groups: {arns}.")
    for one in groups:
        if not 0 <= one["Weight"] <= _WEIGHT_MAX:
            raise Refusal("ValidationError", f"Weight {one['Weight']} is not between 0 and {_WEIGHT_MAX}.")
        if not is_group(one["TargetGroupArn"]):
            raise Refusal("TargetGroupNotFound", f"Target group '{one['TargetGroupArn']}' was not found.")
    return found


def condition(wanted: Mapping[str, Any]) -> tuple[dict[str, Any], Condition]:
    """Return a condition as AWS tells it, and as the data plane looks at it; Refusal when it makes no sense."""
    name = wanted.get("Field", "")
    if name not in [known.value for known in _CONFIGS]:
        raise Refusal("ValidationError", f"Condition field {name!r} must be one of {[one.value for one in _CONFIGS]}.")
    kind = Field(name)
    config = dict(wanted.get(_CONFIGS[kind]) or {"Values": wanted.get("Values", [])})
    if not config.get("Values"):
        raise Refusal("ValidationError", f"A condition on {name} needs values; regular expressions are not rehearsed.")
    told = {"Field": name, _CONFIGS[kind]: config}
    if kind in _PLAIN:
        told["Values"] = config["Values"]
    values = config["Values"]
    if kind is Field.QUERY:
        values = [f"{one.get('Key', '')}={one['Value']}" for one in values]
    return told, Condition(kind, tuple(values), config.get("HttpHeaderName", ""))


def conditions(wanted: Sequence[Mapping[str, Any]]) -> list[tuple[dict[str, Any], Condition]]:
    """Return the conditions of a rule, each as AWS tells it and as the data plane looks at it."""
    if not wanted:
        raise Refusal("ValidationError", "A rule needs at least one condition.")
    return [condition(one) for one in wanted]
