"""What we want running, by digest, and what it is called."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.release import Image, Release, commit_problem

DIGEST = "sha256:" + "9f3c" * 16
digests = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
versions = st.text(min_size=1, max_size=80)
commits = st.from_regex(r"[0-9a-f]{7,40}", fullmatch=True)
# Cloud Run: a service's name has at most 49 characters.
service_ids = st.from_regex(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", fullmatch=True)


def release(version: str = "1.9.0", commit: str = "4E1C9AA77", digest: str = DIGEST) -> Release:
    return Release("shop", Image("registry/shop", digest), version, commit)


@pytest.mark.parametrize(
    "repository", ["shop", "europe-docker.pkg.dev/acme/web/shop", "127.0.0.1:5000/shop", "shop:1.9"]
)
def test_an_image_is_read_and_written_the_same_way(repository):
    text = f"{repository}@{DIGEST}"

    assert str(Image.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shop:latest", "'shop:latest' has no digest; write shop:latest@sha256:…, since a tag can be moved"),
        ("shop@sha256:9f3c", "'sha256:9f3c' is not a digest; it is sha256: and 64 hexadecimal digits"),
        (f"shop@{DIGEST}0", "is not a digest"),
        (f"shop@{DIGEST.upper()}", "is not a digest"),
        (f"shop@{DIGEST}\n", "is not a digest"),
        (f"@{DIGEST}", "'' is not a repository; write registry/path/name in lower case"),
        (f"Shop@{DIGEST}", "'Shop' is not a repository"),
        (f"shop/@{DIGEST}", "'shop/' is not a repository"),
    ],
)
def test_an_image_that_could_become_another_is_refused(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Image.parse(text)


def test_a_release_is_called_the_same_however_often_it_is_asked_for():
    assert release().id == release().id == "shop-1-9-0-4e1c9aa-9f3c9f"
    assert release().short == "shop 1.9.0"
    assert release().revision_name("shop") == "shop-1-9-0-4e1c9aa-9f3c9f"


@pytest.mark.parametrize(
    ("version", "service_id", "name"),
    [
        ("v2.0.0+Build_7", "shop", "shop-v2-0-0-build-7-4e1c9aa-9f3c9f"),
        ("…", "shop", "shop-0-4e1c9aa-9f3c9f"),
        ("1.9.0", "s" * 44, f"{'s' * 44}-1-9-4e1c9aa-9f3c9f"),
        ("1.9.0", "s" * 47, f"{'s' * 47}-4e1c9aa-9f3c9f"),
        ("1.9.0", "s" * 49, f"{'s' * 49}-e1c9aa-9f3c9f"),
    ],
)
def test_a_revision_name_keeps_the_commit_and_digest_and_gives_the_rest_the_room_left(version, service_id, name):
    assert release(version).revision_name(service_id) == name


@given(versions, commits, digests, service_ids)
def test_a_revision_name_is_one_that_cloud_run_takes(version, commit, digest, service_id):
    name = release(version, commit, digest).revision_name(service_id)

    assert len(name) <= 63
    assert name.startswith(f"{service_id}-")
    assert re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", name)
    assert name.endswith(digest[7:13])


@given(versions, commits, digests, digests)
def test_two_images_never_share_a_revision_name_unless_their_digests_start_alike(version, commit, one, other):
    names = {release(version, commit, digest).revision_name("shop") for digest in (one, other)}

    assert (len(names) == 1) is (one[7:13] == other[7:13])


@pytest.mark.parametrize(
    ("text", "wrong"), [("4e1c9aa", False), ("A" * 40, False), ("4e1c9a", True), ("x y; rm", True)]
)
def test_a_commit_is_named_by_its_hash(text: str, wrong: bool) -> None:
    assert bool(commit_problem(text)) == wrong
    assert not wrong or repr(text) in commit_problem(text)
