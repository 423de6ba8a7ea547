"""The commands as people type them: processes, in the environment of the session's real Prefect."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport
from prefect_real import RealPrefect, settled

from rehearsal.catalogue import SAMPLE, Catalogue

SUREFOOT = Path(sys.executable).parent / "surefoot"
PARENT = "projects/rehearsal/locations/laptop"
_ENDED_S = 90


def image(version: str) -> str:
    """Return the sample shop's image of a version, by digest."""
    return f"registry.rehearsal/shop@{Catalogue.load(SAMPLE).digest(f'registry.rehearsal/shop:{version}')}"


def typed(prefect: RealPrefect, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Type a command where there is no terminal, and wait for its end."""
    ran = subprocess.run(
        [SUREFOOT, *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=_ENDED_S,
        cwd=prefect.home,
        env={**prefect.environ, **environ},
    )
    assert "Traceback" not in ran.stdout + ran.stderr, ran.stderr
    return ran


def answered(prefect: RealPrefect, *words: str, **environ: str) -> dict[str, Any]:
    """Return the document that a command prints with --json; its exit code is the one it names."""
    ran = typed(prefect, *words, "--json", **environ)
    assert ran.stdout, ran.stderr
    document: dict[str, Any] = json.loads(ran.stdout)
    assert document["schema"] == f"surefoot.{words[0]}/1"
    assert document.get("exit_code", ran.returncode) == ran.returncode, ran.stdout + ran.stderr
    return document


def live(prefect: RealPrefect, service: str) -> dict[str, int]:
    """Return how much traffic each revision has in production, as the cloud tells."""
    with _client(prefect) as client:
        found = client.get_service(name=f"{PARENT}/services/{service}")
    latest = found.latest_ready_revision.rpartition("/")[2]
    return {one.revision or latest: one.percent for one in found.traffic_statuses if one.percent}


def both_places(prefect: RealPrefect, name: str, approvers: Sequence[str] = (), **rollout: Any) -> None:
    """Make a service that is live at 1.0.0 in production and in staging."""
    prefect.service(name, approvers=approvers, **rollout)
    with _client(prefect) as client:
        container = run_v2.Container(image=image("1.0.0"))
        wanted = run_v2.Service(template=run_v2.RevisionTemplate(containers=[container]))
        services = {each.name.rpartition("/")[2] for each in client.list_services(parent=PARENT)}
        if f"{name}-st" not in services:
            settled(client.create_service(parent=PARENT, service_id=f"{name}-st", service=wanted))


def deployed_by_hand(prefect: RealPrefect, service: str, version: str) -> None:
    """Deploy an image as somebody with gcloud would: all users are on it at once."""
    with _client(prefect) as client:
        found = client.get_service(name=f"{PARENT}/services/{service}")
        found.template.containers[0].image = image(version)
        found.template.revision = ""
        settled(client.update_service(service=found))


def _client(prefect: RealPrefect) -> run_v2.ServicesClient:
    address = prefect.addresses["grpc"].removeprefix("grpc://")
    return run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=grpc.insecure_channel(address)))
