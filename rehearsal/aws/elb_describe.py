"""What Elastic Load Balancing's API tells of what there is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.aws.balancer import Balancer
from rehearsal.aws.estate import Estate, Listener
from rehearsal.aws.groups import Group
from rehearsal.aws.refusal import Refusal

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Describing:
    """The operations that change nothing; each takes parameters and who calls."""

    balancer: Balancer

    @property
    def estate(self) -> Estate:
        """Return what there is."""
        return self.balancer.estate

    async def load_balancers(self, params: Params, _caller: str) -> dict[str, Any]:
        """Return the load balancers asked for."""
        known = list(self.estate.load_balancers.values())
        return {"LoadBalancers": _chosen(known, params, "LoadBalancer")}

    async def target_groups(self, params: Params, _caller: str) -> dict[str, Any]:
        """Return the target groups asked for."""
        known = _chosen(
            [group_told(self.estate, group) for group in self.estate.groups.values()], params, "TargetGroup"
        )
        if "LoadBalancerArn" in params:
            known = [one for one in known if params["LoadBalancerArn"] in one["LoadBalancerArns"]]
        return {"TargetGroups": known}

    async def listeners(self, params: Params, _caller: str) -> dict[str, Any]:
        """Return the listeners asked for, or those of a load balancer."""
        if "ListenerArns" in params:
            return {"Listeners": [listener_told(self.estate.listener(arn)) for arn in params["ListenerArns"]]}
        arn = self.estate.load_balancer(params.get("LoadBalancerArn", ""))["LoadBalancerArn"]
        known = self.estate.listeners.values()
        return {"Listeners": [listener_told(one) for one in known if one.shape["LoadBalancerArn"] == arn]}

    async def rules(self, params: Params, _caller: str) -> dict[str, Any]:
        """Return the rules asked for, or all of a listener in the order they are asked."""
        if "RuleArns" in params:
            return {"Rules": [self.estate.rule(arn).told() for arn in params["RuleArns"]]}
        listener = self.estate.listener(params.get("ListenerArn", ""))
        return {"Rules": [rule.told() for rule in listener.all_rules()]}

    async def target_health(self, params: Params, _caller: str) -> dict[str, Any]:
        """Return how each target of a group is."""
        found = []
        for backend, health in self.balancer.health(params["TargetGroupArn"]).items():
            said = {"State": health.state, "Reason": health.reason, "Description": health.description}
            target = {"Id": backend.host, "Port": backend.port, "AvailabilityZone": "laptop"}
            told = {name: text for name, text in said.items() if text}
            found.append({"Target": target, "HealthCheckPort": str(backend.port), "TargetHealth": told})
        return {"TargetHealthDescriptions": found}

    async def tags(self, params: Params, _caller: str) -> dict[str, Any]:
        """Return the tags of what is asked for."""
        described = [
            {
                "ResourceArn": arn,
                "Tags": [{"Key": key, "Value": value} for key, value in self.estate.tags_of(arn).items()],
            }
            for arn in params["ResourceArns"]
        ]
        return {"TagDescriptions": described}


def group_told(estate: Estate, group: Group) -> dict[str, Any]:
    """Return a target group as the API tells it."""
    users = {listener.shape["LoadBalancerArn"]: None for listener in estate.users(group.arn)}
    return {**group.shape, "LoadBalancerArns": list(users)}


def listener_told(listener: Listener) -> dict[str, Any]:
    """Return a listener as the API tells it."""
    return {**listener.shape, "DefaultActions": [listener.default.action]}


def _chosen(known: Iterable[dict[str, Any]], params: Params, kind: str) -> list[dict[str, Any]]:
    """Return those that are asked for by ARN or by name, all where nothing is; Refusal when one is missing."""
    for asked, key in ((f"{kind}Arns", f"{kind}Arn"), ("Names", f"{kind}Name")):
        if asked in params:
            found = {one[key]: one for one in known}
            missing = [one for one in params[asked] if one not in found]
            if missing:
                raise Refusal(f"{kind}NotFound", f"{kind} '{missing[0]}' was not found.")
            return [found[one] for one in params[asked]]
    return list(known)
