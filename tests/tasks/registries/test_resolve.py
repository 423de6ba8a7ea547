"""A tag becomes a digest, over the wire, whatever the registry does meanwhile."""

import subprocess
import sys

import pytest

from rehearsal.registry.content import DOCKER_LIST, Manifest, index
from rehearsal.registry.fault import RegistryFault
from surefoot.errors import ConfigError, Refused, Unavailable
from surefoot.release import Image
from tasks.registries import ImageMissing, check, read_stand_ins, resolve

pytestmark = pytest.mark.anyio
HOST = "registry.example"
OTHER = "sha256:" + "0" * 64


def methods(registry):
    return [call.method for call in registry.journal.calls]


async def test_a_tag_becomes_the_digest_of_its_manifest(shop):
    async with shop() as (registry, here):
        found = await resolve(f"{HOST}/shop:1.1.0", here)
        assert found == Image(f"{HOST}/shop", registry.repository("shop").tags["1.1.0"])
        assert found.digest == Manifest("", registry.repository("shop").find("1.1.0").body).digest
        await check(found, here)
        assert set(methods(registry)) == {"HeadManifest"}, "a manifest that is read counts as a pull with some"


async def test_of_tag_and_digest_the_digest_counts(shop):
    async with shop() as (registry, here):
        first = registry.repository("shop").tags["1.0.0"]
        assert (await resolve(f"{HOST}/shop:1.1.0@{first}", here)).digest == first


async def test_a_moved_tag_does_not_move_what_was_resolved(shop):
    async with shop() as (registry, here):
        before = await resolve(f"{HOST}/shop:1.0.0", here)
        registry.repository("shop").tags["1.0.0"] = registry.repository("shop").tags["1.1.0"]
        await check(before, here)
        assert await resolve(f"{HOST}/shop:1.0.0", here) != before


async def test_docker_hub_s_short_names_are_found(shop):
    async with shop(path="library/nginx", tags=("1.27",)) as (registry, _):
        found = await resolve("nginx:1.27", read_stand_ins(f"docker.io={registry.url}"))
        assert found.repository == "docker.io/library/nginx"


@pytest.mark.parametrize("media_type", ["application/vnd.oci.image.index.v1+json", DOCKER_LIST])
async def test_an_image_for_several_machines_is_its_index_not_one_of_its_manifests(shop, media_type):
    async with shop() as (registry, here):
        repository = registry.repository("shop")
        both = index([repository.find("1.0.0"), repository.find("1.1.0")], ["amd64", "arm64"], media_type)
        repository.put(both, "2.0.0")
        assert (await resolve(f"{HOST}/shop:2.0.0", here)).digest == both.digest


async def test_a_missing_tag_is_told_with_the_nearest_that_are_there(shop):
    tags = ("1.0.0", "1.1.0", "1.2.0", "1.2.1", "nightly", "1.10.0", "sha256-" + "a" * 64 + ".sig")
    async with shop(tags=tags) as (_, here):
        with pytest.raises(
            ImageMissing, match=r"shop:1\.2\.2 is not there; nearest of its 6 tags: 1\.2\.1, "
        ) as caught:
            await resolve(f"{HOST}/shop:1.2.2", here)
    assert str(caught.value).count(",") == 4
    assert "nightly" not in str(caught.value)


async def test_tags_are_listed_page_by_page(shop):
    async with shop(tags=tuple(f"1.0.{number}" for number in range(250))) as (registry, here):
        with pytest.raises(ImageMissing, match=r"nearest of its 250 tags: 1\.0\.249"):
            await resolve(f"{HOST}/shop:1.0.2490", here)
        assert methods(registry).count("ListTags") == 3


async def test_a_missing_repository_is_told_as_such(shop):
    async with shop() as (_, here):
        with pytest.raises(ImageMissing, match=r"nor is any tag of registry\.example/shp; is the repository's name"):
            await resolve(f"{HOST}/shp:1.0.0", here)


async def test_a_missing_image_is_certain_also_where_tags_cannot_be_listed(shop):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(method="ListTags", status=403))
        with pytest.raises(ImageMissing, match=r"tags cannot be listed; was it pushed\?"):
            await resolve(f"{HOST}/shop:1.2.2", here)


async def test_an_image_that_was_deleted_is_missing(shop):
    async with shop() as (_, here):
        with pytest.raises(ImageMissing, match="was the image deleted, or pushed elsewhere"):
            await check(Image(f"{HOST}/shop", OTHER), here)


