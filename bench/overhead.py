"""What Surefoot adds to a rollout: three steps without a hold, beside a bare script that makes the same client calls.

    python bench/overhead.py [--times 3]

A real Prefect server and worker, and a cloud that answers at once. A run is measured as Prefect has it, from its flow's
first line to its end: lease, ledger, notices, smoke checks, every write read back. The script makes the same writes,
polls the same operations and asks the same pages. Ends with 1 when the difference is over the bar.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc.aio
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcAsyncIOTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport
from google.longrunning.operations_pb2 import GetOperationRequest
from prefect.client.orchestration import get_client
from prefect.deployments import arun_deployment

from commands.engine import started
from commands.rehearsed import free_port
from rehearsal.catalogue import Catalogue, Recipe
from rehearsal.cloud import CHANNEL, SLACK_TOKEN, Rehearsal
from rehearsal.cloud_run import Pace
from surefoot.release import Image, Release
from tasks.clock import now
from tasks.site import open_store
from tasks.store import releases

BAR_S = 5.0
PARENT = "projects/rehearsal/locations/laptop"
STEPS = (10, 50, 100)
POLL_S = 0.05
_WITHIN_S = 120.0
_ANSWERS = """
import os, socket
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64)
while True:
    line, _ = server.accept()
    if line.recv(65536):
        line.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\nOK")
    line.close()
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to roll out: seconds from beginning to end, and how many calls of the API it made, writes among them."""

    seconds: float
    calls: int
    writes: int


def catalogue(times: int) -> Catalogue:
    """Return an image for what serves and one for each release."""
    command = (sys.executable, "-S", "-E", "-c", _ANSWERS)
    return Catalogue(
        tuple(Recipe("bench/page", f"1.{n}.0", f"sha256:{n:064x}", command, {}) for n in range(2 * times + 2))
    )


def write_service_file(folder: Path, cloud: Rehearsal, service: str) -> None:
    """Write a service whose production wants no approval and holds nowhere."""
    target = {"kind": "cloud_run", "project": "rehearsal", "region": "laptop", "service": service}
    target |= {"endpoint": cloud.grpc_endpoint, "poll_every": f"{POLL_S * 1000:.0f}ms"}
    steps = [{"traffic": f"{percent}%", "watch": "0s"} for percent in STEPS]
    slack = {"channel": f"#{CHANNEL}", "token": {"env": "REHEARSAL_SLACK_TOKEN"}, "api_url": cloud.slack_url}
    rollout = {"steps": steps, "compare": "0s", "bake": "0s"}
    place = {"target": target, "rollout": rollout, "notices": {"slack": slack}}
    checks = [{"name": "front", "path": "/", "expect": ["status == 200"]}]
    document = {"name": service, "checks": checks, "environments": {"production": place}}
    (folder / f"{service}.yaml").write_text(json.dumps(document))


@asynccontextmanager
async def clients(cloud: Rehearsal) -> AsyncIterator[tuple[run_v2.ServicesAsyncClient, run_v2.RevisionsAsyncClient]]:
    """Yield the vendor's clients over one channel."""
    async with grpc.aio.insecure_channel(cloud.grpc_endpoint.removeprefix("grpc://")) as channel:
        yield (
            run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=channel)),
            run_v2.RevisionsAsyncClient(transport=RevisionsGrpcAsyncIOTransport(channel=channel)),
        )


async def create(cloud: Rehearsal, service: str, image: str) -> None:
    """Bring a service up."""
    async with clients(cloud) as (services, _):
        template = run_v2.RevisionTemplate(containers=[run_v2.Container(image=image)])
        wanted = run_v2.Service(template=template)
        began = await services.create_service(parent=PARENT, service=wanted, service_id=service)
        await cloud.cloud.operations.wait(began.operation.name, 20)


async def by_surefoot(cloud: Rehearsal, service: str, release: Release) -> Measured:
    """Let a worker roll the release out; return what Prefect says it took."""
    async with open_store() as store:
        seq = await store.run(releases.register, f"{service}/staging", release, now(), "bench")
        await store.run(releases.verify, f"{service}/staging", seq, {"smoked": {}, "verdicts": []}, now())
    since = now()
    parameters = {"service": service, "release": release.id}
    asked = await arun_deployment(
        "deploy-production/deploy-production", parameters=parameters, timeout=0, as_subflow=False
    )
    async with get_client() as client, asyncio.timeout(_WITHIN_S):
        while not (run := await client.read_flow_run(asked.id)).state.is_final():  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert run.state.name == "Done", run.state.message
    calls = cloud.front.journal.of(since=since)
    took = (run.end_time - run.start_time).total_seconds()
    return Measured(took, len(calls), sum(call.method == "UpdateService" for call in calls))


