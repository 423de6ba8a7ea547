"""Prefect as the doctor sees it: the server, a worker for our runs, our deployments, and the watchdog's last round."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect import __version__
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.client.schemas.objects import WorkerStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from commands.engine import POOL, root
from commands.server import server
from surefoot.units import took
from tasks.doctor.finding import Examination, Finding, ill, well

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse

_ROUND_S = 60.0
_UP = "surefoot up"


def prefect() -> Examination:
    """Return the look at the server that PREFECT_API_URL, or the Prefect profile, names."""
    return Examination("prefect", _look, f"start one with {_UP}, or name yours with PREFECT_API_URL")


async def _look() -> Sequence[Finding]:
    async with server() as client:
        return [await _version(client), await worker(client, POOL), *await _deployments(client)]


async def _version(client: PrefectClient) -> Finding:
    version = await client.api_version()
    said = f"{client.api_url} answers, version {version}"
    if _number(version) < _number(__version__):
        seen = f"{said}, older than Surefoot's own {__version__}"
        return ill("prefect", seen, f"uv pip install prefect=={__version__}   # where the server runs")
    return well("prefect", said)


async def worker(client: PrefectClient, pool: str) -> Finding:
    """Return whether somebody would start our runs."""
    try:
        await client.read_work_pool(pool)
    except ObjectNotFound:
        return ill("worker", f"there is no work pool {pool}", _UP)
    found = await client.read_workers_for_work_pool(pool)
    online = [each.name for each in found if each.status == WorkerStatus.ONLINE]
    if not online:
        return ill("worker", f"none is online in the work pool {pool}: runs would wait", _UP)
    return well("worker", f"{len(online)} online in the work pool {pool}")


async def _deployments(client: PrefectClient) -> Sequence[Finding]:
    names = _ours()
    found = dict(zip(names, await asyncio.gather(*(_deployment(client, name) for name in names)), strict=True))
    missing = [name for name, deployment in found.items() if deployment is None]
    if missing:
        return [ill("deployments", f"not there: {', '.join(missing)}", _UP)]
    return [
        well("deployments", ", ".join(names)),
        *[await _watchdog(client, one) for one in (found["watchdog"],) if one],
    ]


async def _deployment(client: PrefectClient, name: str) -> "DeploymentResponse | None":
    try:
        return await client.read_deployment_by_name(f"{name}/{name}")
    except ObjectNotFound:
        return None


async def _watchdog(client: PrefectClient, deployment: "DeploymentResponse") -> Finding:
    """Return when it last looked after what dead runs left behind."""
    asked = DeploymentFilter(name=DeploymentFilterName(any_=[deployment.name]))
    runs = await client.read_flow_runs(deployment_filter=asked, sort=FlowRunSort.START_TIME_DESC, limit=1)
    began = runs[0].start_time if runs else None
    age_s = (datetime.now(UTC) - began).total_seconds() if began else None
    said = "it never ran" if age_s is None else f"it last ran {took(age_s)} ago"
    if off := _switched_on(deployment):
        return ill("watchdog", f"its schedule is off; {said}", off)
    if age_s is None or age_s > 3 * _ROUND_S:
        return ill("watchdog", f"{said}, though it has to every minute", _UP)
    return well("watchdog", said)


def _switched_on(deployment: "DeploymentResponse") -> str:
    """Return the command that lets its schedule go on, "" where it does."""
    if deployment.paused:
        return f"prefect api POST /deployments/{deployment.id}/resume_deployment"
    if not deployment.schedules:
        return _UP
    off = [f"{each.id}" for each in deployment.schedules if not each.active]
    return f"prefect deployment schedule resume watchdog/watchdog {off[0]}" if off else ""


def _ours() -> list[str]:
    """Return the names that `surefoot up` applies."""
    from ruamel.yaml import YAML  # noqa: PLC0415 (only this command reads it)

    told = YAML(typ="safe", pure=True).load((root() / "prefect.yaml").read_text())
    return [str(each["name"]) for each in told["deployments"]]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