async def test_a_digest_under_another_name_is_refused(shop):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(method="HeadManifest", digest=OTHER))
        with pytest.raises(Refused, match="the registry says its digest is 'sha256:000"):
            await check(Image(f"{HOST}/shop", registry.repository("shop").tags["1.0.0"]), here)


async def test_a_tag_that_points_to_nothing_is_refused(shop):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(method="HeadManifest", digest=OTHER))
        with pytest.raises(ImageMissing, match=f"is said to be {OTHER}, which is not in {HOST}/shop"):
            await resolve(f"{HOST}/shop:1.0.0", here)


@pytest.mark.parametrize("fault", [{"status": 405}, {"digest": "-"}])
async def test_without_a_digest_at_the_head_the_manifest_itself_is_read(shop, fault):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(method="HeadManifest", times=2, **fault))
        found = await resolve(f"{HOST}/shop:1.0.0", here)
        assert found.digest == registry.repository("shop").tags["1.0.0"]
        assert methods(registry) == ["HeadManifest", "GetManifest"] * 2


async def test_bytes_that_are_not_what_the_registry_calls_them_are_refused(shop):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(method="HeadManifest", status=405))
        registry.faults.add(RegistryFault(method="GetManifest", digest=OTHER))
        with pytest.raises(Refused, match=f"is sha256:[0-9a-f]+, though the registry calls it {OTHER}"):
            await resolve(f"{HOST}/shop:1.0.0", here)


async def test_a_manifest_beyond_all_bounds_is_not_read_to_its_end(shop):
    async with shop() as (registry, here):
        registry.repository("shop").put(Manifest("application/vnd.oci.image.manifest.v1+json", bytes(5 * 2**20)), "big")
        registry.faults.add(RegistryFault(method="HeadManifest", digest="-"))
        with pytest.raises(Refused, match="bigger than 4 MiB"):
            await resolve(f"{HOST}/shop:big", here)


@pytest.mark.parametrize("digest", ["latest", "sha256:9f", "sha512:" + "0" * 128])
async def test_what_is_no_digest_is_never_released(shop, digest):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(method="HeadManifest", digest=digest))
        with pytest.raises(Refused, match="the registry says its digest is"):
            await resolve(f"{HOST}/shop:1.0.0", here)


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"reset": True}])
async def test_a_registry_that_stumbles_is_asked_again(shop, fault):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(**fault))
        assert (await resolve(f"{HOST}/shop:1.0.0", here)).digest == registry.repository("shop").tags["1.0.0"]


async def test_who_asks_us_to_come_back_is_left_alone_until_then(shop):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(status=429, retry_after_s=1))
        await resolve(f"{HOST}/shop:1.0.0", here)
        first, second = list(registry.journal.calls)[:2]
        assert first.code == "429"
        assert (second.at - first.at).total_seconds() >= 0.99


async def test_who_asks_for_more_than_our_patience_is_told_to_the_caller_at_once(shop):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(status=429, retry_after_s=3600, message="pull rate limit"))
        with pytest.raises(Unavailable, match="HTTP 429") as caught:
            await resolve(f"{HOST}/shop:1.0.0", here)
        assert caught.value.retry_after_s == 3600
        assert len(registry.journal.calls) == 1


async def test_a_refusal_says_what_to_ask_for(shop):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(status=403))
        with pytest.raises(Refused, match=f"HTTP 403; ask for the right to pull, or log in: docker login {HOST}"):
            await resolve(f"{HOST}/shop:1.0.0", here)


async def test_what_is_no_image_never_reaches_a_registry():
    with pytest.raises(ConfigError, match="neither tag nor digest"):
        await resolve("shop")


async def test_a_proxy_for_the_outside_world_is_not_asked_about_this_machine(shop, monkeypatch, unused_port):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port}")
    async with shop() as (_, here):
        assert await resolve(f"{HOST}/shop:1.0.0", here)


@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        ("tasks.registries", {"httpx", "boto3", "botocore", "google.auth", "prefect"}),
        ("tasks.registries.oci, tasks.registries.ecr", {"boto3", "botocore", "google.auth", "prefect"}),
        ("tasks.registries.artifact_registry", {"google.auth", "prefect"}),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(imported, absent):
    code = f"import sys, {imported}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not absent & set(loaded)
