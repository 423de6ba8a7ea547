"""Load balancers on loopback: listeners that deal requests out to the healthy targets of weighted groups."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws import names
from rehearsal.aws.estate import Estate
from rehearsal.aws.groups import Group, Target, dealt
from rehearsal.aws.health import DRAINING, HEALTHY, UNUSED, Health
from rehearsal.aws.rules import Rule
from rehearsal.backend import Backend
from rehearsal.cloud_run.pace import Pace
from rehearsal.splitter import PUBLIC, Fault, Route, Tally

_LEAST_DRAIN_S = 0.5


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
    estate: Estate = field(default_factory=Estate)
    faults: dict[str, dict[str, tuple[Fault, bool]]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _closed: bool = False

    async def register(self, group_arn: str, revision: str, backends: Sequence[Backend]) -> None:
        """Add targets to a group; they take requests once a look at them was good."""
        group = self.estate.group(group_arn)
        for backend in backends:
            target = group.targets[backend] = Target(revision)
            if not self._closed:
                target.watch = self._background(self._watch(group, backend, target))

    async def deregister(self, group_arn: str, backends: Sequence[Backend]) -> None:
        """Choose targets no more, wait for their requests for as long as the group says, then forget them."""
        group = self.estate.group(group_arn)
        leaving = {backend: group.targets[backend] for backend in backends if backend in group.targets}
        for target in leaving.values():
            target.health = DRAINING
            if target.watch is not None:
                target.watch.cancel()
        self._deal(group)
        timeout_s = max(group.drain_s / self.pace.speed, _LEAST_DRAIN_S)
        splitters = (listener.splitter for listener in self.estate.listeners.values())
        try:
            await asyncio.gather(*(splitter.vacated(tuple(leaving), timeout_s) for splitter in splitters))
        finally:
            for backend, target in leaving.items():
                if group.targets.get(backend) is target:
                    del group.targets[backend]

    def weights(self, rule_arn: str) -> dict[str, int]:
        """Return the weights that a rule asks for, by target group."""
        return self.estate.rule(rule_arn).weights

    async def set_weights(self, rule_arn: str, weights: Mapping[str, int]) -> None:
        """Change a rule's weights and return once requests go by them."""
        rule = self.estate.rule(rule_arn)
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
        group = self.estate.group(group_arn)
        used = bool(self.estate.users(group_arn))
        return {backend: target.health if used else UNUSED for backend, target in group.targets.items()}

    def claim(self, rule_arn: str, place: str, address: str) -> None:
        """Count what comes through a rule under a service's place: `public`, or the name of a preview."""
        route = self.estate.rule(rule_arn).route
        if (route.service, route.address) != (place, address):
            route.call(place, address)
            for revision, (fault, previews) in self.faults.get(place, {}).items():
                route.fault(revision, fault if previews or address == PUBLIC else None)

    def claim_alone(self, groups: Collection[str], place: str) -> None:
        """Count under a service's place too what other rules lead to its groups alone: ways to one of its revisions."""
        for rule in self.estate.rules():
            told = {group for group, weight in rule.weights.items() if weight}
            if rule.priority and told and told <= set(groups) and rule.route.service != place:
                self.claim(rule.arn, place, rule.route.address)

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
        return [rule.route for rule in self.estate.rules() if rule.route.service == place]

    def urls(self, place: str) -> dict[str, str]:
        """Return where a service is reached, by address; a preview may ask for a header too."""
        return {
            rule.route.address: listener.splitter.url
            for listener in self.estate.listeners.values()
            for rule in listener.all_rules()
            if rule.route.service == place
        }

    def shares(self, place: str) -> dict[str, float]:
        """Return the percents of a service's users that are in force, by revision."""
        rows = [row for route in self.routes(place) if route.address == PUBLIC for row in route.table.rows]
        whole = sum(weight for _, weight in rows)
        return {backends.revision: round(100 * weight / whole, 1) for backends, weight in rows}

    async def close(self) -> None:
        """End all looks, cut all requests, and close every listener."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(listener.splitter.close() for listener in self.estate.listeners.values()))

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
        for rule in self.estate.rules():
            if group.arn in rule.in_force:
                self._route(rule)

    def _route(self, rule: Rule) -> None:
        listener = self.estate.listeners.get(names.listener_of(rule.arn))
        if listener is not None:  # a rule or listener may be gone before its change comes into force
            rows = dealt(
                (self.estate.groups[arn], weight) for arn, weight in rule.in_force.items() if arn in self.estate.groups
            )
            listener.splitter.route(rows, sticky=rule.sticky, at=rule.route)

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
