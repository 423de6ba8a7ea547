"""Any registry that speaks OCI distribution v2, with the log-in that Docker would use."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit

from surefoot.errors import Refused
from tasks.registries.addresses import base_of, origin
from tasks.registries.calls import PATIENCE_S, tried
from tasks.registries.docker import login_for
from tasks.registries.login import Logins, authorization
from tasks.registries.manifest import DIGEST, MANIFEST_TYPES, TAGS_PAGE, TAGS_PAGES_MAX, TAGS_PATIENCE_S
from tasks.registries.wire import Answer, Wire

# Where a registry does not know HEAD, the manifest itself is read.
_NO_HEAD = (405, 501)


def connect(host: str, base: str | None) -> "Oci":
    """Return the registry of a host, with the log-in that Docker keeps for it."""
    hints = {401: f"log in: docker login {host}", 403: f"ask for the right to pull, or log in: docker login {host}"}
    return Oci(base or base_of(host), partial(login_for, host), hints)


class Oci:
    """One registry; who we are is only said when it asks, and is kept for as long as this lives."""

    def __init__(self, base: str, logins: Logins, hints: Mapping[int, str], patience_s: float = PATIENCE_S) -> None:
        self._wire = Wire(base)
        self._logins = logins
        self._hints = hints
        self._patience_s = patience_s
        self._authorized: dict[str, str] = {}

    async def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a tag's or a digest's manifest, None where there is none."""
        ask = partial(self._ask, path=f"manifests/{reference}", repository=repository)
        answer = await tried(partial(ask, "HEAD"), self._patience_s)
        found = str(answer.headers.get("docker-content-digest", ""))
        if answer.status in _NO_HEAD or (answer.status == 200 and not found):
            answer = await tried(partial(ask, "GET"), self._patience_s)
            found = _read(answer, reference)
        if answer.status == 404:
            return None
        if not DIGEST.fullmatch(found) or (":" in reference and found != reference):
            raise Refused(f"{self._named(repository, reference)}: the registry says its digest is {found[:80]!r}")
        return found

    async def tags(self, repository: str) -> Sequence[str]:
        """Return the first tags, up to ten thousand."""
        path, found = f"tags/list?n={TAGS_PAGE}", list[str]()
        for _ in range(TAGS_PAGES_MAX):
            answer = await tried(partial(self._ask, "GET", path=path, repository=repository), TAGS_PATIENCE_S)
            listed = answer.json().get("tags") if answer.status == 200 else None
            found += [tag for tag in listed or () if isinstance(tag, str)]
            more = re.search(r'<[^>]*[?&]last=([^&>]+)[^>]*>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
            if more is None or not listed:
                break
            path = f"tags/list?n={TAGS_PAGE}&last={more[1]}"
        return found

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._wire.aclose()

    async def _ask(self, method: str, path: str, repository: str) -> Answer:
        """Return an answer that says something about the image: it is there (200), or not (404), or HEAD won't do."""
        answer = await self._sent(method, path, repository)
        if answer.status == 401 and origin(answer.url) == origin(self._wire.base):
            scope = f"repository:{repository}:pull"
            said = await authorization(self._wire, answer, scope, self._logins, self._hints)
            self._authorized[repository] = said
            answer = await self._sent(method, path, repository)
        if answer.status in (200, 404) or (method == "HEAD" and answer.status in _NO_HEAD):
            return answer
        raise self._wire.refusal(answer, f"{method} {self._url(repository, path).partition('?')[0]}", self._hints)

    async def _sent(self, method: str, path: str, repository: str) -> Answer:
        headers = {"Accept": ", ".join(MANIFEST_TYPES) if path.startswith("manifests/") else "application/json"}
        if repository in self._authorized:
            headers["Authorization"] = self._authorized[repository]
        return await self._wire.follow(method, self._url(repository, path), headers)

    def _url(self, repository: str, path: str) -> str:
        return f"{self._wire.base}/v2/{repository}/{path}"

    def _named(self, repository: str, reference: str) -> str:
        joint = "@" if ":" in reference else ":"
        return f"{urlsplit(self._wire.base).netloc}/{repository}{joint}{reference}"


def _read(answer: Answer, reference: str) -> str:
    """Return the digest of the bytes that came, Refused where the registry calls them by another."""
    if answer.status != 200:
        return ""
    true = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    said = answer.headers.get("docker-content-digest", true)
    if said != true:
        raise Refused(f"the manifest of {reference} is {true}, though the registry calls it {said[:80]}; push it again")
    return true
