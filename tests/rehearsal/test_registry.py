"""The registry of the rehearsal, asked as any client asks one."""

import hashlib
import json
from contextlib import asynccontextmanager

import httpx
import pytest

from rehearsal.catalogue import Catalogue
from rehearsal.registry.content import DOCKER_LIST, INDEX, MANIFEST, index
from rehearsal.registry.fault import RegistryFault
from rehearsal.registry.guard import Guard
from rehearsal.registry.server import Registry

pytestmark = pytest.mark.anyio
CATALOGUE = Catalogue.load()
SHOP = "/v2/shop/manifests/1.0.0"
TAKES = {"Accept": MANIFEST}


@asynccontextmanager
async def asked(guard=None):
    async with (
        Registry.start(CATALOGUE, guard) as registry,
        httpx.AsyncClient(base_url=registry.url, trust_env=False) as client,
    ):
        yield registry, client


def sha256(body):
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.mark.parametrize("recipe", CATALOGUE.recipes, ids=lambda recipe: recipe.tag)
async def test_every_image_of_the_catalogue_is_there_under_its_digest(recipe):
    async with asked() as (_, client):
        path = f"/v2/{recipe.image.partition('/')[2]}/manifests/"
        for reference in (recipe.tag, recipe.digest):
            answer = await client.get(path + reference, headers=TAKES)
            assert answer.headers["docker-content-digest"] == sha256(answer.content) == recipe.digest


async def test_all_that_a_manifest_names_can_be_pulled():
    async with asked() as (_, client):
        manifest = (await client.get(SHOP, headers=TAKES)).json()
        for blob in (manifest["config"], *manifest["layers"]):
            content = (await client.get(f"/v2/shop/blobs/{blob['digest']}")).content
            assert (sha256(content), len(content)) == (blob["digest"], blob["size"])
        config = (await client.get(f"/v2/shop/blobs/{manifest['config']['digest']}")).json()
        assert config["config"]["Env"] == ["SHOP_VERSION=1.0.0"]
        assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]


async def test_the_head_says_what_the_whole_would_and_carries_nothing():
    async with asked() as (_, client):
        head, whole = await client.head(SHOP, headers=TAKES), await client.get(SHOP, headers=TAKES)
        same = ("docker-content-digest", "content-type", "content-length", "docker-distribution-api-version")
        assert [head.headers[name] for name in same] == [whole.headers[name] for name in same]
        assert head.content == b""
        assert whole.headers["content-type"] == MANIFEST


@pytest.mark.parametrize("accept", ["*/*", "application/json", INDEX])
async def test_who_does_not_take_a_manifest_s_type_is_told(accept):
    async with asked() as (_, client):
        answer = await client.get(SHOP, headers={"Accept": accept})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
        assert "accept header does not support OCI manifests" in answer.json()["errors"][0]["message"]


async def test_docker_s_list_gives_who_does_not_take_it_the_manifest_for_this_machine():
    async with asked() as (registry, client):
        shop = registry.repository("shop")
        shop.put(index([shop.find("1.0.0"), shop.find("1.1.0")], ["arm64", "amd64"], DOCKER_LIST), "2.0.0")
        path = "/v2/shop/manifests/2.0.0"
        both = await client.get(path, headers={"Accept": f"{DOCKER_LIST}, {MANIFEST}"})
        one = await client.get(path, headers={"Accept": MANIFEST})
        assert both.headers["content-type"] == DOCKER_LIST
        assert one.headers["docker-content-digest"] == shop.tags["1.1.0"]


async def test_what_is_not_there_is_told_in_the_specification_s_words():
    async with asked() as (_, client):
        for path, code in (
            ("/v2/shop/manifests/9.9.9", "MANIFEST_UNKNOWN"),
            ("/v2/other/manifests/1.0.0", "MANIFEST_UNKNOWN"),
            (f"/v2/shop/blobs/sha256:{'0' * 64}", "BLOB_UNKNOWN"),
            ("/v2/other/tags/list", "NAME_UNKNOWN"),
        ):
            answer = await client.get(path, headers=TAKES)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, code)


async def test_tags_come_in_pages_that_lead_on():
    async with asked() as (_, client):
        seen, path = [], "/v2/shop/tags/list?n=4"
        while path:
            answer = await client.get(path)
            assert len(answer.json()["tags"]) <= 4
            seen += answer.json()["tags"]
            path = answer.links["next"]["url"] if "next" in answer.links else ""
        assert seen == sorted(one.tag for one in CATALOGUE.recipes if one.image == "registry.rehearsal/shop")


