"""Logging in: what a registry asks for is answered, to nobody else, and nothing of it is ever said."""

import base64
import logging
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.registry.fault import RegistryFault
from rehearsal.registry.guard import Guard
from surefoot.errors import Refused, SurefootError, Unavailable
from tasks.registries import ImageMissing, check, resolve
from tasks.registries.login import Challenge, challenges
from tasks.registries.oci import connect

HOST = "registry.example"
USER, PASSWORD, IDENTITY = "deployer", "pass-word-that-nobody-may-see", "identity-that-nobody-may-see"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SHOP = f"{HOST}/shop:1.0.0"


@pytest.fixture
def logged_in(docker_config):
    docker_config(auths={HOST: {"auth": BASIC}})


def guarded(scheme="bearer", **how):
    return Guard(scheme, {USER: PASSWORD}, **how)


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["bearer", "basic"])
async def test_a_registry_that_asks_is_answered_with_docker_s_password(shop, logged_in, scheme):
    async with shop(guarded(scheme)) as (registry, here):
        found = await resolve(SHOP, here)
        await check(found, here)
        callers = [call.caller for call in registry.journal.calls if call.method == "HeadManifest"]
        assert callers == ["", USER, USER, "", USER], "asked without a log-in first"


@pytest.mark.anyio
async def test_a_registry_that_does_not_ask_hears_no_password(shop, docker_config):
    docker_config(credsStore="not-installed")
    async with shop() as (_, here):
        assert await resolve(SHOP, here)


@pytest.mark.anyio
async def test_an_identity_token_is_exchanged_for_one_that_pulls(shop, docker_config):
    docker_config(auths={f"https://{HOST}/v1/": {"identitytoken": IDENTITY}})
    async with shop(Guard("bearer", identity_tokens={IDENTITY: USER})) as (registry, here):
        assert await resolve(SHOP, here)
        assert registry.journal.calls[-1].caller == USER


@pytest.mark.anyio
async def test_a_public_image_is_found_without_a_user(shop):
    async with shop(guarded(anonymous=True)) as (_, here):
        assert await resolve(SHOP, here)


@pytest.mark.anyio
async def test_a_token_that_expires_between_two_calls_is_renewed(shop, logged_in):
    async with shop(guarded()) as (registry, _):
        one = connect(HOST, registry.url)
        found = await one.digest("shop", "1.0.0")
        registry.guard.revoke()
        assert await one.digest("shop", found) == found
        await one.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["bearer", "basic"])
async def test_without_a_log_in_the_command_that_gives_one_is_named(shop, scheme):
    async with shop(guarded(scheme)) as (_, here):
        with pytest.raises(Refused, match=f"HTTP 401.*log in: docker login {HOST}"):
            await resolve(SHOP, here)


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["bearer", "basic"])
async def test_a_wrong_password_is_refused_and_not_repeated(shop, docker_config, everything_said, caplog, scheme):
    caplog.set_level(logging.DEBUG)
    wrong = "wrong-pass-word"
    docker_config(auths={HOST: {"auth": base64.b64encode(f"{USER}:{wrong}".encode()).decode()}})
    async with shop(guarded(scheme)) as (_, here):
        with pytest.raises(Refused, match=f"docker login {HOST}") as caught:
            await resolve(SHOP, here)
    said = everything_said(caught.value) + caplog.text
    assert wrong not in said
    assert base64.b64encode(f"{USER}:{wrong}".encode()).decode() not in said


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GetManifest", "ListTags", "GetToken"])
async def test_a_registry_that_repeats_our_password_is_not_quoted(shop, logged_in, everything_said, caplog, method):
    caplog.set_level(logging.DEBUG)
    async with shop(guarded()) as (registry, here):
        registry.faults.add(RegistryFault(method="HeadManifest", digest="-", times=9))
        registry.faults.add(RegistryFault(method=method, status=403, message=f"no: {PASSWORD} Basic {BASIC}", times=9))
        with pytest.raises(Refused) as caught:
            await resolve(f"{HOST}/shop:9.9.9" if method == "ListTags" else SHOP, here)
    assert ("•••" in str(caught.value)) is (method != "ListTags")
    for secret in (PASSWORD, BASIC):
        assert secret not in everything_said(caught.value) + caplog.text


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "kind"), [(500, None), (429, None), (401, Refused), (404, Refused)])
async def test_a_token_endpoint_that_stumbles_is_asked_again_and_one_that_refuses_is_not(shop, logged_in, status, kind):
    async with shop(guarded()) as (registry, here):
        registry.faults.add(RegistryFault(method="GetToken", status=status))
        if kind is None:
            assert await resolve(SHOP, here)
        else:
            with pytest.raises(kind, match=f"log in to 127.0.0.1:.*HTTP {status}"):
                await resolve(SHOP, here)


