"""ECR through its own API, as moto plays it."""

import json
from collections.abc import Iterator

import boto3
import pytest
from aiohttp import web
from moto.server import ThreadedMotoServer

from surefoot.errors import Refused, Unavailable
from surefoot.release import Image
from tasks.registries import ImageMissing, check, resolve
from tasks.registries.ecr import Ecr, connect

pytestmark = pytest.mark.anyio
HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
SECRET = "aws-secret-that-nobody-may-see"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch, aws):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREHEARSAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)


@pytest.fixture(scope="module")
def digests(aws) -> dict[str, str]:
    """Push some tags, and return their digests as ECR's own listing has them."""
    keys = {"aws_access_key_id": "AKIAREHEARSAL", "aws_secret_access_key": SECRET}
    client = boto3.client("ecr", region_name="eu-west-1", endpoint_url=aws, **keys)
    client.create_repository(repositoryName="apps/shop")
    client.create_repository(repositoryName="apps/empty")
    for tag in ("1.0.0", "1.1.0", "1.2.0"):
        layers = [{"digest": "sha256:" + tag.replace(".", "0").ljust(64, "0"), "size": 1, "mediaType": "layer"}]
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers}
        client.put_image(repositoryName="apps/shop", imageManifest=json.dumps(manifest), imageTag=tag)
    listed = client.describe_images(repositoryName="apps/shop")["imageDetails"]
    client.close()
    return {each["imageTags"][0]: each["imageDigest"] for each in listed}


async def test_a_tag_becomes_its_digest(digests):
    found = await resolve(f"{HOST}/apps/shop:1.1.0")
    assert found == Image(f"{HOST}/apps/shop", digests["1.1.0"])
    assert len(set(digests.values())) == 3
    await check(found)


async def test_a_missing_tag_is_told_with_the_nearest_that_are_there(digests):
    with pytest.raises(ImageMissing, match=r"shop:1\.2\.1 is not there; nearest of its 3 tags: 1\.2\.0, 1\.1\.0"):
        await resolve(f"{HOST}/apps/shop:1.2.1")


@pytest.mark.parametrize("name", ["apps/shp", "apps/empty"])
async def test_a_repository_that_is_not_there_or_is_empty_is_told_as_such(digests, name):
    with pytest.raises(ImageMissing, match=f"nor is any tag of {HOST}/{name}"):
        await resolve(f"{HOST}/{name}:1.0.0")


async def test_an_image_that_was_deleted_is_missing(digests):
    with pytest.raises(ImageMissing, match="was the image deleted"):
        await check(Image(f"{HOST}/apps/shop", "sha256:" + "0" * 64))


async def test_another_region_has_other_images(digests):
    with pytest.raises(ImageMissing):
        await resolve(f"{HOST.replace('eu-west-1', 'eu-west-3')}/apps/shop:1.1.0")


def answering(*answers):
    """Return a handler that gives each answer (status, body) once, the last for ever."""
    left = list(answers)

    async def answer(_):
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return web.json_response(body, status=status, content_type="application/x-amz-json-1.1")

    return answer


async def asked(serving, *answers):
    async with serving({"/{all:.*}": answering(*answers)}) as url:
        registry = connect(HOST, url)
        try:
            return await registry.digest("apps/shop", "1.0.0")
        finally:
            await registry.aclose()


FOUND = {"images": [{"imageId": {"imageDigest": "sha256:" + "1" * 64}}]}


@pytest.mark.parametrize(
    "first",
    [(500, {"__type": "ServerException"}), (400, {"__type": "ThrottlingException"}), (503, {})],
)
async def test_an_api_that_stumbles_is_asked_again(serving, first):
    assert await asked(serving, first, (200, FOUND)) == "sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"__type": "AccessDeniedException", "message": SECRET}, "AccessDeniedException; grant ecr:BatchGetImage"),
        (400, {"__type": "UnrecognizedClientException", "message": SECRET}, "UnrecognizedClientException; log in: aws"),
        (403, {"__type": "InvalidSignatureException", "message": SECRET}, "InvalidSignatureException; log in: aws"),
        (200, {"failures": [{"failureCode": "KmsError", "failureReason": "no key"}]}, "KmsError no key"),
        (200, {"images": [*FOUND["images"], {"imageId": {"imageDigest": "sha256:2"}}]}, "for 1.0.0"),
    ],
)
async def test_a_refusal_says_what_to_do_and_repeats_nothing_that_was_signed(
    serving, everything_said, status, body, reason
):
    with pytest.raises(Refused, match=reason) as caught:
        await asked(serving, (status, body))
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__cause__)


async def test_without_credentials_the_command_that_gives_them_is_named(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Refused, match=r"NoCredentialsError\); log in: aws sso login, or set AWS_PROFILE"):
        await resolve(f"{HOST}/apps/shop:1.0.0")


async def test_a_profile_that_is_not_there_is_named_as_the_reason(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    with pytest.raises(Refused, match="ProfileNotFound"):
        await resolve(f"{HOST}/apps/shop:1.0.0")


async def test_nobody_there_is_unavailable(unused_port):
    registry = Ecr(HOST, f"http://127.0.0.1:{unused_port}", patience_s=0.3)
    with pytest.raises(Unavailable, match=r"out of reach \(EndpointConnectionError"):
        await registry.digest("apps/shop", "1.0.0")
    await registry.aclose()
