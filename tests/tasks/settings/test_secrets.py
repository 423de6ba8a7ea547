"""A secret is only ever a reference, and one that is written out is never echoed."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from surefoot.errors import ConfigError
from surefoot.service import SecretRef
from tasks.settings import mask, resolve_secret
from tasks.settings.mistake import Mistake

Mistakes = Callable[..., list[Mistake]]

SLACK = "xoxb-" + "1234567890-abcdefghij"
REFERENCE = "{env: SLACK_TOKEN}"


def _all_that_is_shown(found: list[object]) -> str:
    return "\n".join(f"{each} {getattr(each, 'excerpt', '')}" for each in found)


def test_a_token_written_out_is_refused_with_what_to_do_and_not_echoed(mistakes: Mistakes) -> None:
    (found,) = mistakes(REFERENCE, "hunter2hunter2")
    assert found.path == "environments.production.notices.slack.token"
    assert found.message == (
        "a secret written out; it has been read by every clone. Revoke it, then refer to it: "
        "{env: SLACK_TOKEN} or {prefect: slack-token}"
    )
    assert found.excerpt[0][1].endswith("token: ****}")
    assert found.excerpt[0][1][found.caret[0] :] == "****}"
    assert "hunter2" not in _all_that_is_shown([found])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (REFERENCE, SLACK),
        (REFERENCE, f"{{env: {SLACK}}}"),
        (REFERENCE, f"{{prefect: {SLACK}}}"),
        (REFERENCE, f"[{SLACK}]"),
        (REFERENCE, f"{{value: {SLACK}}}"),
        ("watch: 10m", f"watch: {SLACK}"),
        ("path: /healthz", f"path: /healthz # {SLACK}"),
        ("path: /healthz", f"path: /x\n    headers: {{X-Key: {SLACK}}}"),
        ("path: /healthz", f"path: /x\n    {SLACK}: 1"),
        ("path: /healthz", f'path: /x\n    body: |\n      a\n      {SLACK}\n      "b'),
        ("path: /healthz", f"path: [/x, {SLACK}\n"),
        ("name: shop", f"nmae: '{SLACK}'"),
        ("name: shop", f"name: shop\nrepository: https://ana:{SLACK}@git.test/shop"),
    ],
)
def test_a_token_known_by_its_form_is_refused_wherever_it_stands_and_never_echoed(
    old: str, new: str, mistakes: Mistakes
) -> None:
    found = mistakes(old, new)
    assert found
    assert SLACK not in _all_that_is_shown([*found])


@pytest.mark.parametrize("key", ["token", "tokn", "api_key", "password"])
def test_a_value_beside_a_misspelt_secretive_key_is_not_echoed_either(key: str, mistakes: Mistakes) -> None:
    found = mistakes(f"token: {REFERENCE}", f"{key}: hunter2hunter2")
    assert found
    assert "hunter2" not in _all_that_is_shown([*found])


def test_a_header_that_carries_credentials_is_refused_without_its_value(mistakes: Mistakes) -> None:
    (found,) = mistakes("path: /healthz", "path: /x\n    headers: {Authorization: Basic aGVsbG8=}")
    assert "checks carry no credentials" in found.message
    assert "aGVsbG8" not in _all_that_is_shown([found])


def test_a_private_key_over_several_lines_leaves_no_line_of_itself(mistakes: Mistakes) -> None:
    key = "-----BEGIN PRIVATE KEY-----\n      MIIEvQIBADANBg\n      -----END PRIVATE KEY-----"
    found = mistakes("path: /healthz", f"path: /x\n    body: |\n      {key}\n    oops: 1")
    assert any("secret written out" in each.message for each in found)
    assert "MIIE" not in _all_that_is_shown([*found])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"Authorization: Bearer {SLACK}", "Authorization: ****"),
        ("postgresql://ana:geheim@db.test/x", "postgresql://****@db.test/x"),
        ("password=geheim, user=ana", "password=****, user=ana"),
        ("ghp_" + "a" * 36, "****"),
        ("AKIA" + "A" * 16, "****"),
        ("nothing here", "nothing here"),
        ("token: {env: SLACK_TOKEN}", "token: {env: SLACK_TOKEN}"),
    ],
)
def test_text_for_people_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


async def _resolved(ref: SecretRef, environ: dict[str, str]) -> str:
    return (await resolve_secret(ref, environ)).get_secret_value()


def test_a_secret_is_read_from_its_variable_without_loading_prefect() -> None:
    assert asyncio.run(_resolved(SecretRef(env="TOKEN"), {"TOKEN": "geheim"})) == "geheim"
    code = (
        "import asyncio, sys; from tasks.settings import resolve_secret; from surefoot.service import SecretRef;"
        "asyncio.run(resolve_secret(SecretRef(env='A'), {'A': 'b'})); sys.exit('prefect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_secret_that_is_not_there_is_named_but_a_secret_that_is_does_not_print_itself() -> None:
    with pytest.raises(ConfigError, match="the environment variable TOKEN is not set"):
        asyncio.run(_resolved(SecretRef(env="TOKEN"), {"TOKEN": ""}))
    assert "geheim" not in repr(asyncio.run(resolve_secret(SecretRef(env="TOKEN"), {"TOKEN": "geheim"})))


@pytest.mark.campaign
def test_a_secret_is_read_from_its_block_in_prefect_and_a_missing_one_is_named() -> None:
    code = """
import asyncio
from prefect.blocks.system import Secret
from prefect.testing.utilities import prefect_test_harness
from surefoot.errors import ConfigError
from surefoot.service import SecretRef
from tasks.settings import resolve_secret

async def go():
    await Secret(value="geheim").save("slack-token")
    print((await resolve_secret(SecretRef(prefect="slack-token"))).get_secret_value())
    try:
        await resolve_secret(SecretRef(prefect="none"))
    except ConfigError as problem:
        print(problem)

with prefect_test_harness(server_startup_timeout=60):
    asyncio.run(go())
"""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    said = run.stdout.splitlines()
    assert said[0] == "geheim"
    assert said[1].startswith("there is no Prefect secret block named none; create it in the Prefect UI")


def test_a_long_word_is_masked_in_no_time() -> None:
    began = time.monotonic()
    assert mask("name: " + "a" * 100_000) == "name: " + "a" * 100_000
    assert time.monotonic() - began < 5  # it took minutes
