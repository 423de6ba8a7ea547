"""One write to a service: what it asks for, and whether a service has been told so, and does so."""

from collections.abc import Mapping
from dataclasses import dataclass

from google.cloud import run_v2
from google.protobuf.field_mask_pb2 import FieldMask

from surefoot.release import Release
from surefoot.rollout import Mark
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.targets.cloud_run.allocation import Allocation, short_name
from tasks.targets.cloud_run.marks import marked, ours
from tasks.targets.cloud_run.reading import entrance, is_settled


@dataclass(frozen=True, slots=True)
class Change:
    """The traffic and annotations a service is to have, and the template of a revision where one is to be made."""

    allocation: Allocation
    annotations: Mapping[str, str]
    template: run_v2.RevisionTemplate | None = None

    def is_wished(self, service: run_v2.Service) -> bool:
        """Return whether the service has been told this, by whomever."""
        return (
            Allocation.wished(service) == self.allocation
            and ours(service.annotations) == ours(self.annotations)
            and (self.template is None or service.template.revision == self.template.revision)
        )

    def is_observed(self, service: run_v2.Service) -> bool:
        """Return whether the service does this, with nothing on its way any more."""
        wanted = self.allocation.resolved(short_name(service.latest_ready_revision))
        return is_settled(service) and Allocation.observed(service) == wanted

    def request(self, service: run_v2.Service) -> run_v2.UpdateServiceRequest:
        """Return the write, guarded by the etag of the service as it was read."""
        told = run_v2.Service(
            name=service.name, etag=service.etag, traffic=self.allocation.targets(), annotations=self.annotations
        )
        paths = ["traffic", "annotations"]
        if self.template is not None:
            told.template, paths = self.template, ["template", *paths]
        return run_v2.UpdateServiceRequest(service=told, update_mask=FieldMask(paths=paths))


def staging(release: Release, mark: Mark, seen: Live, service: run_v2.Service, *, exists: bool) -> Change:
    """Return the write that pins what was seen serving, and adds the release's revision beside it if it is missing."""
    name = release.revision_name(short_name(service.name))
    pinned = _kept(seen, service).sharing(seen.traffic)
    return Change(
        pinned.previewing([*pinned.percents, name]),
        marked(service.annotations, mark),
        None if exists else _template(service, name, str(release.image)),
    )


def shifting(traffic: Traffic, mark: Mark | None, seen: Live, service: run_v2.Service) -> Change:
    """Return the write that gives each revision its percent."""
    return Change(_kept(seen, service).sharing(traffic), marked(service.annotations, mark))


def _kept(seen: Live, service: run_v2.Service) -> Allocation:
    broken = [name for name, revision in seen.revisions.items() if not revision.ready]
    return Allocation.wished(service).without_tags_on(broken)


def _template(service: run_v2.Service, name: str, image: str) -> run_v2.RevisionTemplate:
    template = run_v2.RevisionTemplate(service.template)
    template.revision = name
    entrance(template.containers).image = image
    return template
