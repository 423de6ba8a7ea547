"""The control API: faults, journal, images, statistics and pace of a running rehearsal, as JSON over HTTP."""

import glob
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web
from prometheus_client import generate_latest

from rehearsal.catalogue import Catalogue
from rehearsal.cloud_run import Front, Pace
from rehearsal.cloud_run.deployed import Deployed
from rehearsal.cloud_run.names import parent_of, place_of, split_revision
from rehearsal.faults import ANY, ApiFault, Faults
from rehearsal.slack import Slack, SlackFault
from rehearsal.splitter import PUBLIC, Counts, Fault

_Value = TypeVar("_Value")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Control:
    """The handlers, over the parts they control."""

    front: Front
    slack: Slack
    catalogue: Catalogue

    def app(self) -> web.Application:
        """Return the application with all routes."""
        app = web.Application(middlewares=[_mistakes_as_400])
        app.add_routes(
            [
                web.get("/faults", self._faults),
                web.delete("/faults", self._clear),
                web.post("/faults/{kind:api|slack}", self._arm),
                web.delete("/faults/{kind:api|slack}/{number:[0-9]+}", self._disarm),
                web.put("/faults/revisions/{revision}", self._hurt),
                web.delete("/faults/revisions/{revision}", self._heal),
                web.get("/journal", self._journal),
                web.get("/images", self._images),
                web.get("/services", self._services),
                web.get("/stats", self._stats),
                web.get("/stats/{service:.+}", self._stats),
                web.get("/pace", self._pace),
                web.patch("/pace", self._set_pace),
                web.get("/logs/{name:.+}", self._logs),
                web.get("/metrics", self._metrics),
            ]
        )
        return app

    @property
    def _deployed(self) -> list[Deployed]:
        return list(self.front.cloud.services.values())

    async def _faults(self, _request: web.Request) -> web.Response:
        hurt = (
            {"service": place_of(deployed.service.name), "revision": name, "previews": previews, **asdict(fault)}
            for deployed in self._deployed
            for name, (fault, previews) in deployed.faults.items()
        )
        return _json({"api": _listed(self.front.faults), "slack": _listed(self.slack.faults), "revisions": list(hurt)})

    async def _clear(self, _request: web.Request) -> web.Response:
        self.front.faults.clear()
        self.slack.faults.clear()
        for deployed in self._deployed:
            for revision in tuple(deployed.faults):
                self.front.cloud.reconciler.hurt(deployed, revision, None, previews=True)
        return web.Response(status=204)

    async def _arm(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.match_info["kind"] == "api":
            return _json({"number": self.front.faults.add(_read(ApiFault, body))}, status=201)
        return _json({"number": self.slack.faults.add(_read(SlackFault, body))}, status=201)

    async def _disarm(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        armed = self.front.faults if request.match_info["kind"] == "api" else self.slack.faults
        if not armed.remove(number):
            raise _Absent(f"no fault {number} is armed; see /faults")
        return web.Response(status=204)

    async def _hurt(self, request: web.Request) -> web.Response:
        body = await request.json()
        previews = bool(body.pop("previews", False))
        if body.get("at"):
            body["at"] = datetime.fromisoformat(body["at"])
        return self._set_fault(request, _read(Fault, body), previews=previews)

    async def _heal(self, request: web.Request) -> web.Response:
        return self._set_fault(request, None, previews=True)

    def _set_fault(self, request: web.Request, fault: Fault | None, *, previews: bool) -> web.Response:
        revision, service = request.match_info["revision"], request.query.get("service", "")
        owners = {place_of(one.service.name): one for one in self._deployed if revision in one.revisions}
        found = _one_of(owners, service, f"no revision named {revision!r}")
        self.front.cloud.reconciler.hurt(owners[found], revision, fault, previews=previews)
        return web.Response(status=204)

    async def _journal(self, request: web.Request) -> web.Response:
        since = request.query.get("since")
        calls = self.front.journal.of(
            request.query.get("method", ANY), datetime.fromisoformat(since) if since else None
        )
        return _json({"calls": [{**asdict(call), "at": call.at.isoformat()} for call in calls]})

    async def _images(self, _request: web.Request) -> web.Response:
        listed = ({"image": one.image, "tag": one.tag, "reference": one.reference} for one in self.catalogue.recipes)
        return _json({"images": list(listed)})

    async def _services(self, _request: web.Request) -> web.Response:
        return _json({"services": [_summary(deployed) for deployed in self._deployed]})

    async def _stats(self, request: web.Request) -> web.Response:
        services: dict[str, dict[str, Any]] = {}
        for place, counts in self.front.cloud.reconciler.tally.places.items():
            empty: dict[str, Any] = {"users": {"requests": 0, "failures": 0}, "revisions": {}}
            stats = services.setdefault(place.service, empty)
            stats["revisions"].setdefault(place.revision, {})[place.address] = _counted(counts)
            if place.address == PUBLIC:
                stats["users"]["requests"] += counts.requests
                stats["users"]["failures"] += counts.failures
        service = request.match_info.get("service")
        return _json(services[_one_of(services, service, "nothing counted")] if service else services)

    async def _pace(self, _request: web.Request) -> web.Response:
        return _json(asdict(self.front.cloud.reconciler.pace))

    async def _set_pace(self, request: web.Request) -> web.Response:
        pace = self.front.cloud.reconciler.pace
        wanted = _read(Pace, asdict(pace) | await request.json())
        for name, value in asdict(wanted).items():
            setattr(pace, name, value)
        return await self._pace(request)

    async def _logs(self, request: web.Request) -> web.Response:
        service, revision = split_revision(request.match_info["name"])
        folder = self.front.cloud.reconciler.logs(parent_of(service))
        logs = sorted(folder.glob(f"{glob.escape(revision)}-[0-9]*.log"))
        if not logs:
            raise _Absent(f"no revision named {revision!r} has run here")
        return web.Response(text="".join(log.read_text(errors="replace") for log in logs))

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self.front.cloud.reconciler.tally.registry)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


class _Absent(Exception):
    """What was asked for is not there."""


@web.middleware
async def _mistakes_as_400(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer what a caller got wrong with 400 and a sentence, instead of a trace."""
    try:
        return await handler(request)
    except _Absent as problem:
        return _json({"error": str(problem)}, status=404)
    except (ValueError, TypeError) as problem:
        return _json({"error": str(problem)}, status=400)


def _one_of(places: Iterable[str], asked_for: str, nothing: str) -> str:
    """Return the place asked for, by `PROJECT/LOCATION/SERVICE` or by an id that is there once; empty: the only one."""
    found = [place for place in places if not asked_for or f"/{place}".endswith(f"/{asked_for}")]
    if not found:
        raise _Absent(f"{nothing} of {asked_for!r}; see /services" if asked_for else f"{nothing}; see /services")
    if len(found) > 1:
        raise ValueError(f"that is in {len(found)} services; say which: {', '.join(sorted(found))}")
    return found[0]


def _read(kind: type[_Value], body: Any) -> _Value:
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(body.keys() - set(known))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not known; known are {', '.join(known)}")
    return kind(**body)


def _listed(faults: Faults[Any]) -> list[dict[str, Any]]:
    return [{"number": number, "hits": hits, **asdict(fault)} for number, (fault, hits) in faults.listed().items()]


def _summary(deployed: Deployed) -> dict[str, Any]:
    return {
        "name": deployed.service.name,
        "address": deployed.address.url,
        "previews": {tag: splitter.url for tag, splitter in deployed.previews.items()},
        "traffic": {deployed.revision_of(one): one.percent for one in deployed.service.traffic_statuses if one.percent},
        "revisions": {name: revision.log_uri for name, revision in sorted(deployed.revisions.items())},
        "reconciling": deployed.service.reconciling,
    }


def _counted(counts: Counts) -> dict[str, Any]:
    return {
        "requests": counts.requests,
        "failures": counts.failures,
        "in_flight": counts.in_flight,
        "mean_s": counts.seconds / counts.requests if counts.requests else None,
        **counts.by_class(),
    }


def _json(body: Any, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, dumps=lambda value: json.dumps(value, default=str))
