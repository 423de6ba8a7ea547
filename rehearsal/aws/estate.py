"""What there is of load balancers: listeners with their rules, and target groups, found by ARN."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws import names
from rehearsal.aws.groups import Group
from rehearsal.aws.refusal import Refusal
from rehearsal.aws.rules import Rule
from rehearsal.splitter import Splitter

_KINDS = {":listener-rule/": "Rule", ":listener/": "Listener", ":targetgroup/": "TargetGroup"}


@dataclass(slots=True, eq=False)
class Listener:
    """A listener as the API tells it, its address, and its rules; the default rule's priority is 0."""

    arn: str
    shape: dict[str, Any]
    splitter: Splitter
    default: Rule
    rules: dict[str, Rule] = field(default_factory=dict)

    def all_rules(self) -> list[Rule]:
        """Return the rules in the order they are asked, the default one last."""
        return [*sorted(self.rules.values(), key=lambda rule: rule.priority), self.default]

    def arrange(self) -> None:
        """Bring the data plane's order up to the rules' priorities."""
        self.splitter.arrange([rule.route for rule in self.all_rules()[:-1]])


@dataclass(slots=True, eq=False)
class Estate:
    """All load balancers, listeners, target groups and tags, by ARN."""

    load_balancers: dict[str, dict[str, Any]] = field(default_factory=dict)
    listeners: dict[str, Listener] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def load_balancer(self, arn: str) -> dict[str, Any]:
        """Return a load balancer as the API tells it; Refusal when there is none."""
        if arn not in self.load_balancers:
            raise Refusal("LoadBalancerNotFound", f"Load balancer '{arn}' was not found.")
        return self.load_balancers[arn]

    def group(self, arn: str) -> Group:
        """Return a target group; Refusal when there is none."""
        if arn not in self.groups:
            raise Refusal("TargetGroupNotFound", f"Target group '{arn}' was not found.")
        return self.groups[arn]

    def listener(self, arn: str) -> Listener:
        """Return a listener; Refusal when there is none."""
        if arn not in self.listeners:
            raise Refusal("ListenerNotFound", f"Listener '{arn}' was not found.")
        return self.listeners[arn]

    def rule(self, arn: str) -> Rule:
        """Return a rule, which may be a listener's default one; Refusal when there is none."""
        listener = self.listeners.get(names.listener_of(arn))
        found = [] if listener is None else [rule for rule in listener.all_rules() if rule.arn == arn]
        if not found:
            raise Refusal("RuleNotFound", f"Rule '{arn}' was not found.")
        return found[0]

    def rules(self) -> Iterator[Rule]:
        """Yield the rules of all listeners."""
        return (rule for listener in self.listeners.values() for rule in listener.all_rules())

    def users(self, group_arn: str) -> list[Listener]:
        """Return the listeners whose rules name a group."""
        return [
            listener
            for listener in self.listeners.values()
            if any(group_arn in rule.weights for rule in listener.all_rules())
        ]

    def tag(self, arn: str, tags: Sequence[Mapping[str, str]]) -> None:
        """Add tags to something, which is known from then on."""
        self.tags.setdefault(arn, {}).update({tag["Key"]: tag.get("Value", "") for tag in tags})

    def tags_of(self, arn: str) -> dict[str, str]:
        """Return the tags of something; Refusal when it is not there."""
        if arn not in self.tags:
            kind = next((name for part, name in _KINDS.items() if part in arn), "LoadBalancer")
            raise Refusal(f"{kind}NotFound", f"'{arn}' was not found.")
        return self.tags[arn]
