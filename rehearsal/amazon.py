"""The AWS side of the rehearsal: one address for its APIs, load balancers, and ECS behind them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rehearsal.aws import Balancer, ElasticLoadBalancing, Front
from rehearsal.aws.elsewhere import Elsewhere
from rehearsal.aws.metrics import Metrics, group_of, labels_of
from rehearsal.catalogue import Catalogue
from rehearsal.cloud_run import Pace
from rehearsal.ecs import Ecs
from rehearsal.splitter import Tally


@dataclass(frozen=True, slots=True)
class Aws:
    """A running AWS, and its address for AWS_ENDPOINT_URL."""

    front: Front
    balancer: Balancer
    ecs: Ecs
    metrics: Metrics
    url: str

    @classmethod
    @asynccontextmanager
    async def start(
        cls, catalogue: Catalogue, log_dir: Path, pace: Pace, tally: Tally, port: int = 0
    ) -> AsyncIterator["Aws"]:
        """Run it while the block runs; its tasks log below `log_dir`."""
        async with AsyncExitStack() as stack:
            balancer, elsewhere = Balancer(pace, tally), Elsewhere()
            ecs = Ecs(catalogue, log_dir, pace, balancer, elsewhere.alarm_state)
            balancer.on_crash = ecs.crash
            stack.push_async_callback(ecs.close)
            stack.push_async_callback(balancer.close)  # first, or tasks would wait for the requests of their users
            tally.more = labels_of(balancer)
            elb, metrics = ElasticLoadBalancing(balancer), Metrics()
            front = Front(ecs.handlers, elb.handlers, elsewhere, cloudwatch=metrics.handlers)
            url = await stack.enter_async_context(front.serve(port))
            await stack.enter_async_context(metrics.meter.following(tally, group_of(balancer)))
            yield cls(front, balancer, ecs, metrics, url)
