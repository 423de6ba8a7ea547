"""What every request brings: a name, an etag, a page."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from google.cloud import run_v2
from grpc import StatusCode

from rehearsal.cloud_run.names import short
from rehearsal.cloud_run.operations import Resource
from rehearsal.cloud_run.refusal import Refusal, invalid

_PAGE = 100
_Parsed = TypeVar("_Parsed")
_Listed = TypeVar("_Listed", run_v2.Service, run_v2.Revision)


def parsed(parse: Callable[[str], _Parsed], name: str) -> _Parsed:
    """Return what a name says, or refuse it."""
    try:
        return parse(name)
    except ValueError as problem:
        raise invalid("name", str(problem)) from problem


def absent(parent: str, kind: str, name: str) -> Refusal:
    """Return the refusal of what does not exist."""
    _, project, _, location = parent.split("/")
    text = f"Resource '{name}' of kind '{kind}' in region '{location}' in project '{project}' does not exist."
    return Refusal(StatusCode.NOT_FOUND, text)


def check_etag(given: str, resource: Resource) -> None:
    """Refuse a write that was meant for another version of the resource; one without an etag is for any."""
    if given and given != resource.etag:
        stale = f"version '{given}' was specified but current version is '{resource.etag}'."
        raise Refusal(StatusCode.ABORTED, f"Conflict for resource '{short(resource.name)}': {stale}")


def page(items: Sequence[_Listed], size: int, token: str) -> tuple[Sequence[_Listed], str]:
    """Return one page and the token of the next, empty at the end."""
    if token and not token.isdigit():
        raise invalid("page_token", f"{token!r} was not given out here.")
    start = int(token or 0)
    end = start + min(size or _PAGE, _PAGE)
    return items[start:end], str(end) if end < len(items) else ""
