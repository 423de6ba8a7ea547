"""Everything that exists in ECS: clusters, task definitions and services, found by name or ARN."""

from dataclasses import dataclass, field
from typing import Any

from rehearsal.ecs import names, tagging
from rehearsal.ecs.definition import Definitions
from rehearsal.ecs.deployment import Deployment
from rehearsal.ecs.refusals import no_cluster, no_deployment, no_service
from rehearsal.ecs.service import Service
from rehearsal.ecs.world import World

_DEFAULT_CLUSTER = "default"


@dataclass(slots=True)
class Cluster:
    """A cluster, with the fields of its request."""

    arn: str
    name: str
    settings: dict[str, Any]
    tags: tagging.Tags


@dataclass(slots=True)
class Account:
    """What is there. Services are kept by `CLUSTER/SERVICE`."""

    world: World
    clusters: dict[str, Cluster] = field(default_factory=dict)
    definitions: Definitions = field(default_factory=Definitions)
    services: dict[str, Service] = field(default_factory=dict)

    def cluster(self, params: dict[str, Any]) -> Cluster:
        """Return the cluster that a request names; without a name, the one called `default`."""
        found = self.clusters.get(names.short(params.get("cluster") or _DEFAULT_CLUSTER))
        if found is None:
            raise no_cluster()
        return found

    def look_up(self, cluster: Cluster, reference: str) -> Service | None:
        """Return the service of a cluster by name or ARN."""
        if reference.startswith("arn:") and reference.split("/")[1:-1] not in ([cluster.name], []):
            return None
        return self.services.get(names.place(cluster.name, names.short(reference)))

    def service(self, params: dict[str, Any], key: str = "service") -> Service:
        """Return the service that a request names; Refusal when it is not there."""
        found = self.look_up(self.cluster(params), params[key])
        if found is None:
            raise no_service()
        return found

    def deployment(self, arn: str) -> tuple[Service, Deployment]:
        """Return a service deployment with its service; Refusal when it is not there."""
        for service in self.services.values():
            for deployment in service.deployments:
                if deployment.arn == arn:
                    return service, deployment
        raise no_deployment(arn)
