"""The operations of Elastic Load Balancing's API that make something."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rehearsal.aws import names
from rehearsal.aws.balancer import Balancer
from rehearsal.aws.elb_describe import group_told, listener_told
from rehearsal.aws.estate import Estate, Listener
from rehearsal.aws.groups import Group
from rehearsal.aws.refusal import Refusal
from rehearsal.aws.rules import Rule, conditions, only_action
from rehearsal.splitter import Route, Splitter

Params = Mapping[str, Any]
_PRIORITY_MAX = 50_000
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Creating:
    """The operations that make something; each takes parameters and who calls."""

    balancer: Balancer

    @property
    def estate(self) -> Estate:
        """Return what there is."""
        return self.balancer.estate

    async def create_load_balancer(self, params: Params, _caller: str) -> dict[str, Any]:
        """Return a new load balancer, or the one of that name."""
        known = {one["LoadBalancerName"]: one for one in self.estate.load_balancers.values()}
        name = params["Name"]
        if name not in known:
            if params.get("Type", "application") != "application":
                raise Refusal("InvalidConfigurationRequest", "Only application load balancers are rehearsed.")
            arn = names.load_balancer_arn(name)
            self.estate.tag(arn, params.get("Tags", ()))
            self.estate.load_balancers[arn] = known[name] = {
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

    async def create_target_group(self, params: Params, _caller: str) -> dict[str, Any]:
        """Return a new target group, or the one with that name and those settings."""
        known = [group for group in self.estate.groups.values() if group.shape["TargetGroupName"] == params["Name"]]
        wanted = Group.create(known[0].arn if known else names.group_arn(params["Name"]), params)
        if known and known[0].shape != wanted.shape:
            text = f"A target group named '{params['Name']}' exists already, with other settings."
            raise Refusal("DuplicateTargetGroupName", text)
        if not known:
            self.estate.groups[wanted.arn] = wanted
            self.estate.tag(wanted.arn, params.get("Tags", ()))
        return {"TargetGroups": [group_told(self.estate, wanted)]}

    async def create_listener(self, params: Params, _caller: str) -> dict[str, Any]:
        """Open a listener, on any free port where none is given."""
        load_balancer = self.estate.load_balancer(params["LoadBalancerArn"])
        if params.get("Protocol", "HTTP") != "HTTP":
            raise Refusal("UnsupportedProtocol", "Listeners here speak HTTP; nothing leaves this machine.")
        action = only_action(params.get("DefaultActions", ()), self.estate.groups.__contains__)
        arn, name = names.listener_arn(params["LoadBalancerArn"]), load_balancer["LoadBalancerName"]
        splitter = await self._listen(name, int(params.get("Port", 0)))
        rule = Rule(names.rule_arn(arn), 0, [], action, splitter.default)
        shape = {
            "ListenerArn": arn,
            "LoadBalancerArn": params["LoadBalancerArn"],
            "Port": splitter.port,
            "Protocol": "HTTP",
        }
        self.estate.listeners[arn] = Listener(arn, shape, splitter, rule)
        self.estate.tag(arn, params.get("Tags", ()))
        self.balancer.enforce(rule)
        return {"Listeners": [listener_told(self.estate.listeners[arn])]}

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
            if any(one.shape["Port"] == port for one in balancer.estate.listeners.values()):
                raise Refusal("DuplicateListener", f"A listener on port {port} exists already.") from problem
            text = f"Port {port} of this machine cannot be opened: {problem.strerror}."
            raise Refusal("InvalidConfigurationRequest", text) from problem

    async def create_rule(self, params: Params, _caller: str) -> dict[str, Any]:
        """Add a rule to a listener; it is in force at once."""
        listener, priority = self.estate.listener(params["ListenerArn"]), int(params["Priority"])
        if not 1 <= priority <= _PRIORITY_MAX:
            raise Refusal("ValidationError", f"Priority {priority} is not between 1 and {_PRIORITY_MAX}.")
        if any(rule.priority == priority for rule in listener.rules.values()):
            raise Refusal("PriorityInUse", f"Priority '{priority}' is currently in use.")
        told, action = conditions(params["Conditions"]), only_action(params["Actions"], self.estate.groups.__contains__)
        route = self._route(listener, told, f"rule-{priority}")
        rule = Rule(names.rule_arn(listener.arn), priority, [shape for shape, _ in told], action, route)
        listener.rules[rule.arn] = rule
        self.estate.tag(rule.arn, params.get("Tags", ()))
        self.balancer.enforce(rule)
        listener.arrange()
        return {"Rules": [rule.told()]}

    def _route(self, listener: Listener, told: Sequence[Any], address: str) -> Route:
        balancer = self.balancer
        name = self.estate.load_balancer(listener.shape["LoadBalancerArn"])["LoadBalancerName"]
        conditions = [one for _, one in told]
        return Route(
            balancer.tally, name, address, conditions=conditions, seed=balancer.seed, on_crash=balancer.crashed
        )
