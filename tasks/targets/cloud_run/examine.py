"""Whether a Cloud Run service could be released to: who we are, what is there, and what we may do. Changes nothing."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import google.auth
import google.auth.exceptions
from google.api_core import exceptions as google_errors
from google.auth.transport.requests import Request
from google.cloud import run_v2

from surefoot.errors import Refused, TargetError
from surefoot.rollout import Plan
from tasks.doctor.finding import Examination, Finding, NotSeen, Once, blind, ill, well
from tasks.targets.cloud_run import Settings
from tasks.targets.cloud_run.calls import Calls
from tasks.targets.cloud_run.reading import read_live

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_LOG_IN = "gcloud auth application-default login"
# No name that Google gives out; asked for, it is not found, or we may not ask.
_NOBODYS = "00000000-0000-0000-0000-000000000000"
_SHORT_S = 6.0
_DENIED = (google_errors.Forbidden, google_errors.Unauthorized)


@asynccontextmanager
async def examinations(settings: Settings, _plan: Plan) -> AsyncIterator[Sequence[Examination]]:
    """Yield the looks at one service, over one channel."""
    calls = Calls(settings)
    seen = Once(lambda: calls.service(_SHORT_S))
    service = _Service(settings, calls, seen)
    try:
        yield [
            Examination("credentials", service.credentials, _LOG_IN),
            Examination("service", service.there, "see that the Cloud Run Admin API can be reached from here"),
            Examination("reads", service.reads),
            Examination("writes", service.writes),
        ]
    finally:
        await service.who.close()
        await seen.close()
        await calls.close()


class _Service:
    """One service, as whoever runs this sees it."""

    def __init__(self, settings: Settings, calls: Calls, seen: Once[run_v2.Service]) -> None:
        self._settings = settings
        self._calls = calls
        self._seen = seen
        self.who = Once(lambda: asyncio.to_thread(_account))

    async def credentials(self) -> Sequence[Finding]:
        """Say who we are to Google."""
        if self._rehearsed:
            return [well("credentials", f"{self._settings.endpoint} is a rehearsal on this machine, none needed")]
        try:
            return [well("credentials", f"Google knows us as {await self.who()}")]
        except google.auth.exceptions.GoogleAuthError as problem:
            # Not quoted: the answer may repeat what was sent.
            return [ill("credentials", f"no usable Google credentials ({type(problem).__name__})", _LOG_IN)]

    async def there(self) -> Sequence[Finding]:
        """Say what serves, and whether it is a way back."""
        try:
            service = await self._seen()
            live = read_live(service, await self._calls.revisions(service))
        except Refused as problem:
            if isinstance(problem.__cause__, google_errors.NotFound):
                return [ill("service", f"{self._settings.name} is not there", self._first)]
            raise
        lost = [name for name, _ in live.traffic.shares if name not in live.revisions or not live.revisions[name].ready]
        if lost:
            return [ill("service", f"{', '.join(lost)} has traffic but is not ready: no way back", self._first)]
        return [well("service", f"{live.traffic}, ready")]

    async def reads(self) -> Sequence[Finding]:
        """Make each call that a rollout reads with, once; what is not there may be asked for as well."""
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "run.services.get": self._seen,
            "run.revisions.list": self._revisions,
            "run.revisions.get": lambda: self._calls.revision(f"{self._settings.name}/revisions/{_NOBODYS}"),
            "run.operations.get": lambda: self._calls.operation(f"{self._settings.parent}/operations/{_NOBODYS}", 6.0),
        }
        told = await asyncio.gather(*(_may(call) for call in calls.values()))
        denied = [name for name, may in zip(calls, told, strict=True) if may is False]
        unseen = [name for name, may in zip(calls, told, strict=True) if may is None]
        if denied:
            return [ill("reads", f"denied: {', '.join(denied)}", await self._grant("roles/run.viewer", whole=True))]
        if unseen:
            return [blind("reads", f"no answer to what needs {', '.join(unseen)}")]
        return [well("reads", ", ".join(calls))]

    async def writes(self) -> Sequence[Finding]:
        """Ask for a write that Cloud Run only validates: rights and form are checked, and nothing comes of it.

        The template goes along, unchanged but for its revision's name, as in a release: so the right to act as the
        account it runs as is looked at too.
        """
        try:
            service = run_v2.Service(await self._seen())
        except TargetError as problem:
            raise NotSeen("whether it may be written to is not known, since it could not be read") from problem
        service.template.revision = ""
        asked = run_v2.UpdateServiceRequest(
            service=service, update_mask={"paths": ["template", "traffic", "annotations"]}, validate_only=True
        )
        try:
            await self._calls.update(asked, _SHORT_S)
        except Refused as problem:
            if not isinstance(problem.__cause__, _DENIED):
                raise
            acts = "actas" in str(problem).lower()
            mend = await (self._act_as(service) if acts else self._grant("roles/run.developer"))
            what = "iam.serviceAccounts.actAs" if acts else "run.services.update"
            return [ill("writes", f"denied: {what}", mend)]
        return [well("writes", "run.services.update, by a write that is only validated")]

    @property
    def _rehearsed(self) -> bool:
        return self._settings.endpoint.startswith("grpc://")

    @property
    def _first(self) -> str:
        where = f"--region={self._settings.region} --project={self._settings.project}"
        return f"gcloud run deploy {self._settings.service} --image=IMAGE {where}"

    async def _revisions(self) -> object:
        return await self._calls.revisions(await self._seen())

    async def _member(self) -> str:
        """Return ourselves as Google's policies write it."""
        try:
            who = "" if self._rehearsed else await self.who()
        except google.auth.exceptions.GoogleAuthError:
            who = ""
        kind = "serviceAccount" if who.endswith(".gserviceaccount.com") else "user"
        return f"{kind}:{who}" if "@" in who else "user:YOU"

    async def _grant(self, role: str, *, whole: bool = False) -> str:
        """Return the command that grants us a role on the service, or on the whole project."""
        given = self._settings
        on = ["projects", "add-iam-policy-binding", given.project]
        if not whole:
            on = ["run", "services", "add-iam-policy-binding", given.service]
            on += [f"--region={given.region}", f"--project={given.project}"]
        return shlex.join(["gcloud", *on, f"--member={await self._member()}", f"--role={role}"])

    async def _act_as(self, service: run_v2.Service) -> str:
        account = service.template.service_account or "PROJECT_NUMBER-compute@developer.gserviceaccount.com"
        words = ["gcloud", "iam", "service-accounts", "add-iam-policy-binding", account]
        role = "--role=roles/iam.serviceAccountUser"
        return shlex.join([*words, f"--project={self._settings.project}", f"--member={await self._member()}", role])


async def _may(call: Callable[[], Awaitable[object]]) -> bool | None:
    """Return whether a call is allowed, None where that cannot be told; what is not found was looked for."""
    try:
        await call()
    except Refused as problem:
        if isinstance(problem.__cause__, _DENIED):
            return False
        return True if isinstance(problem.__cause__, google_errors.NotFound) else None
    except TargetError:
        return None
    return True


def _account() -> str:
    """Return the account of Google's application default credentials, in a thread: it may ask Google."""
    import requests  # noqa: PLC0415 (only those who ask for credentials need it)

    credentials, project = google.auth.default(scopes=[_SCOPE])
    with requests.Session() as session:
        credentials.refresh(Request(session))  # type: ignore[no-untyped-call]
    account = getattr(credentials, "service_account_email", "") or getattr(credentials, "account", "")
    return str(account or f"somebody with rights in {project or 'no project of its own'}")
