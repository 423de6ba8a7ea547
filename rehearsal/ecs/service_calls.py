"""The calls about services."""

from dataclasses import dataclass
from typing import Any

from rehearsal.ecs import names, tagging
from rehearsal.ecs.account import Account, Cluster
from rehearsal.ecs.paging import page
from rehearsal.ecs.plan import check
from rehearsal.ecs.refusals import inactive_service, invalid
from rehearsal.ecs.scheduler import Scheduler
from rehearsal.ecs.service import Service
from rehearsal.platform import Platform

_DEFAULT_CONFIGURATION = {
    "strategy": "ROLLING",
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
}
_NOT_SETTINGS = ("cluster", "serviceName", "service", "taskDefinition", "desiredCount", "clientToken", "tags", "role")
_OF_ONE_CALL = ("deploymentConfiguration", "forceNewDeployment")
_REDEPLOYED = ("loadBalancers", "networkConfiguration", "platformVersion", "serviceRegistries", "volumeConfigurations")


@dataclass(frozen=True, slots=True)
class ServiceCalls:
    """Create, update, describe, list and delete services."""

    account: Account
    scheduler: Scheduler

    async def create(self, params: dict[str, Any], caller: str) -> dict[str, Any]:
        """Add a service and begin its first deployment."""
        cluster = self.account.cluster(params)
        self._check_name(cluster, params["serviceName"])
        if not params.get("taskDefinition"):
            raise invalid("taskDefinition cannot be empty.")
        definition = self.account.definitions.active(params["taskDefinition"])
        world, settings = self.account.world, _settings(params)
        configuration = _configured(params.get("deploymentConfiguration"))
        self.scheduler.check_load_balancers(settings, definition)
        check(configuration, settings.get("loadBalancers") or [])
        name = params["serviceName"]
        service = Service(
            region=world.region,
            cluster=cluster.name,
            name=name,
            desired=params.get("desiredCount", 1),
            configuration=configuration,
            settings=settings,
            platform=Platform(world.catalogue, world.log_dir / cluster.name / name),
            caller=caller,
            tags=tagging.read(params.get("tags")),
        )
        self.account.services[service.place] = service
        self.scheduler.deploy(service, definition)
        return {"service": service.told(with_tags=True)}

    async def update(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Change a service; another task definition or load balancer begins a deployment, other settings do not."""
        service = self.account.service(params)
        if service.status != "ACTIVE":
            raise inactive_service()
        asked = params.get("taskDefinition")
        definition = self.account.definitions.active(asked) if asked else service.definition
        given = _settings(params)
        settings = service.settings | given
        configuration = service.configuration
        if params.get("deploymentConfiguration") is not None:
            configuration = _configured(params["deploymentConfiguration"])
        self.scheduler.check_load_balancers(settings, definition)
        check(configuration, settings.get("loadBalancers") or [])
        moved = any(given[key] != service.settings.get(key) for key in _REDEPLOYED if key in given)
        service.settings, service.configuration = settings, configuration
        if params.get("desiredCount") is not None:
            self.scheduler.scale(service, params["desiredCount"])
        if definition is not service.definition or moved or params.get("forceNewDeployment"):
            self.scheduler.deploy(service, definition)
        return {"service": service.told(with_tags=True)}

    async def describe(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Describe services, and say which are missing."""
        cluster = self.account.cluster(params)
        if not 1 <= len(params["services"]) <= 10:
            raise invalid("services can have at least 1 and at most 10 items.")
        known = {one: self.account.look_up(cluster, one) for one in params["services"]}
        with_tags = "TAGS" in (params.get("include") or ())
        missing = [{"arn": self._arn(cluster, one), "reason": "MISSING"} for one, found in known.items() if not found]
        return {"services": [one.told(with_tags=with_tags) for one in known.values() if one], "failures": missing}

    async def listing(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """List the ARNs of a cluster's services."""
        cluster = self.account.cluster(params)
        arns = [
            one.arn
            for one in self.account.services.values()
            if one.cluster == cluster.name and one.status != "INACTIVE"
        ]
        return page("serviceArns", arns, params, most=10)

    async def delete(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Drain a service and end all that runs for it; one that should have tasks only by force."""
        service = self.account.service(params)
        if service.status != "ACTIVE":
            raise inactive_service()
        if service.desired > 0 and not params.get("force"):
            raise invalid("The service cannot be stopped while it is scaled above 0.")
        self.scheduler.remove(service)
        return {"service": service.told(with_tags=False)}

    def _check_name(self, cluster: Cluster, name: str) -> None:
        if not name or len(name) > 255 or not all(sign.isalnum() or sign in "-_" for sign in name):
            raise invalid("Service name contains invalid characters.")
        there = self.account.look_up(cluster, name)
        if there is not None and there.status == "ACTIVE":
            raise invalid("Creation of service was not idempotent.")
        if there is not None and there.status == "DRAINING":
            raise invalid("Unable to Start a service that is still Draining.")

    def _arn(self, cluster: Cluster, reference: str) -> str:
        return names.arn(self.account.world.region, "service", cluster.name, names.short(reference))


def _settings(params: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key not in (*_NOT_SETTINGS, *_OF_ONE_CALL)}


def _configured(given: dict[str, Any] | None) -> dict[str, Any]:
    return {**_DEFAULT_CONFIGURATION, **(given or {})}