@pytest.fixture
def elsewhere(serving):
    """Return a context manager: another server, which answers all alike, and what it was sent."""

    @asynccontextmanager
    async def served(answer):
        heard = []

        async def hear(request):
            heard.append((request.path, dict(request.headers), await request.text(), request.query_string))
            return answer(request)

        async with serving({"/{all:.*}": hear}) as url:
            yield url, heard

    return served


@pytest.mark.anyio
async def test_a_redirect_to_another_host_is_followed_without_our_log_in(shop, logged_in, elsewhere):
    digest = "sha256:" + "7" * 64

    def answer(_):
        return web.Response(headers={"Docker-Content-Digest": digest})

    async with shop(guarded()) as (registry, here), elsewhere(answer) as (url, heard):
        registry.faults.add(
            RegistryFault(method="HeadManifest", location=f"{url}/v2/mirror/manifests/1", after=1, times=9)
        )
        found = await resolve(SHOP, here)
    assert found.digest == digest
    assert [path for path, *_ in heard] == ["/v2/mirror/manifests/1"] * 2
    assert not any("Authorization" in headers for _, headers, *_ in heard)


@pytest.mark.anyio
async def test_a_redirect_within_the_registry_keeps_our_log_in(shop, logged_in):
    async with shop(guarded()) as (registry, here):
        registry.faults.add(RegistryFault(method="HeadManifest", location="/v2/shop/manifests/1.1.0", after=1))
        assert (await resolve(SHOP, here)).digest == registry.repository("shop").tags["1.1.0"]


@pytest.mark.anyio
async def test_whom_we_are_redirected_to_cannot_ask_for_our_password(shop, logged_in, elsewhere):
    def answer(request):
        asks = f'Bearer realm="http://{request.host}/token",service="s"'
        return web.Response(status=401, headers={"WWW-Authenticate": asks})

    async with shop() as (registry, here), elsewhere(answer) as (url, heard):
        registry.faults.add(RegistryFault(location=f"{url}/v2/shop/manifests/1", times=9))
        with pytest.raises(Refused, match="HTTP 401"):
            await resolve(SHOP, here)
    assert {path for path, *_ in heard} == {"/v2/shop/manifests/1"}


@pytest.mark.anyio
@pytest.mark.parametrize("location", ["http://registry.example/", "ftp://127.0.0.1/", "//u:p@127.0.0.1"])
async def test_a_redirect_out_of_tls_is_not_followed(shop, location):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(location=location))
        with pytest.raises(Refused, match="redirects to where we do not go; only https:// is followed"):
            await resolve(SHOP, here)


@pytest.mark.anyio
async def test_a_registry_that_sends_us_in_circles_is_given_up(shop):
    async with shop() as (registry, here):
        registry.faults.add(RegistryFault(location="/v2/shop/manifests/1.0.0", times=99))
        with pytest.raises(Refused, match="more than 3 redirects"):
            await resolve(SHOP, here)


