"""Which release is asked for, by which run, since when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect.client.orchestration import get_client
from prefect.deployments import arun_deployment
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for
from sqlalchemy import Connection

from surefoot.errors import ConfigError, NotNow, TargetError
from surefoot.release import Commit, Release, commit_problem
from tasks.clock import now
from tasks.pin import pin
from tasks.site import Run, Site
from tasks.store import ledger, releases
from tasks.store.releases import Asked


def this_run() -> Run:
    """Return the Prefect run at work: its id, and the page that people are sent to."""
    return Run(str(flow_run.id), url_for("flow-run", obj_id=flow_run.id) or "" if flow_run.id else "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A release as a run's parameters name it.

    `image` is by tag or by digest; `version` is the commit's start where there is none.
    """

    image: str
    commit: str
    version: str = ""
    title: str = ""
    commits: tuple[dict[str, str], ...] = ()

    async def release(self, site: Site) -> Release:
        """Return the release; ConfigError says which parameter is wrong, NotNow why a tag names no image just now.

        A run that starts again releases what it asked for at first, wherever a tag points meanwhile.
        """
        if known := await site.keep(releases.of_run, site.key, site.run.id):
            return known.release
        if wrong := commit_problem(self.commit):
            raise ConfigError(f"parameter commit: {wrong}")
        try:
            image = await pin(self.image)
        except ConfigError as problem:
            raise ConfigError(f"parameter image: {problem}") from problem
        except TargetError as problem:
            raise NotNow(f"parameter image: {problem}") from problem
        try:
            commits = tuple(Commit(each["sha"], each["title"], each.get("author", "")) for each in self.commits)
        except KeyError as problem:
            raise ConfigError(f"parameter commits: each has sha and title; {problem} is missing") from problem
        return Release(
            site.environment.service, image, self.version or self.commit[:7], self.commit, self.title, commits
        )


async def register(site: Site, release: Release) -> Asked:
    """Write down that this run asks for the release here; again, it gets the same turn."""
    asked_at: datetime = flow_run.scheduled_start_time or now()
    return await site.keep(_register, site, release, asked_at)


async def verified(site: Site, release_id: str, proven_in: str) -> Release:
    """Return a release that was verified in another environment; NotNow when it was not."""
    key = f"{site.environment.service}/{proven_in}"
    found = await site.keep(releases.find, key, release_id)
    if found is None or found.verified_at is None:
        raise NotNow(f"{release_id} was not verified in {proven_in}; deploy it there first")
    return found.release


async def evidence_from(site: Site, asked: Asked, proven_in: str) -> Asked:
    """Return what was asked for together with what another environment has shown of it."""
    found = await site.keep(releases.find, f"{site.environment.service}/{proven_in}", asked.release.id)
    return Asked(**{**_fields(asked), "evidence": found.evidence if found else None})


async def ask_for_production(site: Site, release: Release, after: str) -> None:
    """Start the run that asks people about production: once for a verified release, however often this is called."""
    async with get_client() as client:  # one of its own would be left open by Prefect 3.8.8 outside a run
        await arun_deployment(
            "deploy-production/deploy-production",
            client=client,
            parameters={"service": site.environment.service, "release": release.id},
            timeout=0,
            as_subflow=False,
            idempotency_key=f"production-of-{after}",
        )


def _register(connection: Connection, site: Site, release: Release, asked_at: datetime) -> Asked:
    seq = releases.register(connection, site.key, release, asked_at, site.run.id)
    fields: dict[str, Any] = {"release": release.id, "image": str(release.image), "run": site.run.id}
    ledger.append(connection, "release asked for", site.key, fields, now())
    return Asked(seq, site.key, release, site.run.id, asked_at)


def _fields(asked: Asked) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in Asked.__slots__}
