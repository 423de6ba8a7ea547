"""Revisions as the API has them: made from a template once, under one name for one configuration."""

import uuid
from datetime import UTC, datetime

from google.cloud import run_v2
from grpc import StatusCode

from rehearsal.cloud_run.conditions import RECONCILING
from rehearsal.cloud_run.deployed import Deployed
from rehearsal.cloud_run.names import generated_revision, short
from rehearsal.cloud_run.refusal import Refusal

_FROM_TEMPLATE = (
    "labels",
    "annotations",
    "scaling",
    "vpc_access",
    "timeout",
    "service_account",
    "containers",
    "volumes",
    "execution_environment",
    "max_instance_request_concurrency",
    "session_affinity",
)


def check_unique(deployed: Deployed, template: run_v2.RevisionTemplate) -> None:
    """Refuse a template that gives an existing revision's name to another configuration."""
    existing = deployed.revisions.get(template.revision)
    if existing is not None and any(getattr(existing, part) != getattr(template, part) for part in _FROM_TEMPLATE):
        text = f"Revision named '{template.revision}' with different configuration already exists."
        raise Refusal(StatusCode.ALREADY_EXISTS, text)


def create_revision(deployed: Deployed, creator: str) -> run_v2.Revision:
    """Make the present template's revision the latest created one, adding it unless it exists; return it."""
    service = deployed.service
    name = service.template.revision or generated_revision(deployed.id, service.generation)
    service.latest_created_revision = f"{service.name}/revisions/{name}"
    if name not in deployed.revisions:
        revision = run_v2.Revision(name=service.latest_created_revision, service=deployed.id, creator=creator)
        for part in _FROM_TEMPLATE:
            setattr(revision, part, getattr(service.template, part))
        revision.uid, revision.generation, revision.launch_stage = str(uuid.uuid4()), 1, service.launch_stage
        revision.create_time = datetime.now(UTC)
        deployed.revisions[name], deployed.health[name] = revision, RECONCILING
    return deployed.revisions[name]


def check_retired(deployed: Deployed, revision: run_v2.Revision) -> None:
    """Refuse to delete a revision that somebody may still need: only retired ones can go."""
    name = short(revision.name)
    if name in deployed.addressed():
        reason = "traffic or a tag leads to it"
    elif revision.name == deployed.service.latest_created_revision:
        reason = "it is the latest created one"
    else:
        return
    raise Refusal(StatusCode.FAILED_PRECONDITION, f"Revision '{name}' cannot be deleted: {reason}.")
