"""What the platform reports about a resource: conditions, with the reason of a failure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from google.cloud import run_v2
from grpc import StatusCode

from rehearsal.cloud_run.refusal import Refusal

State = run_v2.Condition.State
_Reason = run_v2.Condition.CommonReason
_RevisionReason = run_v2.Condition.RevisionReason


@dataclass(frozen=True, slots=True)
class Health:
    """How one part is: RECONCILING, SUCCEEDED or FAILED, with a sentence and the error it comes from."""

    state: int
    message: str = ""
    code: StatusCode = StatusCode.OK

    @classmethod
    def failed(cls, refusal: Refusal) -> "Health":
        """Return the health of what a refusal stopped."""
        return cls(State.CONDITION_FAILED, refusal.message, refusal.code)


RECONCILING = Health(State.CONDITION_RECONCILING)
SUCCEEDED = Health(State.CONDITION_SUCCEEDED)


def of_service(kind: str, health: Health) -> run_v2.Condition:
    """Return a service's condition; a failure is the revision's."""
    if health.state != State.CONDITION_FAILED:
        return _condition(kind, health)
    missing = health.code is StatusCode.NOT_FOUND
    return _condition(kind, health, reason=_Reason.CONTAINER_MISSING if missing else _Reason.REVISION_FAILED)


def of_revision(kind: str, health: Health) -> run_v2.Condition:
    """Return a revision's condition; a failure is the container's."""
    if health.state != State.CONDITION_FAILED:
        return _condition(kind, health)
    if health.code is StatusCode.NOT_FOUND:
        return _condition(kind, health, reason=_Reason.CONTAINER_MISSING)
    return _condition(kind, health, revision_reason=_RevisionReason.HEALTH_CHECK_CONTAINER_ERROR)


def kept(before: Iterable[run_v2.Condition], *now: run_v2.Condition) -> list[run_v2.Condition]:
    """Return the conditions of now, each with the time of its last transition: unchanged ones keep theirs."""
    known = {(one.type_, one.state): one.last_transition_time for one in before}
    for condition in now:
        key = (condition.type_, condition.state)
        condition.last_transition_time = known.get(key, condition.last_transition_time)
    return list(now)


def active(*, addressed: bool) -> run_v2.Condition:
    """Return whether a revision is reachable at all; one that is not is retired."""
    if addressed:
        return _condition("Active", SUCCEEDED)
    retired = Health(State.CONDITION_FAILED, "Revision retired.")
    severity = run_v2.Condition.Severity.INFO
    return _condition("Active", retired, severity=severity, revision_reason=_RevisionReason.RETIRED)


def _condition(kind: str, health: Health, **more: int) -> run_v2.Condition:
    at = datetime.now(UTC)
    return run_v2.Condition(type_=kind, state=health.state, message=health.message, last_transition_time=at, **more)
