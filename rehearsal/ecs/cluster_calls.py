"""The calls about clusters."""

from dataclasses import dataclass
from typing import Any

from rehearsal.ecs import names, tagging
from rehearsal.ecs.account import Account, Cluster


@dataclass(frozen=True, slots=True)
class ClusterCalls:
    """CreateCluster and DescribeClusters."""

    account: Account

    async def create(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Add a cluster; one that is there is returned as it is."""
        name = params.get("clusterName") or "default"
        if name not in self.account.clusters:
            arn = names.arn(self.account.world.region, "cluster", name)
            self.account.clusters[name] = Cluster(arn, name, dict(params), tagging.read(params.get("tags")))
        return {"cluster": self._told(self.account.clusters[name])}

    async def describe(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Describe clusters, and say which are missing."""
        asked = params.get("clusters") or ["default"]
        known = {one: self.account.clusters.get(names.short(one)) for one in asked}
        failures = [{"arn": self._arn(one), "reason": "MISSING"} for one, found in known.items() if found is None]
        return {"clusters": [self._told(found) for found in known.values() if found], "failures": failures}

    async def listing(self, _params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """List the ARNs of all clusters."""
        return {"clusterArns": [one.arn for one in self.account.clusters.values()]}

    def _arn(self, reference: str) -> str:
        return names.arn(self.account.world.region, "cluster", names.short(reference))

    def _told(self, cluster: Cluster) -> dict[str, Any]:
        services = [one for one in self.account.services.values() if one.cluster == cluster.name]
        tasks = [task.status for one in services for task in one.tasks]
        return {
            "settings": cluster.settings.get("settings", []),
            "capacityProviders": cluster.settings.get("capacityProviders", []),
            "defaultCapacityProviderStrategy": cluster.settings.get("defaultCapacityProviderStrategy", []),
            "clusterArn": cluster.arn,
            "clusterName": cluster.name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": tasks.count("RUNNING"),
            "pendingTasksCount": tasks.count("PENDING"),
            "activeServicesCount": sum(one.status == "ACTIVE" for one in services),
            "statistics": [],
            "tags": tagging.told(cluster.tags),
        }