async def test_a_guarded_registry_says_where_tokens_are_and_takes_only_its_own():
    async with asked(Guard("bearer", {"ci": "password"})) as (registry, client):
        refused = await client.get(SHOP, headers=TAKES)
        assert refused.status_code == 401
        realm = f'Bearer realm="{registry.url}/token",service="registry.rehearsal",scope="repository:shop:pull"'
        assert refused.headers["www-authenticate"] == realm
        assert (await client.get("/v2/")).status_code == 401

        wanted = {"service": "registry.rehearsal", "scope": "repository:shop:pull"}
        assert (await client.get("/token", params=wanted)).status_code == 401
        assert (await client.get("/token", params=wanted, auth=("ci", "other"))).status_code == 401
        assert (await client.get("/token", params={**wanted, "service": "x"}, auth=("ci", "password"))).is_error
        token = (await client.get("/token", params=wanted, auth=("ci", "password"))).json()["token"]
        bearer = {"Authorization": f"Bearer {token}", **TAKES}
        assert (await client.get(SHOP, headers=bearer)).status_code == 200
        assert (await client.get("/v2/", headers=bearer)).status_code == 200
        assert (await client.get("/v2/tool/tags/list", headers=bearer)).status_code == 401, "not in its scope"
        assert (await client.get(SHOP, headers={**TAKES, "Authorization": "Bearer x"})).status_code == 401
        registry.guard.revoke()
        assert (await client.get(SHOP, headers=bearer)).status_code == 401


async def test_an_identity_token_gives_a_token():
    async with asked(Guard("bearer", identity_tokens={"identity": "ci"})) as (_, client):
        form = {"grant_type": "refresh_token", "service": "registry.rehearsal", "scope": "repository:shop:pull"}
        assert (await client.post("/token", data={**form, "refresh_token": "other"})).status_code == 401
        token = (await client.post("/token", data={**form, "refresh_token": "identity"})).json()["access_token"]
        assert (await client.get(SHOP, headers={"Authorization": f"Bearer {token}", **TAKES})).status_code == 200


async def test_a_password_opens_a_registry_that_asks_for_one():
    async with asked(Guard("basic", {"ci": "password"})) as (_, client):
        assert (await client.get(SHOP, headers=TAKES)).headers["www-authenticate"].startswith("Basic ")
        assert (await client.get(SHOP, headers=TAKES, auth=("ci", "password"))).status_code == 200
        assert (await client.get(SHOP, headers=TAKES, auth=("ci", "other"))).status_code == 401
        assert (await client.get(SHOP, headers={**TAKES, "Authorization": "Basic !"})).status_code == 401


async def test_what_goes_wrong_is_written_down_with_what_was_asked():
    async with asked() as (registry, client):
        registry.faults.add(RegistryFault(method="GetManifest", resource="shop:1.0.0", status=429, retry_after_s=7))
        answer = await client.get(SHOP, headers=TAKES)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert answer.json()["errors"][0]["code"] == "TOOMANYREQUESTS"
        assert (await client.get(SHOP, headers=TAKES)).status_code == 200
        called = [(call.method, call.resource, call.code, call.faulted) for call in registry.journal.calls]
        assert called == [("GetManifest", "shop:1.0.0", "429", True), ("GetManifest", "shop:1.0.0", "200", False)]


async def test_a_registry_can_be_slow_or_gone_or_wrong():
    async with asked() as (registry, client):
        registry.faults.add(RegistryFault(delay_s=0.3))
        with pytest.raises(httpx.ReadTimeout):
            await client.head(SHOP, headers=TAKES, timeout=0.1)
        registry.faults.add(RegistryFault(reset=True))
        with pytest.raises(httpx.RemoteProtocolError):
            await client.head(SHOP, headers=TAKES)
        registry.faults.add(RegistryFault(location="https://elsewhere.example/"))
        assert (await client.head(SHOP, headers=TAKES)).headers["location"] == "https://elsewhere.example/"
        registry.faults.add(RegistryFault(digest="sha256:other"))
        assert (await client.head(SHOP, headers=TAKES)).headers["docker-content-digest"] == "sha256:other"
        registry.faults.add(RegistryFault(digest="-"))
        assert "docker-content-digest" not in (await client.head(SHOP, headers=TAKES)).headers


@pytest.mark.parametrize("wrong", [{"status": 200}, {"delay_s": -1}, {"times": 0}])
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RegistryFault(**wrong)


async def test_a_digest_that_the_catalogue_gives_is_answered_for(tmp_path):
    given = "sha256:" + "ab" * 32
    file = tmp_path / "catalogue.yaml"
    entry = {"image": "registry.rehearsal/team/tool", "tag": "1", "command": ["x"], "digest": given}
    file.write_text(json.dumps({"images": [entry]}))
    async with (
        Registry.start(Catalogue.load(file)) as registry,
        httpx.AsyncClient(base_url=registry.url, trust_env=False) as client,
    ):
        for reference in ("1", given):
            answer = await client.head(f"/v2/team/tool/manifests/{reference}", headers=TAKES)
            assert answer.headers["docker-content-digest"] == given
