"""What a service becomes when an update is laid over it."""

import re
from collections.abc import Sequence

from google.cloud import run_v2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from rehearsal.cloud_run.refusal import invalid

# Only these are the caller's to write; the rest of a Service is the platform's report.
WRITABLE = (
    "description",
    "labels",
    "annotations",
    "client",
    "client_version",
    "ingress",
    "launch_stage",
    "binary_authorization",
    "template",
    "traffic",
    "scaling",
    "invoker_iam_disabled",
    "default_uri_disabled",
    "iap_enabled",
    "multi_region_settings",
    "custom_audiences",
    "threat_detection_enabled",
    "build_config",
)
_LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
_PUBLIC = run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL
_PORT = 8080
_STARTUP_S = 240
_TIMEOUT_S = 300
_CONCURRENCY = 80
_MAX_INSTANCES = 100


def merged(current: run_v2.Service, wanted: run_v2.Service, paths: Sequence[str]) -> run_v2.Service:
    """Return `current` with the masked fields of `wanted`; no mask, or `*`, replaces all that may be written."""
    whole = not paths or list(paths) == ["*"]
    mask = FieldMask(paths=WRITABLE if whole else [_snake(path) for path in paths])
    descriptor = run_v2.Service.pb().DESCRIPTOR
    for path in mask.paths:
        if path.partition(".")[0] not in (*WRITABLE, "name", "etag") or not FieldMask(
            paths=[path]
        ).IsValidForDescriptor(descriptor):
            raise invalid("update_mask", f"{path!r} is not a field that can be updated.")
    ours = FieldMask(paths=[path for path in mask.paths if path not in ("name", "etag")])
    result = run_v2.Service(current)
    ours.MergeMessage(
        run_v2.Service.pb(wanted), run_v2.Service.pb(result), replace_message_field=True, replace_repeated_field=True
    )
    return with_defaults(result)


def with_defaults(service: run_v2.Service) -> run_v2.Service:
    """Fill in, and return, what the platform fills in: all traffic on LATEST, port, probe, limits."""
    if not service.traffic:
        service.traffic = [run_v2.TrafficTarget(type_=_LATEST, percent=100)]
    service.ingress = service.ingress or run_v2.IngressTraffic(_PUBLIC)
    service.launch_stage = service.launch_stage or 4  # google.api.LaunchStage.GA
    template = service.template
    template.max_instance_request_concurrency = template.max_instance_request_concurrency or _CONCURRENCY
    template.scaling.max_instance_count = template.scaling.max_instance_count or _MAX_INSTANCES
    if "timeout" not in template:
        template.timeout = Duration(seconds=_TIMEOUT_S)
    for container in template.containers:
        if not container.ports:
            container.ports = [run_v2.ContainerPort(name="http1", container_port=_PORT)]
        if "startup_probe" not in container:
            tcp = run_v2.TCPSocketAction(port=container.ports[0].container_port)
            container.startup_probe = run_v2.Probe(
                timeout_seconds=_STARTUP_S, period_seconds=_STARTUP_S, failure_threshold=1, tcp_socket=tcp
            )
    return service


def _snake(path: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", path)
