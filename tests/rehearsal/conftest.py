"""A rehearsed cloud with small images, and the vendor's own clients for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc.aio
import pytest
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcAsyncIOTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport
from rehearsed import Laptop, catalogue

from rehearsal.cloud import Rehearsal
from rehearsal.cloud_run import Pace


@pytest.fixture
def anyio_backend() -> str:
    """Say that these tests run on asyncio."""
    return "asyncio"


@pytest.fixture
async def rehearsal(tmp_path: Path) -> AsyncIterator[Rehearsal]:
    # A hanging image is given up after 1.5 s instead of 240: time enough to start one on a busy machine.
    async with Rehearsal.start(catalogue(), tmp_path, pace=Pace(traffic_lag_s=0.02, speed=160)) as running:
        yield running


@pytest.fixture
async def laptop(rehearsal: Rehearsal) -> AsyncIterator[Laptop]:
    address = rehearsal.grpc_endpoint.removeprefix("grpc://")
    async with grpc.aio.insecure_channel(address) as channel, aiohttp.ClientSession() as browser:
        yield Laptop(
            rehearsal,
            run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=channel)),
            run_v2.RevisionsAsyncClient(transport=RevisionsGrpcAsyncIOTransport(channel=channel)),
            browser,
        )
