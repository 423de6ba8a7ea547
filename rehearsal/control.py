"""The control API: faults, journal, images, statistics and pace of a running rehearsal, as JSON over HTTP."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from prometheus_client import generate_latest

from rehearsal.catalogue import Catalogue
from rehearsal.cloud_run import Front, Pace
from rehearsal.cloud_run.deployed import Deployed
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
    log_dir: Path

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
                web.get("/stats/{service}", self._stats),
                web.get("/pace", self._pace),
                web.patch("/pace", self._set_pace),
                web.get("/logs/{revision}", self._logs),
                web.get("/metrics", self._metrics),
            ]
        )
        return app

    async def _faults(self, _request: web.Request) -> web.Response:
        revisions = self.front.cloud.reconciler.faults
        body = {
            "api": _listed(self.front.faults),
            "slack": _listed(self.slack.faults),
            "revisions": {name: {**asdict(fault), "previews": wide} for name, (fault, wide) in revisions.items()},
        }
        return _json(body)

    async def _clear(self, _request: web.Request) -> web.Response:
        self.front.faults.clear()
        self.slack.faults.clear()
        for revision in tuple(self.front.cloud.reconciler.faults):
            self._set_fault(revision, None, previews=True)
        return web.Response(status=204)

    async def _arm(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.match_info["kind"] == "api":
            return _json({"number": self.front.faults.add(_read(ApiFault, body))}, status=201)
        return _json({"number": self.slack.faults.add(_read(SlackFault, body))}, status=201)

    async def _disarm(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        armed = self.front.faults if request.match_info["kind"] == "api" else self.slack.faults
        return web.Response(status=204) if armed.remove(number) else _absent(f"no fault {number} is armed; see /faults")

    async def _hurt(self, request: web.Request) -> web.Response:
        body = await request.json()
        previews = bool(body.pop("previews", False))
        if body.get("at"):
            body["at"] = datetime.fromisoformat(body["at"])
        return self._set_fault(request.match_info["revision"], _read(Fault, body), previews=previews)

    async def _heal(self, request: web.Request) -> web.Response:
        return self._set_fault(request.match_info["revision"], None, previews=True)

    def _set_fault(self, revision: str, fault: Fault | None, *, previews: bool) -> web.Response:
        cloud = self.front.cloud
        for deployed in cloud.services.values():
            if revision in deployed.revisions:
                cloud.reconciler.hurt(deployed, revision, fault, previews=previews)
                return web.Response(status=204)
        return _absent(f"no revision is named {revision!r}; see /services")

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
        return _json({"services": [_summary(deployed) for deployed in self.front.cloud.services.values()]})

    async def _stats(self, request: web.Request) -> web.Response:
        asked_for = request.match_info.get("service")
        services: dict[str, dict[str, Any]] = {}
        for place, counts in self.front.cloud.reconciler.tally.places.items():
            if asked_for in (None, place.service):
                empty: dict[str, Any] = {"users": {"requests": 0, "failures": 0}, "revisions": {}}
                stats = services.setdefault(place.service, empty)
                stats["revisions"].setdefault(place.revision, {})[place.address] = _counted(counts)
                if place.address == PUBLIC:
                    stats["users"]["requests"] += counts.requests
                    stats["users"]["failures"] += counts.failures
        if asked_for and asked_for not in services:
            return _absent(f"nothing was counted of a service named {asked_for!r}")
        return _json(services[asked_for] if asked_for else services)

    async def _pace(self, _request: web.Request) -> web.Response:
        return _json(asdict(self.front.cloud.reconciler.pace))

    async def _set_pace(self, request: web.Request) -> web.Response:
        pace = self.front.cloud.reconciler.pace
        wanted = _read(Pace, asdict(pace) | await request.json())
        for name, value in asdict(wanted).items():
            setattr(pace, name, value)
        return await self._pace(request)

    async def _logs(self, request: web.Request) -> web.Response:
        revision = request.match_info["revision"]
        logs = sorted(self.log_dir.glob(f"{revision}-*.log")) if revision.replace("-", "").isalnum() else []
        if not logs:
            return _absent(f"no revision named {revision!r} has run here")
        return web.Response(text="".join(log.read_text(errors="replace") for log in logs))

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self.front.cloud.reconciler.tally.registry)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


@web.middleware
async def _mistakes_as_400(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer what a caller got wrong with 400 and a sentence, instead of a trace."""
    try:
        return await handler(request)
    except (ValueError, TypeError) as problem:
        return _json({"error": str(problem)}, status=400)


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
        "revisions": sorted(deployed.revisions),
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


def _absent(message: str) -> web.Response:
    return _json({"error": message}, status=404)
