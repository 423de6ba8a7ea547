"""Cloud Run as a target: look, write once with a guard, look until it is true."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from google.cloud import run_v2

from surefoot.errors import Interfered, Refused, StageFailed, TargetError, Unavailable
from surefoot.release import Release
from surefoot.rollout import Mark
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.targets.cloud_run import Settings
from tasks.targets.cloud_run.allocation import short_name
from tasks.targets.cloud_run.calls import Calls
from tasks.targets.cloud_run.change import Change, shifting, staging
from tasks.targets.cloud_run.marks import fence
from tasks.targets.cloud_run.reading import entrance, failure, is_failed, is_ready, read_live, written_at
from tasks.targets.cloud_run.writing import GivenUp, interfered, make
from tasks.targets.patience import Patience

# So long a read may lag behind what was already seen.
_LAG_S = 10.0


class CloudRun:
    """One Cloud Run service."""

    def __init__(self, settings: Settings, calls: Calls) -> None:
        self._settings = settings
        self._calls = calls
        self._newest: datetime | None = None

    @classmethod
    def connect(cls, settings: Settings, on_call: Callable[[str], None] | None = None) -> "CloudRun":
        """Return the target with a channel of its own."""
        return cls(settings, Calls(settings, on_call))

    async def live(self) -> Live:
        """Return what is observed now, never older than what this connection has seen before."""
        return await self._live(await self._service(self._newest))

    async def stage(self, release: Release, mark: Mark, seen: Live) -> Live:
        """Return once the release's revision is ready and previewable, without user traffic. Idempotent.

        A revision that once failed stays failed under its name: it is StageFailed again, without a write.
        """
        name = release.revision_name(self._settings.service)
        service = await self._service(seen.at)
        found = await self._revision(service, name)
        if found is not None:
            _refuse_unusable(found, release)
        change = staging(release, mark, seen, service, exists=found is not None)
        if not (seen.settled or change.is_wished(service)):
            raise Unavailable(f"a change of {self._settings.service} is still on its way; look again when it is over")
        try:
            live = await self._make(change, mark, seen, service)
        except (Unavailable, GivenUp) as problem:
            found = await self._revision_if_seen(service, name)
            if is_ready(found) if found else isinstance(problem, Unavailable):
                raise
            raise _stage_failed(name, found, seen.traffic, problem) from problem
        if not _is_previewable(live, name):
            raise Unavailable(f"{name} has no address of its own yet; look again")
        return live

    async def shift(self, traffic: Traffic, mark: Mark | None, seen: Live) -> Live:
        """Return once the traffic is observed to be so. Also the way back. No mark: the rollout is over."""
        service = await self._service(seen.at)
        return await self._make(shifting(traffic, mark, seen, service), mark, seen, service)

    async def close(self) -> None:
        """Let go of the channel."""
        await self._calls.close()

    async def _make(self, change: Change, mark: Mark | None, seen: Live, service: run_v2.Service) -> Live:
        """Make a change unless somebody else was here since `seen`; what is already so is only waited for."""
        if mark is not None and mark.fence < fence(service.annotations):
            raise Interfered(
                f"{mark.rollout} was overtaken: its fence is {mark.fence}, and a newer owner has written here with "
                f"{fence(service.annotations)}; this one has to stop"
            )
        if service.etag != seen.version and not change.is_wished(service):
            raise interfered(service)
        patience = Patience.of(self._settings.change_within_s, self._settings.poll_every_s)
        return await self._live(await make(self._calls, change, service, patience))

    async def _service(self, seen_at: datetime | None) -> run_v2.Service:
        """Return the service, at least as new as it was seen: a lagging copy must not look like somebody's write."""
        for wait_s in Patience.of(_LAG_S, self._settings.poll_every_s).waits():
            service = await self._calls.service()
            at = written_at(service)
            if seen_at is None or at is None or at >= seen_at:
                return service
            await asyncio.sleep(wait_s)
        raise Unavailable(f"{self._settings.service} is only shown as it was before {seen_at}; look again later")

    async def _live(self, service: run_v2.Service) -> Live:
        at = written_at(service)
        self._newest = max(filter(None, (self._newest, at)), default=None)
        return read_live(service, await self._calls.revisions(service))

    async def _revision(self, service: run_v2.Service, name: str) -> run_v2.Revision | None:
        return await self._calls.revision(f"{service.name}/revisions/{name}")

    async def _revision_if_seen(self, service: run_v2.Service, name: str) -> run_v2.Revision | None:
        """Return the revision of a stage that failed; whatever stops us from looking must not hide that failure."""
        try:
            return await self._revision(service, name)
        except TargetError:
            return None


def _refuse_unusable(found: run_v2.Revision, release: Release) -> None:
    name, image = short_name(found.name), entrance(found.containers).image
    if image != str(release.image):
        raise Refused(f"{name} exists, with another image: {image}, expected {release.image}; give a new version")
    if is_failed(found):
        raise StageFailed(
            f"{name} failed before: {failure(found.conditions)}; it will not come up by itself. "
            "Release a new commit, or the same one under a new version"
        )


def _is_previewable(live: Live, name: str) -> bool:
    revision = live.revisions.get(name)
    return revision is not None and revision.ready and bool(revision.preview)


def _stage_failed(name: str, found: run_v2.Revision | None, traffic: Traffic, problem: TargetError) -> StageFailed:
    reason = (failure(found.conditions) if found else "") or str(problem)
    log = (found.log_uri if found else "") or f"gcloud run revisions logs read {name}"
    return StageFailed(f"{name} never became ready: {reason} No user was sent to it: {traffic}. Its log: {log}")
