"""A write that is made once: guarded by the etag, looked after when its reply is lost, believed when it is observed."""

import asyncio

from google.cloud import run_v2
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from surefoot.errors import Interfered, Refused, Unavailable
from tasks.targets.cloud_run.allocation import short_name
from tasks.targets.cloud_run.calls import Calls
from tasks.targets.cloud_run.change import Change
from tasks.targets.cloud_run.reading import failure, is_failed, last_writer
from tasks.targets.patience import Patience

# Inside an operation too these say "not now": nothing can be concluded from them about the release.
_NOT_NOW = {code.value[0] for code in (StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED, StatusCode.ABORTED)}


class GivenUp(Refused):
    """The cloud accepted a change, and then could not make it."""


async def make(calls: Calls, change: Change, service: run_v2.Service, patience: Patience) -> run_v2.Service:
    """Return the service once it does as the change says; `service` is as it was read, and guards the write."""
    operation = "" if change.is_wished(service) else await _write(calls, change, service, patience)
    return await _observe(calls, change, operation, service.etag, patience)


def interfered(service: run_v2.Service) -> Interfered:
    """Return the error that says who wrote in the middle of our work."""
    name = short_name(service.name)
    return Interfered(
        f"{last_writer(service)} wrote to {name} in the middle of our work; nothing of theirs was changed. "
        f"Look at it (gcloud run services describe {name}), then begin again"
    )


async def _write(calls: Calls, change: Change, service: run_v2.Service, patience: Patience) -> str:
    """Return the operation that the write began, "" where the reply was lost and the write is seen to be made."""
    problem: Unavailable | Interfered | None = None
    for wait_s in patience.waits():
        try:
            return await calls.update(change.request(service), patience.call_s)
        except (Unavailable, Interfered) as no_answer:
            problem = no_answer
        found = await _look_after(calls, problem, patience)
        if change.is_wished(found):
            return ""
        if found.etag != service.etag:
            raise interfered(found) from problem
        await asyncio.sleep(_retry_after_s(problem) or wait_s)
    raise problem or Unavailable(f"no time was left to write to {short_name(service.name)}")


async def _look_after(calls: Calls, problem: Unavailable | Interfered, patience: Patience) -> run_v2.Service:
    try:
        return await calls.service(patience.call_s)
    except Unavailable as blind:
        raise Unavailable(f"{problem}; whether the write was made could not be seen ({blind}): look again") from blind


async def _observe(calls: Calls, change: Change, operation: str, before: str, patience: Patience) -> run_v2.Service:
    """Return the service once it does as the change says; `before` is the etag from before the write."""
    error: Status | None = None
    for wait_s in patience.waits():
        if operation:
            done, error = await _ended(calls, operation, patience)
            operation = "" if done else operation
        if not operation:
            service = await calls.service(patience.call_s)
            if change.is_wished(service) and change.is_observed(service):
                return service
            _refuse_hopeless(change, service, before, error)
        await asyncio.sleep(wait_s)
    raise Unavailable("the change was accepted, but was not observed in time; look: gcloud run services describe")


async def _ended(calls: Calls, operation: str, patience: Patience) -> tuple[bool, Status | None]:
    """Return whether an operation is over, and how (code 0 is well); None where nobody knows it any more."""
    try:
        state = await calls.operation(operation, patience.call_s)
    except Refused:
        return True, None
    return state.done, state.error


def _refuse_hopeless(change: Change, service: run_v2.Service, before: str, error: Status | None) -> None:
    """Raise where waiting will not help: somebody wrote over it, or the cloud gave it up.

    The service's own failure counts only where the operation's end is unknown: it may be of an earlier change.
    """
    if not change.is_wished(service) and service.etag != before:
        raise interfered(service)
    if service.reconciling:
        return
    if error is not None and error.code:
        words = f"{error.message or 'no reason given'} (error {error.code})"
        raise Unavailable(words) if error.code in _NOT_NOW else GivenUp(words)
    if error is None and is_failed(service) and change.is_wished(service):
        raise GivenUp(failure([service.terminal_condition, *service.conditions]))


def _retry_after_s(problem: Unavailable | Interfered) -> float | None:
    return problem.retry_after_s if isinstance(problem, Unavailable) else None
