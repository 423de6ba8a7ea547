"""What people write for an image, and what is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.errors import ConfigError
from surefoot.release import Image
from tasks.registries.reference import Reference

DIGEST = "sha256:" + "9f" * 32


@pytest.mark.parametrize(
    ("text", "repository", "api_host", "tag", "digest"),
    [
        ("nginx:1.27", "docker.io/library/nginx", "registry-1.docker.io", "1.27", ""),
        ("shop/web:1", "docker.io/shop/web", "registry-1.docker.io", "1", ""),
        ("docker.io/nginx:1", "docker.io/library/nginx", "registry-1.docker.io", "1", ""),
        ("index.docker.io/shop/web:1", "docker.io/shop/web", "registry-1.docker.io", "1", ""),
        ("ghcr.io/shop/web:latest", "ghcr.io/shop/web", "ghcr.io", "latest", ""),
        ("localhost:5000/shop:1", "localhost:5000/shop", "localhost:5000", "1", ""),
        ("localhost/shop:1", "localhost/shop", "localhost", "1", ""),
        (f"ghcr.io/web@{DIGEST}", "ghcr.io/web", "ghcr.io", "", DIGEST),
        (f"ghcr.io:443/web:1.9@{DIGEST}", "ghcr.io:443/web", "ghcr.io:443", "1.9", DIGEST),
    ],
)
def test_an_image_is_read_as_docker_reads_it(text, repository, api_host, tag, digest):
    read = Reference.parse(text)
    assert (read.repository, read.api_host, read.tag, read.digest) == (repository, api_host, tag, digest)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ghcr.io/shop/web", "has neither tag nor digest; write registry/path/name:tag"),
        ("localhost:5000/shop", "has neither tag nor digest"),
        ("", "has neither tag nor digest"),
        ("https://ghcr.io/shop:1", "without https://"),
        ("ghcr.io/Shop:1", "'ghcr.io/Shop' is not a repository"),
        ("ghcr.io//shop:1", "is not a repository"),
        ("ghcr.io/:1", "is not a repository"),
        ("ghcr.io/../shop:1", "is not a repository"),
        ("user:secret@ghcr.io/shop:1", "is not a digest"),
        ("ghcr.io/shop:", "'' is not a tag"),
        ("ghcr.io/shop:1 2", "'1 2' is not a tag"),
        ("ghcr.io/shop:" + "a" * 129, "is not a tag"),
        ("ghcr.io/shop@sha256:9f", "'sha256:9f' is not a digest"),
        ("ghcr.io/shop@md5:" + "9" * 32, "is not a digest"),
        ("ghcr.io/shop:1\n", "is not a tag"),
        ("-ghcr.io/shop:1", "is not a repository"),
        ("ghcr.io/" + "a" * 256 + ":1", "is not a repository"),
    ],
)
def test_what_is_no_image_is_refused_with_what_would_be_right(text, reason):
    with pytest.raises(ConfigError, match=reason):
        Reference.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_an_image_or_an_input_error(text):
    try:
        read = Reference.parse(text)
    except ConfigError:
        return
    assert Reference.parse(str(read)) == Reference(read.host, read.path, "" if read.digest else read.tag, read.digest)


@given(st.from_regex(r"[a-z]{1,8}\.io(/[a-z0-9]{1,5}){1,3}", fullmatch=True))
def test_a_release_s_image_is_a_reference_to_itself(repository):
    assert str(Reference.of(Image(repository, DIGEST))) == f"{repository}@{DIGEST}"
