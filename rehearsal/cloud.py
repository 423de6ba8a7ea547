"""The whole rehearsal in one object: cloud, control and Slack, wired and started together."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rehearsal.catalogue import Catalogue
from rehearsal.cloud_run import CloudRun, Front, Pace, Reconciler
from rehearsal.platform import Platform

_STOP_S = 0.2


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A running rehearsal: its addresses, and its parts for tests that live in the same process."""

    front: Front
    catalogue: Catalogue
    grpc_endpoint: str

    @property
    def cloud(self) -> CloudRun:
        """Return the cloud behind the API."""
        return self.front.cloud

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        catalogue: Catalogue,
        state_dir: Path,
        *,
        grpc_port: int = 0,
        public_ports: Mapping[str, int] | None = None,
        pace: Pace | None = None,
    ) -> AsyncIterator["Rehearsal"]:
        """Run a rehearsal while the block runs; port 0 takes any free one, `public_ports` fixes services' by id."""
        async with AsyncExitStack() as stack:
            platform = Platform(catalogue, state_dir / "logs")
            cloud = CloudRun(Reconciler(platform, pace or Pace(), ports=public_ports or {}))
            stack.push_async_callback(cloud.close)
            front = Front(cloud)
            server, port = await front.serve(grpc_port)
            stack.push_async_callback(server.stop, _STOP_S)
            yield cls(front, catalogue, f"grpc://127.0.0.1:{port}")
