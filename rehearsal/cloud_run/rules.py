"""What a service has to look like to be accepted."""

import re
from collections.abc import Iterable

from google.cloud import run_v2
from grpc import StatusCode

from rehearsal.cloud_run.refusal import Refusal, invalid

_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_SERVICE_ID_MAX = 49
_REVISION_MAX = 63
_TAG_MIN = 3
_TAG_AND_SERVICE_MAX = 46
_SYSTEM_NAMESPACES = ("run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev")
_BY_REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
_LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST


def check_service_id(service_id: str) -> None:
    """Refuse a service id that breaks the platform's rules."""
    if not _NAME.fullmatch(service_id) or len(service_id) > _SERVICE_ID_MAX:
        raise invalid(
            "service_id",
            f"{service_id!r} must use only lowercase letters, digits and hyphens, begin with a letter, "
            f"not end with a hyphen, and be less than {_SERVICE_ID_MAX + 1} characters.",
        )


def check(service: run_v2.Service, service_id: str) -> None:
    """Refuse a service that could not be served, before anything is changed."""
    _check_keys("service.annotations", service.annotations)
    _check_keys("service.labels", service.labels)
    _check_template(service.template, service_id)
    _check_traffic(service.traffic, service_id)


def _check_keys(field: str, keys: Iterable[str]) -> None:
    for key in keys:
        namespace = key.partition("/")[0] if "/" in key else ""
        if any(namespace == system or namespace.endswith(f".{system}") for system in _SYSTEM_NAMESPACES):
            raise invalid(field, f"{key!r}: the namespace {namespace} is reserved for the system.")


def _check_template(template: run_v2.RevisionTemplate, service_id: str) -> None:
    _check_keys("service.template.annotations", template.annotations)
    _check_keys("service.template.labels", template.labels)
    if not template.containers:
        raise invalid("service.template.containers", "a service must have at least one container.")
    if len(template.containers) > 1:
        raise Refusal(StatusCode.UNIMPLEMENTED, "The rehearsal runs one container a revision, without sidecars.")
    _check_container(template.containers[0])
    if template.revision:
        _check_revision_name(template.revision, service_id)


def _check_container(container: run_v2.Container) -> None:
    if not container.image:
        raise invalid("service.template.containers[0].image", "must be a non-empty container image.")
    if container.command or container.args:
        raise Refusal(StatusCode.UNIMPLEMENTED, "The rehearsal runs the catalogue's command, not command or args.")
    if any("value_source" in variable for variable in container.env):
        raise Refusal(StatusCode.UNIMPLEMENTED, "The rehearsal keeps no secrets; write plain values into env.")


def _check_revision_name(revision: str, service_id: str) -> None:
    if not revision.startswith(f"{service_id}-"):
        raise invalid("service.template.revision", f"{revision!r} must begin with the service's name, '{service_id}-'.")
    if not _NAME.fullmatch(revision) or len(revision) > _REVISION_MAX:
        raise invalid(
            "service.template.revision",
            f"{revision!r} must use only lowercase letters, digits and hyphens, at most {_REVISION_MAX} of them.",
        )


def _check_traffic(traffic: Iterable[run_v2.TrafficTarget], service_id: str) -> None:
    total, tags = 0, set()
    for at, target in enumerate(traffic):
        field = f"service.traffic[{at}]"
        if target.type_ not in (_BY_REVISION, _LATEST):
            raise invalid(f"{field}.type", "must be LATEST or REVISION.")
        if target.type_ == _BY_REVISION and not target.revision:
            raise invalid(f"{field}.revision", "must name a revision when the type is REVISION.")
        if target.type_ == _LATEST and target.revision:
            raise invalid(f"{field}.revision", "must be empty when the type is LATEST.")
        if not 0 <= target.percent <= 100:
            raise invalid(f"{field}.percent", f"{target.percent} is not between 0 and 100.")
        if target.tag in tags:
            raise invalid(f"{field}.tag", f"{target.tag!r} is used by another target; a tag points at one revision.")
        if target.tag:
            _check_tag(field, target.tag, service_id)
            tags.add(target.tag)
        total += target.percent
    if total != 100:
        raise invalid("service.traffic", f"the percents must add up to 100, they add up to {total}.")


def _check_tag(field: str, tag: str, service_id: str) -> None:
    if not _NAME.fullmatch(tag) or len(tag) < _TAG_MIN or len(tag) + len(service_id) > _TAG_AND_SERVICE_MAX:
        raise invalid(
            f"{field}.tag",
            f"{tag!r} must be a lowercase name of at least {_TAG_MIN} characters, "
            f"at most {_TAG_AND_SERVICE_MAX} together with the service's name.",
        )
