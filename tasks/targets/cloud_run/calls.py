"""Calls of the Admin API: each with a deadline, reads tried again, and every error in Surefoot's words."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import google.auth.exceptions
import grpc.aio
import stamina
from google.api_core import exceptions as google_errors
from google.api_core.gapic_v1.client_info import ClientInfo
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcAsyncIOTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport
from google.longrunning.operations_pb2 import GetOperationRequest, Operation
from google.rpc.error_details_pb2 import RetryInfo

from surefoot.errors import Interfered, NotThere, Refused, Unavailable
from tasks.targets.cloud_run import Settings
from tasks.targets.cloud_run.allocation import short_name
from tasks.targets.cloud_run.reading import named_revisions

_READ_S = 10.0
_WRITE_S = 30.0
_PAGE = 100
# One attempt is never asked to wait longer than this; a minute's quota is back after a minute.
_RETRY_AFTER_MAX_S = 60.0
_PATIENCE_S = 30.0
_CLIENT = ClientInfo(user_agent="surefoot")  # type: ignore[no-untyped-call]
# Not "no" but "not now": nothing can be concluded from these about what the service does.
_NOT_NOW = (
    google_errors.ServiceUnavailable,
    google_errors.GatewayTimeout,
    google_errors.TooManyRequests,
    google_errors.InternalServerError,
    google_errors.Unknown,
    google_errors.Cancelled,
)
_HINTS: dict[type[google_errors.GoogleAPICallError], str] = {
    google_errors.NotFound: "look for it: gcloud run services list",
    google_errors.Forbidden: "grant roles/run.developer on the service, and roles/iam.serviceAccountUser on the "
    "account it runs as",
    google_errors.Unauthorized: "log in: gcloud auth application-default login",
}
_T = TypeVar("_T")


# What is tried again ends in an error of ours, or in nothing to tell; the library's own lines would only confuse.
stamina.instrumentation.set_on_retry_hooks([])


class Calls:
    """The calls we make, over one channel that lives as long as this does."""

    def __init__(self, settings: Settings, on_call: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._on_call = on_call or (lambda _: None)
        with translated(f"connect to Cloud Run for {settings.service}"):
            transport = _transport(settings.endpoint)
        self._channel = transport.grpc_channel
        self._services = run_v2.ServicesAsyncClient(transport=transport, client_info=_CLIENT)
        self._revisions = run_v2.RevisionsAsyncClient(
            transport=RevisionsGrpcAsyncIOTransport(channel=self._channel, client_info=_CLIENT), client_info=_CLIENT
        )

    async def service(self, patience_s: float = _PATIENCE_S) -> run_v2.Service:
        """Return the service as it is now, tried again for so long where the API is out of reach."""
        name = self._settings.name
        return await self._read(
            f"GetService {name}",
            lambda: self._services.get_service(name=name, retry=None, timeout=min(_READ_S, patience_s)),
            patience_s,
        )

    async def revisions(self, service: run_v2.Service) -> tuple[run_v2.Revision, ...]:
        """Return the newest revisions, and with them all that the service itself mentions and that still exist."""
        page = await self._read(
            f"ListRevisions {service.name}",
            lambda: self._revisions.list_revisions(
                run_v2.ListRevisionsRequest(parent=service.name, page_size=_PAGE), retry=None, timeout=_READ_S
            ),
        )
        listed = {short_name(revision.name): revision for revision in page.revisions}
        for name in sorted(named_revisions(service) - listed.keys()):
            revision = await self.revision(f"{service.name}/revisions/{name}")
            if revision is not None:
                listed[name] = revision
        return tuple(listed.values())

    async def revision(self, name: str) -> run_v2.Revision | None:
        """Return a revision by its full name, None where it does not exist."""
        try:
            return await self._read(
                f"GetRevision {name}", lambda: self._revisions.get_revision(name=name, retry=None, timeout=_READ_S)
            )
        except Refused as problem:
            if isinstance(problem.__cause__, google_errors.NotFound):
                return None
            raise

    async def update(self, request: run_v2.UpdateServiceRequest, patience_s: float) -> str:
        """Return the name of the operation that the write began; Unavailable leaves open whether it did."""
        what = f"UpdateService {request.service.name} ({', '.join(request.update_mask.paths)})"
        self._on_call(what)
        with translated(what):
            began = await self._services.update_service(request, retry=None, timeout=min(_WRITE_S, patience_s))
            if began.operation.done:
                # The client makes a future of an error, and the event loop complains when nobody asks for it.
                await began.exception()  # type: ignore[no-untyped-call]
        return str(began.operation.name)

    async def operation(self, name: str, patience_s: float = _PATIENCE_S) -> Operation:
        """Return how far an operation is, tried again for so long where the API is out of reach."""
        request = GetOperationRequest(name=name)
        return await self._read(
            f"GetOperation {name}",
            lambda: self._services.get_operation(request, retry=None, timeout=min(_READ_S, patience_s)),
            patience_s,
        )

    async def close(self) -> None:
        """Let go of the channel."""
        await self._channel.close()

    async def _read(self, what: str, call: Callable[[], Awaitable[_T]], patience_s: float = _PATIENCE_S) -> _T:
        every_s = self._settings.poll_every_s
        waits = {"wait_initial": every_s / 10, "wait_max": every_s * 5, "wait_jitter": every_s / 5}
        async for attempt in stamina.retry_context(_come_back, attempts=None, timeout=patience_s, **waits):
            with attempt:
                self._on_call(what)
                with translated(what, reading=True):
                    return await call()
        raise AssertionError  # the last attempt raises its own error


@contextmanager
def translated(what: str, *, reading: bool = False) -> Iterator[None]:
    """Turn the client's errors into ours: Unavailable, Interfered (a write's stale etag), NotThere or Refused."""
    try:
        yield
    except _NOT_NOW as problem:
        raise Unavailable(f"{what}: {_words(problem)}", _retry_after(problem)) from problem
    except google_errors.Aborted as problem:
        if reading:
            raise Unavailable(f"{what}: {_words(problem)}", _retry_after(problem)) from problem
        raise Interfered(f"{what}: {_words(problem)}") from problem
    except google_errors.GoogleAPICallError as problem:
        hint = next((text for kind, text in _HINTS.items() if isinstance(problem, kind)), "")
        kind = NotThere if isinstance(problem, google_errors.NotFound) else Refused
        raise kind(f"{what}: {_words(problem)}{hint and '; '}{hint}") from problem
    except google.auth.exceptions.GoogleAuthError as problem:
        hint = _HINTS[google_errors.Unauthorized]
        raise Refused(f"{what}: no usable Google credentials ({problem}); {hint}") from problem


def _transport(endpoint: str) -> ServicesGrpcAsyncIOTransport:
    if endpoint.startswith("grpc://"):
        # A proxy for the outside world has no business with this machine's own ports.
        channel = grpc.aio.insecure_channel(urlsplit(endpoint).netloc, [("grpc.enable_http_proxy", 0)])
        return ServicesGrpcAsyncIOTransport(channel=channel, client_info=_CLIENT)
    host = endpoint or ServicesGrpcAsyncIOTransport.DEFAULT_HOST
    return ServicesGrpcAsyncIOTransport(host=host, client_info=_CLIENT)


def _words(problem: google_errors.GoogleAPICallError) -> str:
    code = problem.grpc_status_code.name if problem.grpc_status_code else str(problem.code)
    return f"{code} {problem.message}".strip()


def _retry_after(problem: google_errors.GoogleAPICallError) -> float | None:
    for detail in problem.details:
        if isinstance(detail, RetryInfo):
            return float(min(detail.retry_delay.ToTimedelta().total_seconds(), _RETRY_AFTER_MAX_S))
    return None


def _come_back(problem: Exception) -> bool | float:
    if not isinstance(problem, Unavailable):
        return False
    return True if problem.retry_after_s is None else problem.retry_after_s
