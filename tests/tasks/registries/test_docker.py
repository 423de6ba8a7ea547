"""The log-in that Docker keeps: in its file, or with a helper program."""

import base64
import os
import stat

import pytest

from surefoot.errors import ConfigError, Unavailable
from tasks.registries import docker
from tasks.registries.docker import login_for
from tasks.registries.login import Login

pytestmark = pytest.mark.anyio
SECRET = "secret-that-nobody-may-see"


def auth(text):
    return {"auth": base64.b64encode(text.encode()).decode()}


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Return a function that installs a credential helper: a shell script."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(name, script):
        program = folder / f"docker-credential-{name}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return install


async def test_nobody_has_logged_in():
    assert await login_for("ghcr.io") is None


@pytest.mark.parametrize(
    ("host", "auths", "login"),
    [
        ("ghcr.io", {"ghcr.io": auth("me:a:b")}, Login("me", "a:b")),
        ("ghcr.io", {"https://ghcr.io/v1/": auth("me:p")}, Login("me", "p")),
        ("ghcr.io", {"ghcr.io": {"username": "me", "password": "p"}}, Login("me", "p")),
        ("ghcr.io", {"ghcr.io": {**auth("0:"), "identitytoken": "t"}}, Login(identity_token="t")),
        ("registry-1.docker.io", {"https://index.docker.io/v1/": auth("me:p")}, Login("me", "p")),
        ("registry-1.docker.io", {"docker.io": auth("me:p")}, Login("me", "p")),
        ("ghcr.io", {"ghcr.io": {}}, None),
        ("ghcr.io", {"ghcr.io.example": auth("me:p"), "example/ghcr.io": auth("me:p")}, None),
        ("ghcr.io", {"ghcr.io:5000": auth("me:p")}, None),
        ("127.0.0.1:5000", {"127.0.0.1:5000": auth("me:p")}, Login("me", "p")),
    ],
)
async def test_a_log_in_is_for_its_host_only(docker_config, host, auths, login):
    docker_config(auths=auths)
    assert await login_for(host) == login


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'{{"auths": {{"ghcr.io": {{"auth": "{SECRET}"}}}}}}', "is not user:password in base64"),
        ('{"auths": {"ghcr.io": {"auth": "bWU="}}}', "is not user:password in base64"),
        (f'{{"auths": "{SECRET}"}}', "auths is not an object"),
        (f'{{"auths": {{"ghcr.io": "{SECRET}"', "not a JSON object"),
        (f'["{SECRET}"]', "not a JSON object"),
        ('{"credsStore": "../../bin/sh"}', "is not the name of a credential helper"),
        ('{"credHelpers": {"ghcr.io": ["sh"]}}', "is not the name of a credential helper"),
        ('{"credsStore": "not-installed"}', "names docker-credential-not-installed, which cannot be run: No such file"),
    ],
)
async def test_a_file_that_is_not_right_is_told_without_what_is_in_it(docker_config, everything_said, text, reason):
    (docker_config() / "config.json").write_text(text)
    with pytest.raises(ConfigError, match=reason) as caught:
        await login_for("ghcr.io")
    assert SECRET not in everything_said(caught.value)


async def test_a_helper_is_asked_for_its_own_host(docker_config, helper):
    helper("cloud", """read server; printf '{"Username": "%s", "Secret": "%s"}' "$1" "$server" """)
    docker_config(credHelpers={"ghcr.io": "cloud"}, credsStore="not-installed", auths={"ghcr.io": auth("me:p")})
    assert await login_for("ghcr.io") == Login("get", "ghcr.io")


async def test_a_store_is_asked_by_docker_hub_s_own_name(docker_config, helper):
    helper("store", """read server; printf '{"Username": "<token>", "Secret": "%s"}' "$server" """)
    docker_config(credsStore="store")
    assert await login_for("registry-1.docker.io") == Login(identity_token="https://index.docker.io/v1/")


async def test_a_store_that_has_nothing_leaves_the_file(docker_config, helper):
    helper("store", "echo credentials not found in native keychain; exit 1")
    docker_config(credsStore="store", auths={"ghcr.io": auth("me:p")})
    assert await login_for("ghcr.io") == Login("me", "p")
    assert await login_for("quay.io") is None


@pytest.mark.parametrize("script", [f"echo {SECRET}; echo {SECRET} >&2; exit 1", f"echo {SECRET}", "echo '[]'", ""])
async def test_a_helper_that_fails_is_named_and_not_quoted(docker_config, helper, everything_said, script):
    helper("cloud", script)
    docker_config(credHelpers={"ghcr.io": "cloud"})
    with pytest.raises(ConfigError, match="docker-credential-cloud") as caught:
        await login_for("ghcr.io")
    assert SECRET not in everything_said(caught.value)


async def test_a_helper_that_hangs_is_ended(docker_config, helper, monkeypatch, tmp_path):
    monkeypatch.setattr(docker, "_HELPER_S", 0.2)
    helper("cloud", f"echo $$ > {tmp_path}/pid; exec sleep 60")
    docker_config(credHelpers={"ghcr.io": "cloud"})
    with pytest.raises(Unavailable, match=r"docker-credential-cloud gave no answer within 0\.2 s"):
        await login_for("ghcr.io")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
