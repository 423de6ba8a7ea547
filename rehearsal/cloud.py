"""The whole rehearsal in one object: both clouds, a registry, control and Slack, wired and started together."""

import json
import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.amazon import Aws
from rehearsal.catalogue import Catalogue
from rehearsal.cloud_run import CloudRun, Front, Pace, Reconciler
from rehearsal.control import Control
from rehearsal.monitoring import Monitoring, revision_of
from rehearsal.registry.server import Registry
from rehearsal.serving import served
from rehearsal.slack import Slack

SLACK_TOKEN = "xoxb-rehearsal"  # noqa: S105  the stand-in's own, good for nothing else
CHANNEL = "releases"
_STOP_S = 0.2
# Where a rehearsal that ends leaves which calls it was asked for, for whoever compares them with what is permitted.
_JOURNAL_VARIABLE = "REHEARSAL_JOURNAL"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A running rehearsal: its addresses, and its parts for those who live in the same process."""

    front: Front
    aws: Aws
    slack: Slack
    registry: Registry
    monitoring: Monitoring
    catalogue: Catalogue
    grpc_endpoint: str
    control_url: str
    slack_token: str = field(repr=False)

    @property
    def cloud(self) -> CloudRun:
        """Return the cloud behind the API."""
        return self.front.cloud

    @property
    def slack_url(self) -> str:
        """Return the `base_url` for slack_sdk."""
        return self.slack.api_url

    @property
    def addresses(self) -> dict[str, str]:
        """Return where everything is, the page of the first Slack channel among it."""
        page = f"{self.slack.workspace.url}channels/{next(iter(self.slack.workspace.channels.values())).name}"
        return {
            "grpc": self.grpc_endpoint,
            "aws": self.aws.url,
            "control": self.control_url,
            "slack": self.slack_url,
            "slack_page": page,
            "registry": self.registry.hosts,
        }

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        catalogue: Catalogue,
        state_dir: Path,
        *,
        grpc_port: int = 0,
        aws_port: int = 0,
        control_port: int = 0,
        slack_port: int = 0,
        registry_port: int = 0,
        public_ports: Mapping[str, int] | None = None,
        slack_token: str = SLACK_TOKEN,
        channels: Sequence[str] = (CHANNEL,),
        pace: Pace | None = None,
    ) -> AsyncIterator["Rehearsal"]:
        """Run a rehearsal while the block runs; port 0 takes any free one, `public_ports` fixes services' by id."""
        async with AsyncExitStack() as stack:
            pace, logs = pace or Pace(), state_dir / "logs"
            cloud = CloudRun(Reconciler(catalogue, logs, pace, public_ports or {}))
            stack.push_async_callback(cloud.close)
            front = Front(cloud)
            slack = await stack.enter_async_context(Slack.start(slack_token, channels, slack_port))
            registry = await stack.enter_async_context(Registry.start(catalogue, port=registry_port))
            tally = cloud.reconciler.tally
            aws = await stack.enter_async_context(Aws.start(catalogue, logs / "ecs", pace, tally, aws_port))
            control = Control(front, aws, slack, catalogue)
            control_url = await stack.enter_async_context(served(control.app(), control_port))
            cloud.log_uri = f"{control_url}/logs/{{}}".format
            monitoring = Monitoring()
            await stack.enter_async_context(monitoring.meter.following(tally, revision_of))
            server, port = await front.serve(grpc_port, monitoring.handlers)
            stack.push_async_callback(server.stop, _STOP_S)
            stack.callback(_keep_journal, front.journal.asked, aws.front.journal.asked, monitoring.journal.asked)
            parts = (front, aws, slack, registry, monitoring, catalogue)
            yield cls(*parts, f"grpc://127.0.0.1:{port}", control_url, slack_token)


def _keep_journal(*asked: set[tuple[str, str, str]]) -> None:
    folder = os.environ.get(_JOURNAL_VARIABLE)
    if folder:
        file = Path(folder) / f"{uuid.uuid4().hex}.json"
        file.write_text(json.dumps(sorted(set().union(*asked))))
