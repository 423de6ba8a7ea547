"""Google's Artifact Registry: OCI distribution v2, with Google's application default credentials."""

import asyncio
from functools import partial

from surefoot.errors import Refused, Unavailable
from tasks.registries.addresses import base_of
from tasks.registries.docker import login_for
from tasks.registries.login import Login
from tasks.registries.oci import Oci

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_USER = "oauth2accesstoken"
_HINTS = {
    401: "log in: gcloud auth application-default login",
    403: "grant roles/artifactregistry.reader on the repository to who this runs as",
}


def connect(host: str, base: str | None) -> Oci:
    """Return the registry of a host; Google is asked for a token only where the registry wants one."""
    return Oci(base or base_of(host), partial(_login, host), _HINTS)


async def _login(host: str) -> Login | None:
    """Return Google's token, else what `gcloud auth configure-docker` set up; public images need neither."""
    token = await asyncio.to_thread(_token)
    return Login(_USER, token) if token else await login_for(host)


def _token() -> str:
    """Return an access token, "" where there are no credentials at all."""
    import google.auth  # noqa: PLC0415 (public images do without)
    import requests  # noqa: PLC0415
    from google.auth import exceptions  # noqa: PLC0415
    from google.auth.transport.requests import Request  # noqa: PLC0415

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        with requests.Session() as session:
            credentials.refresh(Request(session))  # type: ignore[no-untyped-call]
    except exceptions.DefaultCredentialsError:
        return ""
    except exceptions.GoogleAuthError as problem:
        kind = type(problem).__name__
        if problem.retryable:
            raise Unavailable(f"Google gives no token just now ({kind})") from None
        # Not quoted: the answer may repeat what was sent.
        raise Refused(f"Google gives no token for these credentials ({kind}); {_HINTS[401]}") from None
    return str(credentials.token or "")
