"""Load balancers on loopback: listeners that deal requests out to the healthy targets of weighted groups."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws import names
from rehearsal.aws.groups import Group, Target, dealt
from rehearsal.aws.health import DRAINING, HEALTHY, UNUSED, Health
from rehearsal.aws.refusal import Refusal
from rehearsal.aws.rules import Rule
from rehearsal.backend import Backend
from rehearsal.cloud_run.pace import Pace
from rehearsal.splitter import PUBLIC, Fault, Route, Splitter, Tally

_LEAST_DRAIN_S = 0.5


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
class Balancer:
    """All load balancers, and what ECS does with them: registering targets and moving weights.

    `on_crash` is called with a revision that a fault crashes. `faults` are in force by place and revision; the flag
    says that they meet previews too.
    """

    pace: Pace = field(default_factory=Pace)
    tally: Tally = field(default_factory=Tally)
    seed: int = 0
    on_crash: Callable[[str], object] | None = None
    load_balancers: dict[str, dict[str, Any]] = field(default_factory=dict)
    listeners: dict[str, Listener] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    faults: dict[str, dict[str, tuple[Fault, bool]]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _closed: bool = False

    async def register(self, group_arn: str, revision: str, backends: Sequence[Backend]) -> None:
        """Add targets to a group; they take requests once a look at them was good."""
        group = self.group(group_arn)
        for backend in backends:
            target = group.targets[backend] = Target(revision)
            if not self._closed:
                target.watch = self._background(self._watch(group, backend, target))

    async def deregister(self, group_arn: str, backends: Sequence[Backend]) -> None:
        """Choose targets no more, wait for their requests for as long as the group says, then forget them."""
        group = self.group(group_arn)
        leaving = {backend: group.targets[backend] for backend in backends if backend in group.targets}
        for target in leaving.values():
            target.health = DRAINING
            if target.watch is not None:
                target.watch.cancel()
        self._deal(group)
        timeout_s = max(group.drain_s / self.pace.speed, _LEAST_DRAIN_S)
        splitters = (listener.splitter for listener in self.listeners.values())
        await asyncio.gather(*(splitter.vacated(tuple(leaving), timeout_s) for splitter in splitters))
        for backend, target in leaving.items():
            if group.targets.get(backend) is target:
                del group.targets[backend]

    def weights(self, rule_arn: str) -> dict[str, int]:
        """Return the weights that a rule asks for, by target group."""
        return self.rule(rule_arn).weights

    async def set_weights(self, rule_arn: str, weights: Mapping[str, int]) -> None:
        """Change a rule's weights and return once requests go by them."""
        rule = self.rule(rule_arn)
        rule.weigh(weights)
        await self._enforce(rule)

    def moved(self, rule: Rule) -> None:
        """Let a changed rule come into force in a while, as it does after a call of the API."""
        self._background(self._enforce(rule))

    def enforce(self, rule: Rule) -> None:
        """Let a rule be in force at once."""
        rule.enforce()
        self._route(rule)

    def all_healthy(self, group_arn: str, backends: Sequence[Backend]) -> bool:
        """Say whether all these targets are registered and healthy."""
        known = self.health(group_arn)
        return all(backend in known and known[backend] == HEALTHY for backend in backends)

    def health(self, group_arn: str) -> dict[Backend, Health]:
        """Return how each target of a group is; in a group that no rule names they are unused."""
        group = self.group(group_arn)
        used = any(group_arn in rule.weights for rule in self._rules())
        return {backend: target.health if used else UNUSED for backend, target in group.targets.items()}

    def claim(self, rule_arn: str, place: str, address: str) -> None:
        """Count what comes through a rule under a service's place: `public`, or the name of a preview."""
        route = self.rule(rule_arn).route
        if (route.service, route.address) != (place, address):
            route.call(place, address)
            for revision, (fault, previews) in self.faults.get(place, {}).items():
                route.fault(revision, fault if previews or address == PUBLIC else None)

    def hurt(self, place: str, revision: str, fault: Fault | None, *, previews: bool) -> None:
        """Make a revision of a service misbehave for users, and where `previews` is set elsewhere too; None ends it."""
        faults = self.faults.setdefault(place, {})
        faults.pop(revision, None)
        if fault is not None:
            faults[revision] = (fault, previews)
        for route in self.routes(place):
            route.fault(revision, fault if previews or route.address == PUBLIC else None)

    def routes(self, place: str) -> list[Route]:
        """Return the routes that are claimed for a service."""
        return [rule.route for rule in self._rules() if rule.route.service == place]

    def urls(self, place: str) -> dict[str, str]:
        """Return where a service is reached, by address; a preview may ask for a header too."""
        return {
            rule.route.address: listener.splitter.url
            for listener in self.listeners.values()
            for rule in listener.all_rules()
            if rule.route.service == place
        }

    def shares(self, place: str) -> dict[str, float]:
        """Return the percents of a service's users that are in force, by revision."""
        rows = [row for route in self.routes(place) if route.address == PUBLIC for row in route.table.rows]
        whole = sum(weight for _, weight in rows)
        return {backends.revision: round(100 * weight / whole, 1) for backends, weight in rows}

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

    async def close(self) -> None:
        """End all looks, cut all requests, and close every listener."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(listener.splitter.close() for listener in self.listeners.values()))

    def crashed(self, revision: str) -> None:
        """Pass on that a fault crashes a revision."""
        if self.on_crash is not None:
            self.on_crash(revision)

    async def _enforce(self, rule: Rule) -> None:
        await asyncio.sleep(self.pace.traffic_lag_s / 2)
        self.enforce(rule)

    async def _watch(self, group: Group, backend: Backend, target: Target) -> None:
        while True:
            seen = await group.health_check(self.pace.speed).look(backend)
            if group.saw(target, seen):
                self._deal(group)
            await asyncio.sleep(group.interval_s(target, self.pace.speed))

    def _deal(self, group: Group) -> None:
        for rule in self._rules():
            if group.arn in rule.in_force:
                self._route(rule)

    def _route(self, rule: Rule) -> None:
        listener = self.listeners.get(names.listener_of(rule.arn))
        if listener is not None:  # a rule or listener may be gone before its change comes into force
            rows = dealt((self.groups[arn], weight) for arn, weight in rule.in_force.items() if arn in self.groups)
            listener.splitter.route(rows, sticky=rule.sticky, at=rule.route)

    def _rules(self) -> Iterator[Rule]:
        return (rule for listener in self.listeners.values() for rule in listener.all_rules())

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
