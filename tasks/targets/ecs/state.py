"""What ECS and the load balancer said at one moment, and what follows from it. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from surefoot.errors import Refused
from surefoot.release import Address
from surefoot.rollout import Mark
from surefoot.traffic import Traffic
from tasks.targets.ecs.definition import short
from tasks.targets.ecs.deployment import Deployment, Part
from tasks.targets.ecs.marks import read_mark, tags_of


@dataclass(frozen=True, slots=True)
class Balance:
    """What the load balancer does with users: weight by target group, and what leads to a group alone.

    `name` is what its metrics call it: `app/NAME/ID`.
    """

    url: str
    weights: Mapping[str, int]
    test_group: str
    test: Address | None
    pinned: Mapping[str, Address]
    name: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """A service at one moment. `deployments` are the newest, newest first; `current` serve; `past` served well once."""

    service: Mapping[str, Any]
    deployments: tuple[Deployment, ...]
    current: tuple[Part, ...]
    past: tuple[Part, ...]
    balance: Balance | None

    @property
    def tags(self) -> dict[str, str]:
        """Return the service's tags."""
        return tags_of(self.service)

    @property
    def mark(self) -> Mark | None:
        """Return the rollout's own state, as the service's tags carry it."""
        return read_mark(self.tags)

    @property
    def underway(self) -> Deployment | None:
        """Return the deployment at work."""
        return next((one for one in self.deployments if not one.over), None)

    @property
    def name(self) -> str:
        """Return the service's name."""
        return str(self.service["serviceName"])

    @property
    def serving(self) -> tuple[Part, ...]:
        """Return the revisions whose tasks may get users."""
        at_work = self.underway
        if at_work is None:
            return self.current
        return (*(at_work.sources or self.current), at_work.target)

    @property
    def before(self) -> Traffic | None:
        """Return what the deployment at work goes back to, None where that is not one revision."""
        at_work = self.underway
        if at_work is None:
            return None
        # One that has only just begun does not say what it replaces.
        sources = at_work.sources or tuple(part for part in self.current if part.arn != at_work.target.arn)
        names = {part.name for part in sources}
        return Traffic.all_on(names.pop()) if len(names) == 1 else None

    @property
    def newest(self) -> Deployment | None:
        """Return the newest deployment, at work or over."""
        return self.deployments[0] if self.deployments else None

    @property
    def groups(self) -> frozenset[str]:
        """Return the target groups of the service, between which ECS takes turns."""
        balancers = self.service.get("loadBalancers") or ()
        given = [one.get("advancedConfiguration") or {} for one in balancers]
        told = (
            *(one.get("targetGroupArn") for one in balancers),
            *(one.get("alternateTargetGroupArn") for one in given),
        )
        return frozenset(str(group) for group in told if group)

    @property
    def lags(self) -> bool:
        """Return whether the listener's rule is not yet seen to be as the deployment at work has asked it to be."""
        at_work = self.underway
        if at_work is None or at_work.asked is None or self.balance is None:
            return False
        return abs(at_work.asked - self.traffic.percent(at_work.target.name)) >= 1

    @property
    def strange(self) -> tuple[str, ...]:
        """Return the target groups that users are sent to though no revision of the service is there."""
        groups = {part.group for part in self.serving}
        weights = self.balance.weights if self.balance else {}
        return tuple(group for group, weight in weights.items() if weight and group not in groups)

    @property
    def traffic(self) -> Traffic:
        """Return who gets how much, as the listener's rule says; without one, all are on what serves."""
        if self.balance is None:
            return Traffic.all_on(self._replaced.name)
        groups = {part.group: part.name for part in self.serving}
        if self.strange:
            raise Refused(
                f"the listener sends users of {self.name} to {', '.join(map(_group, self.strange))}, where no revision "
                f"of it is; live are {', '.join(sorted(map(_group, groups)))}. Somebody has changed the rule: put it "
                "right"
            )
        shares: dict[str, int] = {}
        for group, percent in _whole(self.balance.weights).items():
            shares[groups[group]] = shares.get(groups[group], 0) + percent
        return Traffic.of(shares)

    @property
    def settled(self) -> bool:
        """Return whether nothing moves: no deployment is at work, or it waits for a word."""
        return self.underway is None or bool(self.underway.hook)

    @property
    def undone(self) -> str:
        """Return why ECS has put the marked rollout back by itself, "" where it has not, or not yet.

        Put back is what users are: as long as the listener's rule sends any of them to it, it is not.
        """
        fallen = self.fallen
        if fallen is None or fallen.not_back or self.traffic.percent(fallen.target.name):
            return ""
        return f"ECS has put it back by itself: {fallen.reason}"

    @property
    def fallen(self) -> Deployment | None:
        """Return the marked rollout's deployment where ECS takes it back by itself, has done so, or has failed to."""
        mark, newest = self.mark, self.newest
        if mark is None or newest is None or newest.target.name != mark.canary:
            return None
        return newest if newest.going_back and not newest.stopped else None

    @property
    def stranger(self) -> str:
        """Return what another is doing where a rollout of ours is marked, "" where nobody is.

        A deployment of what was before is our own way back, or comes to the same.
        """
        mark, at_work = self.mark, self.underway
        if mark is None or at_work is None or at_work.target.name in (mark.canary, mark.stable.main):
            return ""
        return f"a deployment of {short(at_work.target.definition)} is at work, which this rollout did not begin"

    @property
    def stamp(self) -> str:
        """Return what a write of anybody else would change: the deployment, its pause, the definition, the weights."""
        return f"{self.calm_stamp}; weights: {_weights(self.balance)}"

    @property
    def calm_stamp(self) -> str:
        """Return the stamp without the weights."""
        newest = self.newest
        pause = f", paused at {newest.raw.get('lifecycleStage')} ({newest.hook})" if newest and newest.hook else ""
        told = f"{short(newest.arn)} of {short(newest.target.definition)}, {newest.status}{pause}" if newest else "none"
        return f"deployment: {told}; task definition: {short(str(self.service.get('taskDefinition', '')))}"

    @property
    def version(self) -> str:
        """Return the stamp with the rollout's mark."""
        marked = {key: value for key, value in self.tags.items() if key.startswith("surefoot:")}
        return f"{self.stamp}; mark: {' '.join(f'{key}={marked[key]}' for key in sorted(marked)) or 'none'}"

    @property
    def _replaced(self) -> Part:
        """Return what serves until a rolling update is over."""
        at_work = self.underway
        parts = at_work.sources if at_work and at_work.sources else self.current
        if not parts:
            raise Refused(f"{self.name} has nothing that serves, so there would be no way back; deploy a first by hand")
        return parts[0]

    def part(self, name: str) -> Part | None:
        """Return a revision by our name: one that serves, or that has served well."""
        return next((part for part in (*self.serving, *self.past) if part.name == name), None)


def _whole(weights: Mapping[str, int]) -> dict[str, int]:
    """Return weights as whole percents (largest remainder); who has any keeps at least one."""
    total = sum(weights.values())
    if not total:
        raise Refused("the listener's rule gives nobody any weight, so nobody is served; put it right")
    exact = {group: weight * 100 / total for group, weight in weights.items() if weight}
    shares = {group: max(1, int(share)) for group, share in exact.items()}
    by_rest = sorted(exact, key=lambda group: (shares[group] - exact[group], group))
    for number in range(abs(100 - sum(shares.values()))):
        group = by_rest[number % len(by_rest)] if sum(shares.values()) < 100 else max(shares, key=lambda g: shares[g])
        shares[group] += 1 if sum(shares.values()) < 100 else -1
    return shares


def _weights(balance: Balance | None) -> str:
    if balance is None:
        return "none"
    return ", ".join(f"{_group(group)}={weight}" for group, weight in sorted(balance.weights.items()))


def _group(arn: str) -> str:
    return arn.rsplit(":targetgroup/", maxsplit=1)[-1].split("/", maxsplit=1)[0]
