"""Artifact Registry: Google's own credentials, a token that Google's endpoint gives, the registry's own exchange."""

import json

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rehearsal.registry.guard import Guard
from surefoot.errors import Refused
from surefoot.release import Image
from tasks.registries import check, resolve

pytestmark = pytest.mark.anyio
HOST = "europe-west1-docker.pkg.dev"
PATH = "shop-production/apps/shop"
TOKEN = "ya29.token-that-nobody-may-see"
GUARD = {"oauth2accesstoken": TOKEN}


@pytest.fixture(scope="session")
def key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def google(serving, key, tmp_path, monkeypatch):
    """Return a context manager: Google's token endpoint, which answers so, and credentials that lead there."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def served(answer, status=200):
        async def token(_):
            return web.json_response(answer, status=status)

        return serving({"/token": token})

    def credentials(url):
        account = {"type": "service_account", "client_email": "ci@shop.example", "token_uri": f"{url}/token"}
        file = tmp_path / "account.json"
        file.write_text(json.dumps({**account, "private_key": key, "project_id": "shop"}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))

    served.credentials = credentials
    return served


async def test_google_s_token_is_exchanged_for_one_that_pulls(shop, google):
    async with shop(Guard("bearer", GUARD), path=PATH) as (registry, _), google({"access_token": TOKEN}) as url:
        google.credentials(url)
        found = await resolve(f"{HOST}/{PATH}:1.0.0", {HOST: registry.url})
        assert found == Image(f"{HOST}/{PATH}", registry.repository(PATH).tags["1.0.0"])
        await check(found, {HOST: registry.url})
        assert registry.journal.calls[-1].caller == "oauth2accesstoken"


async def test_credentials_that_google_refuses_are_told_with_the_command_that_gives_others(
    shop, google, everything_said
):
    async with (
        shop(Guard("bearer", GUARD), path=PATH) as (registry, _),
        google({"error": "invalid_grant", "error_description": TOKEN}, 400) as url,
    ):
        google.credentials(url)
        with pytest.raises(Refused, match=r"RefreshError.*gcloud auth application-default login") as caught:
            await resolve(f"{HOST}/{PATH}:1.0.0", {HOST: registry.url})
    assert TOKEN not in str(caught.value)


async def test_without_google_s_credentials_docker_s_are_used(shop, docker_config, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "not-there.json"))
    docker_config(auths={HOST: {"username": "oauth2accesstoken", "password": TOKEN}})
    async with shop(Guard("bearer", GUARD), path=PATH) as (registry, _):
        assert await resolve(f"{HOST}/{PATH}:1.0.0", {HOST: registry.url})


async def test_without_any_credentials_the_command_that_gives_them_is_named(shop, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "not-there.json"))
    async with shop(Guard("bearer", GUARD), path=PATH) as (registry, _):
        with pytest.raises(Refused, match=r"without a user: HTTP 401.*gcloud auth application-default login"):
            await resolve(f"{HOST}/{PATH}:1.0.0", {HOST: registry.url})


async def test_a_public_image_needs_no_credentials(shop):
    async with shop(path="distroless/static", tags=("nonroot",)) as (registry, _):
        assert await resolve("gcr.io/distroless/static:nonroot", {"gcr.io": registry.url})
