"""The control API: faults, journal, images, statistics and pace of a running rehearsal, as JSON over HTTP."""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web
from prometheus_client import generate_latest

from rehearsal.amazon import Aws
from rehearsal.catalogue import Catalogue
from rehearsal.cloud_run import Front, Pace
from rehearsal.faults import ANY, Aim, ApiFault, AwsFault, Faults
from rehearsal.running import Running, logs, services
from rehearsal.slack import Slack, SlackFault
from rehearsal.splitter import PUBLIC, Counts, Fault

_Value = TypeVar("_Value")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Control:
    """The handlers, over the parts they control."""

    front: Front
    aws: Aws
    slack: Slack
    catalogue: Catalogue

    def app(self) -> web.Application:
        """Return the application with all routes."""
        app = web.Application(middlewares=[_mistakes_as_400])
        app.add_routes(
            [
                web.get("/faults", self._faults),
                web.delete("/faults", self._clear),
                web.post("/faults/{kind:api|aws|slack}", self._arm),
                web.delete("/faults/{kind:api|aws|slack}/{number:[0-9]+}", self._disarm),
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
    def _running(self) -> dict[str, Running]:
        return {one.place: one for one in services(self.front.cloud, self.aws)}

    @property
    def _armed(self) -> dict[str, tuple[type[Aim], Faults[Any]]]:
        """Return the kinds of faults there are, with those in force."""
        return {
            "api": (ApiFault, self.front.faults),
            "aws": (AwsFault, self.aws.front.faults),
            "slack": (SlackFault, self.slack.faults),
        }

    async def _faults(self, _request: web.Request) -> web.Response:
        hurt = (
            {"service": place, "revision": name, "previews": previews, **asdict(fault)}
            for place, running in self._running.items()
            for name, (fault, previews) in running.faults.items()
        )
        armed = {kind: _listed(faults) for kind, (_, faults) in self._armed.items()}
        return _json({**armed, "revisions": list(hurt)})

    async def _clear(self, _request: web.Request) -> web.Response:
        for _, faults in self._armed.values():
            faults.clear()
        for running in self._running.values():
            for revision in tuple(running.faults):
                running.hurt(revision, None, previews=True)
        return web.Response(status=204)

    async def _arm(self, request: web.Request) -> web.Response:
        kind, faults = self._armed[request.match_info["kind"]]
        return _json({"number": faults.add(_read(kind, await request.json()))}, status=201)

    async def _disarm(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        _, faults = self._armed[request.match_info["kind"]]
        if not faults.remove(number):
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
        owners = {place: one for place, one in self._running.items() if revision in one.images}
        found = _one_of(owners, service, f"no revision named {revision!r}")
        owners[found].hurt(revision, fault, previews=previews)
        return web.Response(status=204)

    async def _journal(self, request: web.Request) -> web.Response:
        since, method = request.query.get("since"), request.query.get("method", ANY)
        earliest = datetime.fromisoformat(since) if since else None
        kept = (call for each in (self.front, self.aws.front) for call in each.journal.of(method, earliest))
        calls = sorted(kept, key=lambda call: call.at)
        return _json({"calls": [{**asdict(call), "at": call.at.isoformat()} for call in calls]})

    async def _images(self, _request: web.Request) -> web.Response:
        listed = ({"image": one.image, "tag": one.tag, "reference": one.reference} for one in self.catalogue.recipes)
        return _json({"images": list(listed)})

    async def _services(self, _request: web.Request) -> web.Response:
        return _json({"services": [running.summary() for running in self._running.values()]})

    async def _stats(self, request: web.Request) -> web.Response:
        found: dict[str, dict[str, Any]] = {}
        running = self._running
        for place, counts in self.front.cloud.reconciler.tally.places.items():
            images = running[place.service].images if place.service in running else {}
            empty: dict[str, Any] = {"users": {"requests": 0, "failures": 0}, "revisions": {}, "images": images}
            stats = found.setdefault(place.service, empty)
            stats["revisions"].setdefault(place.revision, {})[place.address] = _counted(counts)
            if place.address == PUBLIC:
                stats["users"]["requests"] += counts.requests
                stats["users"]["failures"] += counts.failures
        service = request.match_info.get("service")
        return _json(found[_one_of(found, service, "nothing counted")] if service else found)

    async def _pace(self, _request: web.Request) -> web.Response:
        return _json(asdict(self.front.cloud.reconciler.pace))

    async def _set_pace(self, request: web.Request) -> web.Response:
        pace = self.front.cloud.reconciler.pace
        wanted = _read(Pace, asdict(pace) | await request.json())
        for name, value in asdict(wanted).items():
            setattr(pace, name, value)
        return await self._pace(request)

    async def _logs(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        found = logs(self.front.cloud, self.aws, name)
        if not found:
            raise _Absent(f"no revision named {name.rpartition('/')[2]!r} has run here")
        return web.Response(text="".join(log.read_text(errors="replace") for log in found))

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
