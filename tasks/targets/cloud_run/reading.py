"""What the API's messages say, in our words."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from google.cloud import run_v2

from surefoot.errors import Refused, Unavailable
from surefoot.release import Address, Revision
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.targets.cloud_run.allocation import LATEST, TAG_PREFIX, Allocation, short_name
from tasks.targets.cloud_run.marks import read_mark

_FAILED = run_v2.Condition.State.CONDITION_FAILED
# A retired revision is one that is not addressed: inactive, but ready, and a way back.
_HARMLESS = (run_v2.Condition.Severity.INFO, run_v2.Condition.Severity.WARNING)
_SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED


def read_live(service: run_v2.Service, revisions: Iterable[run_v2.Revision]) -> Live:
    """Return what is observed; Refused where nothing serves yet, Unavailable where the percents do not add up."""
    previews = _previews(service)
    return Live(
        url=service.uri or next(iter(service.urls), ""),
        traffic=_traffic(service),
        revisions={revision.name: revision for revision in (_revision(message, previews) for message in revisions)},
        version=service.etag,
        settled=is_settled(service),
        mark=read_mark(service.annotations),
        by=service.last_modifier,
        at=written_at(service),
    )


def is_settled(service: run_v2.Service) -> bool:
    """Return whether nothing is on its way any more: all is observed, or the last change has failed for good."""
    if service.reconciling or is_failed(service):
        return not service.reconciling
    wished = Allocation.wished(service).resolved(short_name(service.latest_ready_revision))
    return service.observed_generation == service.generation and Allocation.observed(service) == wished


def written_at(service: run_v2.Service) -> datetime | None:
    """Return when the service was last written to."""
    return service.update_time.timestamp_pb().ToDatetime(tzinfo=UTC) if service.update_time else None


def is_failed(one: run_v2.Service | run_v2.Revision) -> bool:
    """Return whether a service's last change was given up, or a revision will never become ready."""
    return not one.reconciling and _ready_state(one) == _FAILED


def is_ready(one: run_v2.Service | run_v2.Revision) -> bool:
    """Return whether a service's last change was made, or a revision can serve."""
    return _ready_state(one) == _SUCCEEDED


def named_revisions(service: run_v2.Service) -> set[str]:
    """Return the short names of all revisions that the service itself mentions."""
    wished, observed, mark = Allocation.wished(service), Allocation.observed(service), read_mark(service.annotations)
    names = {*wished.percents, *wished.tags.values(), *observed.percents, *observed.tags.values()}
    names |= {short_name(service.latest_ready_revision), short_name(service.latest_created_revision)}
    if mark:
        names |= {mark.canary, *dict(mark.stable.shares)}
    return names - {LATEST}


def last_writer(service: run_v2.Service) -> str:
    """Return who wrote last, and when, for a sentence."""
    at = written_at(service)
    return f"{service.last_modifier or 'somebody'}{f' at {at:%H:%M:%S} UTC' if at else ''}"


def failure(conditions: Iterable[run_v2.Condition]) -> str:
    """Return the reason and message of what failed, `Ready` before its parts, "" where nothing did."""
    failed = [one for one in conditions if one.state == _FAILED and one.severity not in _HARMLESS]
    return next((_words(one) for one in sorted(failed, key=lambda one: one.type_ != "Ready")), "")


def _revision(message: run_v2.Revision, previews: Mapping[str, Address]) -> Revision:
    name = short_name(message.name)
    reason = "" if is_ready(message) else failure(message.conditions) or "not ready yet"
    return Revision(name, entrance(message.containers).image, is_ready(message), previews.get(name), reason)


def entrance(containers: Iterable[run_v2.Container]) -> run_v2.Container:
    """Return the container that requests go to: the one with a port, or the first; the others are its sidecars."""
    ordered = sorted(containers, key=lambda container: not container.ports)
    return ordered[0] if ordered else run_v2.Container()


def _previews(service: run_v2.Service) -> dict[str, Address]:
    """Return an address per revision that reaches it alone; a tag that follows the latest is none."""
    fixed = {tag for tag, revision in Allocation.observed(service).tags.items() if revision != LATEST}
    ours_last = sorted(service.traffic_statuses, key=lambda entry: entry.tag.startswith(TAG_PREFIX))
    return {entry.revision: Address(entry.uri) for entry in ours_last if entry.uri and entry.tag in fixed}


def _traffic(service: run_v2.Service) -> Traffic:
    percents = Allocation.observed(service).percents
    if not short_name(service.latest_ready_revision) and not percents:
        raise Refused(
            f"{short_name(service.name)} has no revision that serves, so there would be no way back; deploy a first "
            "one by hand: gcloud run deploy"
        )
    try:
        return Traffic.of(percents or {short_name(service.latest_ready_revision): 100})
    except ValueError as problem:
        raise Unavailable(f"{short_name(service.name)} is between two splits: {problem}") from problem


def _ready_state(one: run_v2.Service | run_v2.Revision) -> run_v2.Condition.State:
    if isinstance(one, run_v2.Service):
        return run_v2.Condition.State(one.terminal_condition.state)
    ready = (condition for condition in one.conditions if condition.type_ == "Ready")
    return run_v2.Condition.State(next(ready, run_v2.Condition()).state)


def _words(condition: run_v2.Condition) -> str:
    field = run_v2.Condition.pb(condition).WhichOneof("reasons")
    reason = getattr(condition, field).name if field else ""
    return ": ".join(part for part in (reason, condition.message) if part) or "no reason given"
