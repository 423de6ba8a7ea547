"""The two lists that are asked for, and what it means where they are refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import google.auth.exceptions
import grpc.aio
from google.api_core import exceptions as google_errors
from google.api_core.gapic_v1.client_info import ClientInfo
from google.cloud import monitoring_v3
from google.cloud.monitoring_v3.services.metric_service import MetricServiceAsyncClient
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcAsyncIOTransport

from surefoot.errors import Refused
from surefoot.release import Revision
from tasks.targets.cloud_run import Settings
from tasks.vitals.aggregated import Unseen
from tasks.vitals.cloud_monitoring.reading import COUNT, LATENCIES, counted, filter_of
from tasks.vitals.counted import Counted
from tasks.vitals.minutes import Window

_CALL_S = 10.0
_PAGES = 20
_CLIENT = ClientInfo(user_agent="surefoot")  # type: ignore[no-untyped-call]
_LOG_IN = "log in: gcloud auth application-default login"
_WORDS: dict[type[google_errors.GoogleAPICallError], str] = {
    google_errors.Forbidden: "PERMISSION_DENIED; grant roles/monitoring.viewer on the project {project}",
    google_errors.Unauthorized: f"UNAUTHENTICATED; {_LOG_IN}",
    google_errors.NotFound: "NOT_FOUND; is {project} the project?",
    google_errors.TooManyRequests: "RESOURCE_EXHAUSTED: the project's quota of reads is used up",
    google_errors.GatewayTimeout: "no answer in time",
    google_errors.ServiceUnavailable: "UNAVAILABLE",
}


class CloudMonitoring:
    """Counts and latencies of two revisions of one Cloud Run service; a page has so many points at most."""

    page = 10_000

    def __init__(self, about: Settings, endpoint: str) -> None:
        self._about = about
        try:
            transport = _transport(endpoint)
        except google.auth.exceptions.GoogleAuthError as problem:
            raise Refused(f"connect to Cloud Monitoring: no usable Google credentials; {_LOG_IN}") from problem
        self._channel = transport.grpc_channel
        self._client = MetricServiceAsyncClient(transport=transport, client_info=_CLIENT)

    async def counted(self, stable: Revision, canary: Revision, window: Window) -> tuple[Counted, Counted]:
        """Return what was counted of stable and of canary within the window."""
        names = (stable.name, canary.name)
        with translated(self._about.project):
            counts = await self._listed(COUNT, names, window)
            latencies = await self._listed(LATENCIES, names, window)
        return counted(stable.name, counts, latencies, window), counted(canary.name, counts, latencies, window)

    async def close(self) -> None:
        """Let go of the channel."""
        await self._channel.close()

    async def _listed(self, metric: str, revisions: tuple[str, str], window: Window) -> list[monitoring_v3.TimeSeries]:
        about = self._about
        request = monitoring_v3.ListTimeSeriesRequest(
            name=f"projects/{about.project}",
            filter=filter_of(metric, about.project, about.region, about.service, revisions),
            # As it was written, a point a minute: aligning makes up numbers where there are none.
            interval=monitoring_v3.TimeInterval(start_time=_moment(window.start), end_time=_moment(window.end)),
            view=monitoring_v3.ListTimeSeriesRequest.TimeSeriesView.FULL,
            page_size=self.page,
        )
        found: list[monitoring_v3.TimeSeries] = []
        pager = await self._client.list_time_series(request, retry=None, timeout=_CALL_S)
        pages = 0
        async for page in pager.pages:
            pages += 1
            if page.execution_errors:
                raise Unseen(f"{metric} is not whole: {page.execution_errors[0].message}")
            found += page.time_series
            if page.next_page_token and pages == _PAGES:
                raise Unseen(f"{metric} has more than {_PAGES} pages")
        return found


@contextmanager
def translated(project: str) -> Iterator[None]:
    """Turn the client's errors into Unseen, in words of ours: its own may hold what nobody should read."""
    try:
        yield
    except google_errors.GoogleAPICallError as problem:
        code = problem.grpc_status_code.name if problem.grpc_status_code else str(problem.code)
        words = next((text for kind, text in _WORDS.items() if isinstance(problem, kind)), code)
        raise Unseen(f"Cloud Monitoring: {words.format(project=project)}") from problem
    except google.auth.exceptions.GoogleAuthError as problem:
        raise Unseen(f"Cloud Monitoring: no usable Google credentials; {_LOG_IN}") from problem


def _transport(endpoint: str) -> MetricServiceGrpcAsyncIOTransport:
    if endpoint.startswith("grpc://"):
        # A proxy for the outside world has no business with this machine's own ports.
        channel = grpc.aio.insecure_channel(urlsplit(endpoint).netloc, [("grpc.enable_http_proxy", 0)])
        return MetricServiceGrpcAsyncIOTransport(channel=channel, client_info=_CLIENT)
    host = endpoint or MetricServiceGrpcAsyncIOTransport.DEFAULT_HOST
    return MetricServiceGrpcAsyncIOTransport(host=host, client_info=_CLIENT)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
