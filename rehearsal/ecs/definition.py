"""Task definitions: registered as they were sent, numbered by family."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rehearsal.catalogue import Catalogue
from rehearsal.ecs import names, tagging
from rehearsal.ecs.refusals import client, invalid
from rehearsal.ecs.world import now


@dataclass(slots=True)
class Definition:
    """One revision of a family, with everything that its request said."""

    region: str
    family: str
    number: int
    request: dict[str, Any]
    caller: str
    tags: tagging.Tags = field(default_factory=dict)
    registered: datetime = field(default_factory=now)
    deregistered: datetime | None = None

    @property
    def label(self) -> str:
        """Return `FAMILY:REVISION`."""
        return f"{self.family}:{self.number}"

    @property
    def arn(self) -> str:
        """Return the ARN."""
        return names.arn(self.region, "task-definition", self.label)

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Return the definitions of the containers."""
        return list(self.request["containerDefinitions"])

    def container(self, name: str) -> dict[str, Any]:
        """Return the container of a name; the first one for an empty name or one that is not there."""
        return next((one for one in self.containers if one.get("name") == name), self.containers[0])

    def images(self, catalogue: Catalogue) -> list[dict[str, Any]]:
        """Return the image of each container, with its digest where it is in the catalogue."""
        listed = []
        for one in self.containers:
            digest = catalogue.digest(one["image"])
            listed.append({"containerName": one["name"], "image": one["image"], **_only(imageDigest=digest)})
        return listed

    def told(self) -> dict[str, Any]:
        """Return it as answers describe it."""
        kept = {key: value for key, value in self.request.items() if key != "tags"}
        return {
            "volumes": [],
            "placementConstraints": [],
            **kept,
            "containerDefinitions": [{**_EMPTY_CONTAINER, **one} for one in self.containers],
            "taskDefinitionArn": self.arn,
            "revision": self.number,
            "status": "INACTIVE" if self.deregistered else "ACTIVE",
            "requiresAttributes": self._attributes(),
            "compatibilities": ["EC2", "FARGATE"] if self._fits_fargate() else ["EC2"],
            "registeredAt": self.registered,
            "registeredBy": f"arn:aws:iam::{names.ACCOUNT}:user/{self.caller}",
            **_only(deregisteredAt=self.deregistered),
        }

    def _fits_fargate(self) -> bool:
        return self.request.get("networkMode") == "awsvpc" and bool(self.request.get("cpu"))

    def _attributes(self) -> list[dict[str, Any]]:
        wanted = ["com.amazonaws.ecs.capability.docker-remote-api.1.18"]
        if self.request.get("networkMode") == "awsvpc":
            wanted.append("ecs.capability.task-eni")
        if self.request.get("taskRoleArn"):
            wanted.append("com.amazonaws.ecs.capability.task-iam-role")
        return [{"name": name} for name in wanted]


@dataclass(slots=True)
class Definitions:
    """All task definitions, by family."""

    families: dict[str, list[Definition]] = field(default_factory=dict)

    def register(self, region: str, request: dict[str, Any], caller: str) -> Definition:
        """Add the next revision of a family."""
        family = request["family"]
        _check(request)
        kept = self.families.setdefault(family, [])
        made = Definition(region, family, len(kept) + 1, request, caller, tagging.read(request.get("tags")))
        kept.append(made)
        return made

    def find(self, reference: str) -> Definition:
        """Return what an ARN, `FAMILY:REVISION` or `FAMILY` (its latest active revision) means; Refusal if nothing."""
        family, _, number = names.short(reference).partition(":")
        known = self.families.get(family, [])
        if number:
            found = next((one for one in known if str(one.number) == number), None)
        else:
            found = next((one for one in reversed(known) if one.deregistered is None), None)
        if found is None:
            raise client("Unable to describe task definition.")
        return found

    def active(self, reference: str) -> Definition:
        """Return a task definition that a deployment may use; Refusal when it is inactive or not there."""
        try:
            found = self.find(reference)
        except Exception as problem:
            raise client("TaskDefinition not found.") from problem
        if found.deregistered is not None:
            raise client("TaskDefinition is inactive")
        return found


_EMPTY_CONTAINER: dict[str, Any] = {
    "cpu": 0,
    "portMappings": [],
    "essential": True,
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
}


def _check(request: dict[str, Any]) -> None:
    containers = request["containerDefinitions"]
    if not containers:
        raise client("TaskDefinition must have at least one container definition.")
    for one in containers:
        if not one.get("name") or not one.get("image"):
            raise client("Container.name and Container.image should not be null or empty.")
    if len({one["name"] for one in containers}) != len(containers):
        raise client("Container names must be unique within a task definition.")
    if not all(sign.isalnum() or sign in "-_" for sign in request["family"]) or len(request["family"]) > 255:
        raise invalid("Family contains invalid characters.")


def _only(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
