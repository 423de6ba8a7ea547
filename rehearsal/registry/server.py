"""The registry on HTTP: manifests, tags and blobs, its errors as the specification has them, and its faults."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from rehearsal.catalogue import Catalogue
from rehearsal.faults import Call, Faults, Journal
from rehearsal.registry.content import DOCKER_LIST, INDEX, MANIFEST, Manifest, Repository
from rehearsal.registry.fault import DIGEST_HEADER, RegistryFault, error, misname, refusal, reset
from rehearsal.registry.guard import Guard
from rehearsal.serving import served

_PAGE = 100
_Verb = Callable[[web.Request, Repository], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Registry:
    """Repositories by name, behind one guard."""

    guard: Guard = field(default_factory=Guard)
    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: Faults[RegistryFault] = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)
    url: str = ""

    @classmethod
    @asynccontextmanager
    async def start(
        cls, catalogue: Catalogue | None = None, guard: Guard | None = None, port: int = 0
    ) -> AsyncIterator["Registry"]:
        """Serve a catalogue's images on loopback while the block runs; port 0 takes any free one."""
        registry = cls(guard or Guard())
        for recipe in catalogue.recipes if catalogue else ():
            entry = {"image": recipe.image, "tag": recipe.tag, "command": recipe.command, "env": recipe.env}
            registry.repository(_path(recipe.image)).put_image(entry, recipe.digest)
        async with served(registry.app(), port) as url:
            registry.url = url
            yield registry

    @property
    def hosts(self) -> str:
        """Return what SUREFOOT_REGISTRIES has to say for the sample catalogue's images to be found here."""
        return f"registry.rehearsal={self.url}"

    def repository(self, name: str) -> Repository:
        """Return the repository of a name, made where there is none."""
        return self.repositories.setdefault(name, Repository())

    def app(self) -> web.Application:
        """Return the application with all routes."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/token", self._token),
                web.post("/token", self._token),
                web.get("/v2/", self._ping),
                web.get("/v2/{name:.+}/manifests/{reference}", self._asked("{}Manifest", self._manifest)),
                web.get("/v2/{name:.+}/blobs/{reference}", self._asked("{}Blob", self._blob)),
                web.get("/v2/{name:.+}/tags/list", self._asked("ListTags", self._tags)),
            ]
        )
        return app

    def _asked(self, method: str, verb: _Verb) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            name, reference = request.match_info["name"], request.match_info.get("reference", "")
            joint = "@" if ":" in reference else ":" if reference else ""
            called = method.format(request.method.capitalize())
            return await self._answered(
                request, called, f"{name}{joint}{reference}", f"repository:{name}:pull", lambda: self._in(request, verb)
            )

        return answer

    async def _in(self, request: web.Request, verb: _Verb) -> web.StreamResponse:
        """Carry a verb out on its repository; one that does not exist is empty, as the reference registry has it."""
        return await verb(request, self.repositories.get(request.match_info["name"], Repository()))

    async def _answered(
        self,
        request: web.Request,
        method: str,
        resource: str,
        scope: str | None,
        carry_out: Callable[[], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        fault, at = self.faults.take(method, resource), datetime.now(UTC)
        caller = "" if scope is None else self.guard.caller(request, scope)
        if fault is not None and fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault is not None and fault.reset:
            answer: web.StreamResponse = reset(request)
        elif fault is not None and (fault.status or fault.location):
            answer = refusal(fault)
        elif caller is None:
            challenge = self.guard.challenge(f"{self.url}/token", scope or "")
            answer = error(401, "authentication required", headers={"WWW-Authenticate": challenge})
        else:
            answer = await carry_out()
            misname(answer, fault)
        answer.headers["Docker-Distribution-API-Version"] = "registry/2.0"
        seconds = (datetime.now(UTC) - at).total_seconds()
        self.journal.record(Call(at, method, resource, str(answer.status), seconds, caller or "", fault is not None))
        return answer

    async def _ping(self, request: web.Request) -> web.StreamResponse:
        async def hello() -> web.StreamResponse:
            return web.json_response({})

        return await self._answered(request, "Ping", "", "", hello)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        async def issue() -> web.StreamResponse:
            issued = await self.guard.token(request)
            return web.json_response(issued) if issued else error(401, "incorrect username or password")

        return await self._answered(request, "GetToken", "", None, issue)

    async def _manifest(self, request: web.Request, repository: Repository) -> web.StreamResponse:
        reference = request.match_info["reference"]
        found = repository.find(reference)
        if found is None:
            kind = "revision" if ":" in reference else "tag"
            return error(404, "manifest unknown", detail=f"unknown {kind}={reference}")
        accepted = {each.partition(";")[0].strip() for each in request.headers.get("Accept", "").split(",")}
        if found.media_type not in accepted:
            # The reference registry takes `*/*` for none of these; what Docker knows, it falls back on.
            if found.media_type in (MANIFEST, INDEX):
                what = "OCI manifest" if found.media_type == MANIFEST else "OCI index"
                return error(404, f"{what} found, but accept header does not support {what}s".replace("xs", "xes"))
            if found.media_type == DOCKER_LIST:
                found = _for_this_machine(found, repository)
        headers = {DIGEST_HEADER: found.digest, "Etag": f'"{found.digest}"', "Content-Type": found.media_type}
        return web.Response(body=found.body, headers=headers)

    async def _blob(self, request: web.Request, repository: Repository) -> web.StreamResponse:
        digest = request.match_info["reference"]
        if digest not in repository.blobs:
            return error(404, "blob unknown to registry", code="BLOB_UNKNOWN")
        headers = {DIGEST_HEADER: digest, "Content-Type": "application/octet-stream"}
        return web.Response(body=repository.blobs[digest], headers=headers)

    async def _tags(self, request: web.Request, repository: Repository) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self.repositories:
            return error(404, "repository name not known to registry", code="NAME_UNKNOWN", detail={"name": name})
        size, after = min(int(request.query.get("n", _PAGE)), _PAGE), request.query.get("last", "")
        left = sorted(tag for tag in repository.tags if tag > after)
        page = left[:size]
        more = {"Link": f'</v2/{name}/tags/list?last={page[-1]}&n={size}>; rel="next"'} if len(left) > size else {}
        return web.json_response({"name": name, "tags": page}, headers=more)


def _path(repository: str) -> str:
    """Return a repository's name within its registry: a first part with a dot or a port is the registry's host."""
    host, slash, path = repository.partition("/")
    return path if slash and ("." in host or ":" in host or host == "localhost") else repository


def _for_this_machine(found: Manifest, repository: Repository) -> Manifest:
    named = json.loads(found.body)["manifests"]
    chosen = next((each["digest"] for each in named if each["platform"]["architecture"] == "amd64"), found.digest)
    return repository.manifests[chosen]
