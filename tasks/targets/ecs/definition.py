"""A release's task definition: the live one, with only the image and our tags changed."""

from collections.abc import Mapping
from typing import Any

from surefoot.errors import Refused
from surefoot.release import Release
from tasks.targets.ecs.marks import COMMIT, FROM, PREFIX, RELEASE, REVISION, tags_of

# What AWS writes into a task definition itself, and takes from nobody. What is not known here is sent back as it came.
_AWS_OWN = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)


def name_of(definition: Mapping[str, Any]) -> str:
    """Return the revision that a task definition is of: ours by its tag, any other by its own short name."""
    return tags_of(definition).get(REVISION) or short(definition["taskDefinitionArn"])


def short(arn: str) -> str:
    """Return `family:number` of a task definition."""
    return arn.rpartition("/")[2]


def entrance(definition: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """Return the container that runs the release: the one that is wanted, or the first essential one."""
    containers = definition["containerDefinitions"]
    if wanted:
        found = next((container for container in containers if container.get("name") == wanted), None)
        if found is None:
            names = ", ".join(str(container.get("name")) for container in containers)
            raise Refused(f"{short(definition['taskDefinitionArn'])} has no container {wanted!r}; it has {names}")
        return dict(found)
    return dict(next((container for container in containers if container.get("essential", True)), containers[0]))


def released(live: Mapping[str, Any], release: Release, revision: str, container: str) -> dict[str, Any]:
    """Return what to register for a release."""
    chosen = entrance(live, container)["name"]
    containers = [
        {**one, "image": str(release.image)} if one.get("name") == chosen else one
        for one in live["containerDefinitions"]
    ]
    others = {key: value for key, value in tags_of(live).items() if not key.startswith((PREFIX, "aws:"))}
    ours = {REVISION: revision, RELEASE: release.id, COMMIT: release.commit, FROM: short(live["taskDefinitionArn"])}
    tags = [{"key": key, "value": value} for key, value in {**others, **ours}.items()]
    kept = {key: value for key, value in live.items() if key not in _AWS_OWN}
    return {**kept, "containerDefinitions": containers, "tags": tags}
