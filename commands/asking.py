"""Which run a typed `deploy` is about: a new one, or the one that is at it already."""

from typing import TYPE_CHECKING, Any

from commands.follow import Watched
from commands.server import start_run
from commands.wanted import Wanted
from surefoot.errors import ConfigError, NotNow
from surefoot.release import Release
from surefoot.service import Environment
from tasks.store import approvals, releases, rollouts
from tasks.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection


async def ask(store: Store, place: Environment, wanted: Wanted) -> Watched:
    """Ask Prefect for the release, or find the run that does it already. NotNow when staging has not verified it."""
    if place.name == "staging":
        return await _staging(store, place, wanted)
    if place.name == "production":
        return await _production(store, place, wanted)
    raise ConfigError(f"releases go to staging and production; {place.name} can be planned, watched and rolled back")


async def _staging(store: Store, place: Environment, wanted: Wanted) -> Watched:
    before = await store.run(releases.with_image, place.key, str(wanted.image))
    known = before.release if before else None
    commit = wanted.commit or (known.commit if known else "")
    if not commit:
        raise ConfigError(
            "--commit: staging was never asked for this image; say what it was built from: a commit's hash"
        )
    again = known if known is not None and known.commit == commit else None
    version = wanted.version or (again.version if again else "") or commit[:7]
    parameters: dict[str, Any] = {"service": place.service, "image": str(wanted.image), "commit": commit}
    parameters |= {"version": version, "title": wanted.title or (again.title if again else "")}
    if again is not None:
        parameters["commits"] = [
            {"sha": each.sha, "title": each.title, "author": each.author} for each in again.commits
        ]
    return await _started(place, "deploy-staging", parameters, version, wanted)


async def _production(store: Store, place: Environment, wanted: Wanted) -> Watched:
    found = await store.run(releases.with_image, f"{place.service}/staging", str(wanted.image))
    if found is None or found.verified_at is None:
        state = (
            "was never asked for in staging" if found is None else "was asked for in staging, but not verified there"
        )
        raise NotNow(
            f"{wanted.image} {state}. Deploy it there first, then production is asked for by itself:\n"
            f"  surefoot deploy {place.service} staging --image {wanted.image}"
        )
    at_it = await store.run(_at_it, place.key, found.release)
    if at_it is not None:
        return Watched(place, *at_it)
    parameters = {"service": place.service, "release": found.release.id}
    return await _started(place, "deploy-production", parameters, found.release.version, wanted)


async def _started(
    place: Environment, deployment: str, parameters: dict[str, Any], version: str, wanted: Wanted
) -> Watched:
    tags = (f"service:{place.service}", f"env:{place.name}", f"release:{version}")
    run = await start_run(deployment, {**parameters, "accept_drift": wanted.accept_drift}, tags)
    return Watched(place, *run)


def _at_it(connection: "Connection", key: str, release: Release) -> tuple[str, str] | None:
    """Return the run (id, page) that rolls this very release out, or asks people about it: never asked for twice."""
    for attempt in rollouts.open_rollouts(connection):
        if attempt.key == key and attempt.release.id == release.id:
            return attempt.run_id, attempt.run_url
    for question in approvals.waiting(connection, key):
        if question.release_id == release.id:
            return question.run_id, question.run_url
    return None