def asking(challenge):
    async def ask(_):
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    return ask


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        ('Bearer realm="http://tokens.example/",service="s"', "wants our log-in sent to where we do not send it"),
        ('Bearer realm="https://u:p@tokens.example/"', "wants our log-in sent to where we do not send it"),
        ("Bearer", "wants our log-in sent to where we do not send it"),
        ("Negotiate abc=", "asks for a log-in we do not know"),
        ("", "asks for a log-in we do not know .none is named."),
    ],
)
async def test_a_password_is_sent_nowhere_that_would_give_it_away(serving, logged_in, challenge, reason):
    async with serving({"/{all:.*}": asking(challenge)}) as url:
        with pytest.raises(Refused, match=reason):
            await resolve(SHOP, {HOST: url})


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body", ["{}", "[]", "no JSON", '{"token": 5}', '{"token": "a\\nb"}', '{"token": ""}', "[" * 100_000]
)
async def test_an_answer_without_a_token_is_refused(serving, logged_in, body):
    async def token(_):
        return web.Response(text=body)

    async def ask(request):
        return await asking(f'Bearer realm="http://{request.host}/token"')(request)

    async with serving({"/token": token, "/v2/{all:.*}": ask}) as url:
        with pytest.raises(Refused, match="answered without a token"):
            await resolve(SHOP, {HOST: url})


@pytest.mark.anyio
async def test_a_token_endpoint_is_not_followed_elsewhere(shop, logged_in, elsewhere):
    async with shop(guarded()) as (registry, here), elsewhere(lambda _: web.Response()) as (url, heard):
        registry.faults.add(RegistryFault(method="GetToken", location=f"{url}/token"))
        with pytest.raises(Refused, match="HTTP 307"):
            await resolve(SHOP, here)
    assert heard == []


@pytest.mark.anyio
async def test_nobody_there_is_unavailable_and_says_where(unused_port, everything_said):
    one = connect(HOST, f"http://127.0.0.1:{unused_port}")
    one._patience_s = 0.3
    with pytest.raises(Unavailable, match=f"HEAD http://127.0.0.1:{unused_port}/v2/shop/manifests/1.0.0: "):
        await one.digest("shop", "1.0.0")
    await one.aclose()


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (['Bearer realm="https://a?x=1,2",service="s"'], [("bearer", {"realm": "https://a?x=1,2", "service": "s"})]),
        (['Basic realm="a \\"b\\""'], [("basic", {"realm": 'a "b"'})]),
        (["BEARER Realm=https://a , Scope=pull"], [("bearer", {"realm": "https://a", "scope": "pull"})]),
        (['Negotiate abc=, Basic realm="r"'], [("negotiate", {}), ("abc", {}), ("basic", {"realm": "r"})]),
        (["Negotiate", 'Basic realm="r", utf=8'], [("negotiate", {}), ("basic", {"realm": "r", "utf": "8"})]),
        (['Bearer realm="unended'], [("bearer", {}), ("realm", {})]),
        (['="'], []),
        ([], []),
    ],
)
def test_what_a_registry_offers_is_read(headers, found):
    assert challenges(headers) == [Challenge(*each) for each in found]


@given(st.lists(st.text('Basicrelm =,"\\\t', max_size=60), max_size=3))
def test_any_header_can_be_read(headers):
    assert all(each.scheme for each in challenges(headers))


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["bearer", "basic"])
async def test_nothing_that_can_go_wrong_gives_the_password_away(shop, logged_in, everything_said, caplog, scheme):
    caplog.set_level(logging.DEBUG)
    for fault in ({"status": 400}, {"status": 403}, {"location": "ftp://127.0.0.1"}, {"digest": f"Basic {BASIC}"}):
        async with shop(guarded(scheme)) as (registry, here):
            registry.faults.add(RegistryFault(method="HeadManifest", after=1, times=9, **fault))
            with pytest.raises(SurefootError) as caught:
                await resolve(SHOP, here)
            said = everything_said(caught.value) + caplog.text
            assert PASSWORD not in said
            assert not isinstance(caught.value, ImageMissing)