async def by_hand(cloud: Rehearsal, service: str, image: str, revision: str) -> Measured:
    """Do the same with the vendor's client alone: stage, look, climb, look, each write polled and read back."""
    since, began = now(), time.monotonic()
    async with clients(cloud) as (services, revisions), aiohttp.ClientSession() as http:
        name = f"{PARENT}/services/{service}"

        async def read() -> run_v2.Service:
            found = await services.get_service(name=name)
            await revisions.list_revisions(run_v2.ListRevisionsRequest(parent=name, page_size=100))
            return found

        async def write(percent: int, **more: object) -> None:
            found = await services.get_service(name=name)
            shares = {revision: percent, stable: 100 - percent}
            traffic = [
                run_v2.TrafficTarget(type_=2, revision=each, percent=share, tag="sf-new" if each == revision else "")
                for each, share in shares.items()
            ]
            told = run_v2.Service(name=name, etag=found.etag, traffic=traffic, annotations={"at": str(percent)}, **more)
            mask = {"paths": ["traffic", "annotations", *more]}
            operation = await services.update_service(run_v2.UpdateServiceRequest(service=told, update_mask=mask))
            while not (await services.get_operation(GetOperationRequest(name=operation.operation.name))).done:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
            await read()

        stable = (await read()).latest_ready_revision.rpartition("/")[2]
        containers = [run_v2.Container(image=image)]
        await write(0, template=run_v2.RevisionTemplate(revision=revision, containers=containers))
        tagged = next(status for status in (await read()).traffic_statuses if status.tag == "sf-new")
        async with http.get(tagged.uri) as answer:
            assert answer.status == 200
        for percent in STEPS:
            await write(percent)
        async with http.get((await read()).uri) as answer:
            assert answer.status == 200
        await write(100)
    took = time.monotonic() - began
    calls = cloud.front.journal.of(since=since)
    return Measured(took, len(calls), sum(call.method == "UpdateService" for call in calls))


async def measure(times: int) -> bool:
    """Roll out both ways, so often; return whether the bar is kept."""
    with tempfile.TemporaryDirectory(prefix="surefoot-bench-") as temporary:
        folder, images = Path(temporary), catalogue(times)
        os.environ |= {"SUREFOOT_STORE": str(folder / "store.db"), "SUREFOOT_SERVICES": str(folder / "services")}
        os.environ |= {"REHEARSAL_SLACK_TOKEN": SLACK_TOKEN}
        os.environ.pop("PREFECT_API_URL", None)
        (folder / "services").mkdir()
        async with Rehearsal.start(images, folder / "cloud", pace=Pace(traffic_lag_s=0)) as cloud:
            for service in ("page", "bare"):
                write_service_file(folder / "services", cloud, service)
                await create(cloud, service, images.recipes[0].reference)
            async with started(folder / "prefect", os.environ, free_port(0)):
                ours, bare = [], []
                for n in range(1, times + 1):
                    recipe = images.recipes[n]
                    release = Release("page", Image.parse(recipe.reference), recipe.tag, f"{n:07x}")
                    ours.append(await by_surefoot(cloud, "page", release))
                    bare.append(await by_hand(cloud, "bare", recipe.reference, f"bare-{n:05}"))
    return report(ours, bare)


def report(ours: list[Measured], bare: list[Measured]) -> bool:
    """Print both and the difference."""
    for name, runs in (("surefoot", ours), ("bare script", bare)):
        each = ", ".join(f"{run.seconds:.2f}" for run in runs)
        print(f"{name:<12} {_median(runs):6.2f} s   ({each}; {runs[-1].calls} calls, {runs[-1].writes} writes)")
    difference = _median(ours) - _median(bare)
    kept = difference <= BAR_S
    print(f"{'difference':<12} {difference:6.2f} s   bar {BAR_S:.0f} s: {'kept' if kept else 'MISSED'}")
    return kept


def _median(runs: list[Measured]) -> float:
    return statistics.median(run.seconds for run in runs)


def main() -> None:
    """Measure, print, and end with 1 when the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=3, help="how often each way is measured")
    sys.exit(0 if asyncio.run(measure(parser.parse_args().times)) else 1)


if __name__ == "__main__":
    main()
