"""Elastic Load Balancing's API, version 2015-12-01, over the load balancers on this machine."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rehearsal.aws import names
from rehearsal.aws.balancer import Balancer, Listener
from rehearsal.aws.groups import Group
from rehearsal.aws.refusal import Refusal
from rehearsal.aws.rules import Rule, condition, only_action
from rehearsal.splitter import Route, Splitter

Params = Mapping[str, Any]
_PRIORITY_MAX = 50_000
_HOST = "127.0.0.1"


@dataclass(slots=True, eq=False)
class ElasticLoadBalancing:
    """The operations; each takes parameters and who calls, and returns the answer or raises Refusal."""

    balancer: Balancer
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def handlers(self) -> dict[str, Callable[[Params, str], Awaitable[dict[str, Any]]]]:
        """Return the operations by name."""
        return {
            "AddTags": self._add_tags,
            "CreateListener": self._create_listener,
            "CreateLoadBalancer": self._create_load_balancer,
            "CreateRule": self._create_rule,
            "CreateTargetGroup": self._create_target_group,
            "DeleteRule": self._delete_rule,
            "DescribeListeners": self._describe_listeners,
            "DescribeLoadBalancers": self._describe_load_balancers,
            "DescribeRules": self._describe_rules,
            "DescribeTags": self._describe_tags,
            "DescribeTargetGroups": self._describe_target_groups,
            "DescribeTargetHealth": self._describe_target_health,
            "ModifyListener": self._modify_listener,
            "ModifyRule": self._modify_rule,
        }

    async def _create_load_balancer(self, params: Params, _caller: str) -> dict[str, Any]:
        known = {one["LoadBalancerName"]: one for one in self.balancer.load_balancers.values()}
        name = params["Name"]
        if name not in known:
            if params.get("Type", "application") != "application":
                raise Refusal("InvalidConfigurationRequest", "Only application load balancers are rehearsed.")
            arn = names.load_balancer_arn(name)
            self._tag(arn, params)
            self.balancer.load_balancers[arn] = known[name] = {
                "LoadBalancerArn": arn,
                "LoadBalancerName": name,
                "DNSName": _HOST,
                "CreatedTime": datetime.now(UTC),
                "Scheme": params.get("Scheme", "internet-facing"),
                "VpcId": "vpc-rehearsal",
                "State": {"Code": "active"},
                "Type": "application",
                "IpAddressType": "ipv4",
                "SecurityGroups": params.get("SecurityGroups", []),
                "AvailabilityZones": [{"SubnetId": one} for one in params.get("Subnets", [])],
            }
        return {"LoadBalancers": [known[name]]}

    async def _create_target_group(self, params: Params, _caller: str) -> dict[str, Any]:
        known = [group for group in self.balancer.groups.values() if group.shape["TargetGroupName"] == params["Name"]]
        wanted = Group.create(known[0].arn if known else names.group_arn(params["Name"]), params)
        if known and known[0].shape != wanted.shape:
            text = f"A target group named '{params['Name']}' exists already, with other settings."
            raise Refusal("DuplicateTargetGroupName", text)
        if not known:
            self.balancer.groups[wanted.arn] = wanted
            self._tag(wanted.arn, params)
        return {"TargetGroups": [self._told(wanted)]}

    async def _create_listener(self, params: Params, _caller: str) -> dict[str, Any]:
        load_balancer = self._load_balancer(params["LoadBalancerArn"])
        if params.get("Protocol", "HTTP") != "HTTP":
            raise Refusal("UnsupportedProtocol", "Listeners here speak HTTP; nothing leaves this machine.")
        action = only_action(params.get("DefaultActions", ()), self.balancer.groups.__contains__)
        arn, name = names.listener_arn(params["LoadBalancerArn"]), load_balancer["LoadBalancerName"]
        splitter = await self._listen(name, int(params.get("Port", 0)))
        rule = Rule(names.rule_arn(arn), 0, [], action, splitter.default)
        shape = {
            "ListenerArn": arn,
            "LoadBalancerArn": params["LoadBalancerArn"],
            "Port": splitter.port,
            "Protocol": "HTTP",
        }
        self.balancer.listeners[arn] = Listener(arn, shape, splitter, rule)
        self._tag(arn, params)
        self.balancer.enforce(rule)
        return {"Listeners": [_listener(self.balancer.listeners[arn])]}

    async def _listen(self, name: str, port: int) -> Splitter:
        balancer = self.balancer
        try:
            return await Splitter.listen(
                port,
                balancer.seed,
                service=name,
                address="default",
                tally=balancer.tally,
                on_crash=balancer.crashed,
            )
        except OSError as problem:
            if any(one.shape["Port"] == port for one in balancer.listeners.values()):
                raise Refusal("DuplicateListener", f"A listener on port {port} exists already.") from problem
            text = f"Port {port} of this machine cannot be opened: {problem.strerror}."
            raise Refusal("InvalidConfigurationRequest", text) from problem

    async def _create_rule(self, params: Params, _caller: str) -> dict[str, Any]:
        listener, priority = self.balancer.listener(params["ListenerArn"]), int(params["Priority"])
        if not 1 <= priority <= _PRIORITY_MAX:
            raise Refusal("ValidationError", f"Priority {priority} is not between 1 and {_PRIORITY_MAX}.")
        if any(rule.priority == priority for rule in listener.rules.values()):
            raise Refusal("PriorityInUse", f"Priority '{priority}' is currently in use.")
        told, action = _conditions(params), only_action(params["Actions"], self.balancer.groups.__contains__)
        route = self._route(listener, told, f"rule-{priority}")
        rule = Rule(names.rule_arn(listener.arn), priority, [shape for shape, _ in told], action, route)
        listener.rules[rule.arn] = rule
        self._tag(rule.arn, params)
        self.balancer.enforce(rule)
        listener.arrange()
        return {"Rules": [rule.told()]}

    def _route(self, listener: Listener, told: Sequence[Any], address: str) -> Route:
        balancer = self.balancer
        name = self._load_balancer(listener.shape["LoadBalancerArn"])["LoadBalancerName"]
        conditions = [one for _, one in told]
        return Route(
            balancer.tally, name, address, conditions=conditions, seed=balancer.seed, on_crash=balancer.crashed
        )

    async def _modify_rule(self, params: Params, _caller: str) -> dict[str, Any]:
        rule = self.balancer.rule(params["RuleArn"])
        if not rule.priority:
            raise Refusal("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be modified")
        told = _conditions(params) if "Conditions" in params else None
        if "Actions" in params:
            rule.action = only_action(params["Actions"], self.balancer.groups.__contains__)
        if told is not None:
            rule.conditions, rule.route.conditions = [shape for shape, _ in told], [one for _, one in told]
        self.balancer.moved(rule)
        return {"Rules": [rule.told()]}

    async def _modify_listener(self, params: Params, _caller: str) -> dict[str, Any]:
        listener = self.balancer.listener(params["ListenerArn"])
        if params.get("Port", listener.shape["Port"]) != listener.shape["Port"] or "Protocol" in params:
            raise Refusal("InvalidConfigurationRequest", "A listener's port and protocol stay as they are here.")
        if "DefaultActions" in params:
            listener.default.action = only_action(params["DefaultActions"], self.balancer.groups.__contains__)
            self.balancer.moved(listener.default)
        return {"Listeners": [_listener(listener)]}

    async def _delete_rule(self, params: Params, _caller: str) -> dict[str, Any]:
        rule = self.balancer.rule(params["RuleArn"])
        if not rule.priority:
            raise Refusal("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be deleted")
        listener = self.balancer.listener(names.listener_of(rule.arn))
        del listener.rules[rule.arn]
        listener.arrange()
        return {}

    async def _describe_load_balancers(self, params: Params, _caller: str) -> dict[str, Any]:
        known = list(self.balancer.load_balancers.values())
        return {"LoadBalancers": _chosen(known, params, "LoadBalancer")}

    async def _describe_target_groups(self, params: Params, _caller: str) -> dict[str, Any]:
        known = _chosen([self._told(group) for group in self.balancer.groups.values()], params, "TargetGroup")
        if "LoadBalancerArn" in params:
            known = [one for one in known if params["LoadBalancerArn"] in one["LoadBalancerArns"]]
        return {"TargetGroups": known}

    async def _describe_listeners(self, params: Params, _caller: str) -> dict[str, Any]:
        if "ListenerArns" in params:
            return {"Listeners": [_listener(self.balancer.listener(arn)) for arn in params["ListenerArns"]]}
        arn = self._load_balancer(params.get("LoadBalancerArn", ""))["LoadBalancerArn"]
        known = self.balancer.listeners.values()
        return {"Listeners": [_listener(one) for one in known if one.shape["LoadBalancerArn"] == arn]}

    async def _describe_rules(self, params: Params, _caller: str) -> dict[str, Any]:
        if "RuleArns" in params:
            return {"Rules": [self.balancer.rule(arn).told() for arn in params["RuleArns"]]}
        listener = self.balancer.listener(params.get("ListenerArn", ""))
        return {"Rules": [rule.told() for rule in listener.all_rules()]}

    async def _describe_target_health(self, params: Params, _caller: str) -> dict[str, Any]:
        found = []
        for backend, health in self.balancer.health(params["TargetGroupArn"]).items():
            said = {"State": health.state, "Reason": health.reason, "Description": health.description}
            target = {"Id": backend.host, "Port": backend.port, "AvailabilityZone": "laptop"}
            told = {name: text for name, text in said.items() if text}
            found.append({"Target": target, "HealthCheckPort": str(backend.port), "TargetHealth": told})
        return {"TargetHealthDescriptions": found}

    async def _add_tags(self, params: Params, _caller: str) -> dict[str, Any]:
        for arn in params["ResourceArns"]:
            self._tags_of(arn)
            self._tag(arn, params)
        return {}

    async def _describe_tags(self, params: Params, _caller: str) -> dict[str, Any]:
        described = [
            {"ResourceArn": arn, "Tags": [{"Key": key, "Value": value} for key, value in self._tags_of(arn).items()]}
            for arn in params["ResourceArns"]
        ]
        return {"TagDescriptions": described}

    def _tag(self, arn: str, params: Params) -> None:
        self.tags.setdefault(arn, {}).update({tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", ())})

    def _tags_of(self, arn: str) -> dict[str, str]:
        if arn not in self.tags:
            raise Refusal("RuleNotFound" if ":listener-rule/" in arn else "LoadBalancerNotFound", f"'{arn}' not found")
        return self.tags[arn]

    def _load_balancer(self, arn: str) -> dict[str, Any]:
        if arn not in self.balancer.load_balancers:
            raise Refusal("LoadBalancerNotFound", f"Load balancer '{arn}' was not found.")
        return self.balancer.load_balancers[arn]

    def _told(self, group: Group) -> dict[str, Any]:
        users = {
            listener.shape["LoadBalancerArn"]: None
            for listener in self.balancer.listeners.values()
            if any(group.arn in rule.weights for rule in listener.all_rules())
        }
        return {**group.shape, "LoadBalancerArns": list(users)}


def _listener(listener: Listener) -> dict[str, Any]:
    return {**listener.shape, "DefaultActions": [listener.default.action]}


def _conditions(params: Params) -> list[tuple[dict[str, Any], Any]]:
    if not params.get("Conditions"):
        raise Refusal("ValidationError", "A rule needs at least one condition.")
    return [condition(one) for one in params["Conditions"]]


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
