"""What runs in either cloud, in the one form in which the control API shows and hurts it."""

import glob
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rehearsal.amazon import Aws
from rehearsal.cloud_run import CloudRun
from rehearsal.cloud_run.deployed import Deployed
from rehearsal.cloud_run.names import parent_of, place_of, split_revision
from rehearsal.ecs.service import Service
from rehearsal.splitter import PUBLIC, Fault

_ON_ECS = re.compile(r"(?P<cluster>[\w-]+)/(?P<service>[\w-]+)/(?P<revision>[\w-]+:\d+)")


class Running(Protocol):
    """A service of either cloud. `place` is the name that its requests are counted under."""

    @property
    def place(self) -> str:
        """Return the place."""

    @property
    def images(self) -> dict[str, str]:
        """Return its revisions' images by revision."""

    @property
    def faults(self) -> Mapping[str, tuple[Fault, bool]]:
        """Return the faults in force by revision; the flag says that they meet previews too."""

    def hurt(self, revision: str, fault: Fault | None, *, previews: bool) -> None:
        """Make a revision misbehave; None ends it."""

    def summary(self) -> dict[str, Any]:
        """Return where it is and what it is made of."""


@dataclass(frozen=True, slots=True)
class OnCloudRun:
    """A service on Cloud Run."""

    cloud: CloudRun
    deployed: Deployed

    @property
    def place(self) -> str:
        """Return `PROJECT/LOCATION/SERVICE`."""
        return place_of(self.deployed.service.name)

    @property
    def images(self) -> dict[str, str]:
        """Return its revisions' images by revision."""
        return {name: one.containers[0].image for name, one in sorted(self.deployed.revisions.items())}

    @property
    def faults(self) -> Mapping[str, tuple[Fault, bool]]:
        """Return the faults in force by revision; the flag says that they meet previews too."""
        return self.deployed.faults

    def hurt(self, revision: str, fault: Fault | None, *, previews: bool) -> None:
        """Make a revision misbehave for users, and where `previews` is set at its tags; None ends it."""
        self.cloud.reconciler.hurt(self.deployed, revision, fault, previews=previews)

    def summary(self) -> dict[str, Any]:
        """Return where it is and what it is made of; each revision with the address of its log."""
        one = self.deployed
        return {
            "name": one.service.name,
            "address": one.address.url,
            "previews": {tag: splitter.url for tag, splitter in one.previews.items()},
            "traffic": {one.revision_of(each): each.percent for each in one.service.traffic_statuses if each.percent},
            "revisions": {name: revision.log_uri for name, revision in sorted(one.revisions.items())},
            "images": self.images,
            "reconciling": one.service.reconciling,
        }


@dataclass(frozen=True, slots=True)
class OnEcs:
    """A service on ECS; its revisions are called `FAMILY:REVISION`. `log_uri` says where a name's log is."""

    aws: Aws
    service: Service
    log_uri: Callable[[str], str]

    @property
    def place(self) -> str:
        """Return `CLUSTER/SERVICE`."""
        return self.service.place

    @property
    def images(self) -> dict[str, str]:
        """Return its revisions' images by revision."""
        return {one.label: str(one.fleet.berth.container["image"]) for one in self.service.revisions}

    @property
    def faults(self) -> Mapping[str, tuple[Fault, bool]]:
        """Return the faults in force by revision; the flag says that they meet previews too."""
        return self.aws.balancer.faults.get(self.place, {})

    def hurt(self, revision: str, fault: Fault | None, *, previews: bool) -> None:
        """Make a revision misbehave for users, and where `previews` is set behind other rules; None ends it."""
        self.aws.balancer.hurt(self.place, revision, fault, previews=previews)

    def summary(self) -> dict[str, Any]:
        """Return where it is and what it is made of; each revision with the address of its log."""
        urls, latest = self.aws.balancer.urls(self.place), self.service.latest
        return {
            "name": self.service.arn,
            "address": urls.pop(PUBLIC, ""),
            "previews": urls,
            "traffic": self.aws.balancer.shares(self.place),
            "revisions": {label: self.log_uri(f"{self.place}/{label}") for label in self.images},
            "images": self.images,
            "reconciling": latest is not None and not latest.ended,
        }


def services(cloud: CloudRun, aws: Aws) -> Iterator[Running]:
    """Yield all services, those of Cloud Run first."""
    yield from (OnCloudRun(cloud, deployed) for deployed in cloud.services.values())
    yield from (OnEcs(aws, service, cloud.log_uri) for service in aws.ecs.services.values())


def logs(cloud: CloudRun, aws: Aws, name: str) -> list[Path]:
    """Return the logs of a revision: `projects/…/services/…/revisions/…`, or on ECS `CLUSTER/SERVICE/FAMILY:REVISION`.

    They stay when the revision goes.
    """
    if on_ecs := _ON_ECS.fullmatch(name):
        folder, revision = aws.ecs.account.world.log_dir / on_ecs["cluster"] / on_ecs["service"], on_ecs["revision"]
    else:
        service, revision = split_revision(name)
        folder = cloud.reconciler.logs(parent_of(service))
    return sorted(folder.glob(f"{glob.escape(revision)}-[0-9]*.log"), key=lambda log: log.stat().st_mtime)
