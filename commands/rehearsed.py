"""The rehearsal as a child process, the shop on it, and its users."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.engine import child
from commands.platforms import ECS_SPEED, SHOPS
from rehearsal.catalogue import SAMPLE, Catalogue
from surefoot.errors import ConfigError, Unavailable

REPOSITORY = "registry.rehearsal/shop"
TOKEN = "xoxb-rehearsal"  # noqa: S105 (the stand-in's, good for nothing else)
CHANNEL = "shop-releases"
_SAMPLE_SERVICE = Path(__file__).parent.parent / "rehearsal" / "shop.yaml"
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where a running rehearsal is."""

    grpc: str
    control: str
    slack: str
    slack_page: str
    aws: str = ""
    registry: str = ""

    async def stats(self, service: str) -> dict[str, tuple[int, int]]:
        """Return (requests, failed requests) of users at the public address, by image, counted at the splitter."""
        import aiohttp  # noqa: PLC0415 (--help does without)

        async with aiohttp.ClientSession() as http, http.get(f"{self.control}/stats/{service}") as answer:
            found: dict[str, Any] = await answer.json()
        images = found["images"]
        seen = {images[name]: each.get("public", {}) for name, each in found["revisions"].items() if name in images}
        return {image: (each.get("requests", 0), each.get("failures", 0)) for image, each in seen.items()}


def image(version: str) -> str:
    """Return the shop's image of a version, by digest."""
    return f"{REPOSITORY}@{Catalogue.load(SAMPLE).digest(f'{REPOSITORY}:{version}')}"


def images(catalogue: Path | None, live: str) -> dict[str, str]:
    """Return the shop's images by version; ConfigError where a catalogue lacks the one that is to be live."""
    there = Catalogue.load(catalogue or SAMPLE)
    if live and there.find(image(live)) is None:
        raise ConfigError(f"--catalogue: {catalogue} lacks the sample shop's {image(live)}; add it, or say --empty")
    return {each.tag: each.reference for each in there.recipes if each.image == REPOSITORY}


def free_port(wanted: int) -> int:
    """Return the port that is wanted, or a free one where somebody has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable("no free port on 127.0.0.1")


@asynccontextmanager
async def rehearsed(folder: Path, platform: str, environ: Mapping[str, str] = os.environ) -> AsyncIterator[Cloud]:
    """Run the rehearsal while the block runs."""
    announce, log = folder / "addresses.json", folder / "rehearsal.log"
    arguments = ["--state", str(folder / "cloud"), "--announce", str(announce), "--channel", CHANNEL]
    if platform == "ecs":
        arguments += ["--speed", str(ECS_SPEED)]
    else:
        arguments += [word for name, port in SHOPS.items() for word in ("--public", f"{name}={free_port(port)}")]
    async with child(arguments, {**environ, "REHEARSAL_SLACK_TOKEN": TOKEN}, log, module="rehearsal") as process:
        yield await announced(process, announce, log)


async def announced(process: asyncio.subprocess.Process, announce: Path, log: Path) -> Cloud:
    """Return where a rehearsal is, once it has said so; Unavailable with the end of its log when it does not."""
    for _ in range(int(_START_S * 20)):
        if process.returncode is not None or _said(announce):
            break
        await asyncio.sleep(0.05)
    if said := _said(announce):
        return Cloud(**json.loads(said))
    raise Unavailable(f"the rehearsal did not come up; the end of {log}:\n  {_end_of(log)}")


def _said(announce: Path) -> str:
    return announce.read_text() if announce.exists() else ""


def _end_of(log: Path) -> str:
    return "\n  ".join(log.read_text(errors="replace").splitlines()[-5:])


async def seed(cloud: Cloud, version: str, platform: str) -> dict[str, str]:
    """Create the shop in staging and production, as a team would find it; return its addresses by service."""
    if platform == "ecs":
        from commands.rehearsed_ecs import seed_ecs  # noqa: PLC0415 (--help does without)

        making = (seed_ecs(cloud.aws, name, image(version), port=free_port(port)) for name, port in SHOPS.items())
        return {made.service: made.url for made in await asyncio.gather(*making)}
    return await _seed_cloud_run(cloud, version)


async def _seed_cloud_run(cloud: Cloud, version: str) -> dict[str, str]:
    import grpc  # noqa: PLC0415 (the cloud's client takes a second to load)
    from google.cloud import run_v2  # noqa: PLC0415
    from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport  # noqa: PLC0415

    found = {}
    async with grpc.aio.insecure_channel(cloud.grpc.removeprefix("grpc://")) as channel:
        client = run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=channel))
        for name in ("shop-staging", "shop"):
            template = run_v2.RevisionTemplate(containers=[run_v2.Container(image=image(version))])
            operation = await client.create_service(
                parent="projects/rehearsal/locations/laptop",
                service_id=name,
                service=run_v2.Service(template=template),
            )
            found[name] = (await operation.result()).uri  # type: ignore[no-untyped-call]
    return found


def write_service_file(folder: Path, cloud: Cloud, platform: str) -> Path:
    """Write the rehearsal's service file with the addresses of this cloud filled in; return where.

    On ECS the production's climb is one step and then all: even steps of another number would do as well.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 (--help does without)

    yaml = YAML()
    document = yaml.load(_SAMPLE_SERVICE.read_text())
    for environment in document["environments"].values():
        if platform == "ecs":
            environment["target"] = _on_ecs(environment["target"]["service"], cloud)
            environment["rollout"]["steps"][1:-1] = []
        else:
            environment["target"]["endpoint"] = cloud.grpc
        environment["notices"]["slack"]["api_url"] = cloud.slack
    file = folder / "shop.yaml"
    with file.open("w") as written:
        yaml.dump(document, written)
    return file


def _on_ecs(service: str, cloud: Cloud) -> dict[str, str]:
    from commands.rehearsed_ecs import CLUSTER, REGION  # noqa: PLC0415 (--help does without)

    where = {"kind": "ecs", "region": REGION, "cluster": CLUSTER, "service": service, "endpoint": cloud.aws}
    return {**where, "hook_timeout": "1h", "poll_every": "200ms"}
