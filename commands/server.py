"""Prefect's server, as the commands need it: start a run, see how it is. Never a server of our own by accident."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.urls import url_for

from commands.address import checked
from commands.story import RunState
from surefoot.errors import Refused, Unavailable

# Where `surefoot up` listens when nobody says otherwise.
_USUAL = "http://127.0.0.1:4200/api"


@asynccontextmanager
async def server() -> AsyncIterator[PrefectClient]:
    """Talk to the server that PREFECT_API_URL (or the Prefect profile) names, else to the one of `surefoot up`.

    Unavailable when it does not answer. Without an address Prefect would start one of its own, which knows nothing.
    """
    with named() as url, _translated(url):
        async with get_client() as client:
            yield client


@contextmanager
def named() -> Iterator[str]:
    """Have Prefect's client talk to that server while the block runs; yield its address. ConfigError if it is none."""
    url = checked(os.environ.get("PREFECT_API_URL") or PREFECT_API_URL.value() or _USUAL)
    with temporary_settings({PREFECT_API_URL: url}):
        yield url


async def start_run(deployment: str, parameters: Mapping[str, Any], tags: Sequence[str] = ()) -> tuple[str, str]:
    """Ask for a run of a deployment; return its id and its page. Refused when the server does not know it."""
    async with server() as client:
        try:
            found = await client.read_deployment_by_name(f"{deployment}/{deployment}")
        except ObjectNotFound as problem:
            raise Refused(
                f"the Prefect server {client.api_url} has no deployment {deployment}; surefoot up applies it"
            ) from problem
        run = await client.create_flow_run_from_deployment(found.id, parameters=dict(parameters), tags=list(tags))
        return str(run.id), url_for("flow-run", run.id) or ""


async def read_state(run_id: str) -> tuple[RunState | None, str]:
    """Return how a run is and its page; None where the server does not know it (a command's own run)."""
    async with server() as client:
        try:
            run = await client.read_flow_run(run_id)  # type: ignore[arg-type]
        except (ObjectNotFound, ValueError):
            return None, ""
        state = RunState(run.state.name or "", run.state.type.value, run.state.message or "") if run.state else None
        return state, url_for("flow-run", run.id) or ""


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except PrefectHTTPStatusError as problem:
        raise Refused(f"the Prefect server {url} refused: {problem.response.status_code}") from problem
    except (httpx.HTTPError, RuntimeError) as problem:
        raise Unavailable(
            f"the Prefect server {url} does not answer ({type(problem).__name__}); "
            "start one with surefoot up, or name yours with PREFECT_API_URL"
        ) from problem
