"""Secrets: how to read one when it is needed, and how to keep one from being printed."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from surefoot.errors import ConfigError
from surefoot.service import SecretRef

if TYPE_CHECKING:
    from pydantic import SecretStr

MASK = "****"

# What well-known tokens look like, wherever they stand.
_TOKEN = re.compile(
    r"xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}"  # Slack
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}"  # GitHub
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}|\bya29\.[\w.-]{20,}"  # AWS, Google
    r"|\bpn[ubt]_\w{20,}"  # Prefect
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"  # JSON web token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)|(?<=hooks\.slack\.com/services/)[\w/]+"  # in addresses
)
# `token: value`, `password=value`: the value, unless it is a reference.
_SECRETIVE = r"(?i:token|secret|passw(?:or)?d|api[_-]?key|authorization|cookie|credentials?)"
_NAMED = re.compile(
    rf"(?<![\w-])[\"']?[\w-]*{_SECRETIVE}[\"']?"
    r"\s*[:=]\s*(?P<value>[^\s{#\[|>&*,}][^,}\n#]*)"
)


def sounds_secret(name: str) -> bool:
    """Return whether what goes by this name is better not shown."""
    return re.search(_SECRETIVE, name) is not None


def secret_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where in the text something stands that is a secret by its form: start and end."""
    for match in _TOKEN.finditer(text):
        yield match.span()


def mask(text: str) -> str:
    """Return the text without anything that is a secret by its form or by the name before it."""
    text = _TOKEN.sub(MASK, text)
    return _NAMED.sub(lambda match: match[0][: match.start("value") - match.start()] + MASK, text)


async def resolve_secret(ref: SecretRef, environ: Mapping[str, str] = os.environ) -> "SecretStr":
    """Read what a reference stands for; ConfigError when it is not there, saying where to put it."""
    from pydantic import SecretStr  # noqa: PLC0415 (this module is also read by commands that do without pydantic)

    if not ref.env:
        return SecretStr(await _from_prefect(ref.prefect))
    if not (value := environ.get(ref.env, "")):
        raise ConfigError(f"the environment variable {ref.env} is not set; it holds the secret that {ref} refers to")
    return SecretStr(value)


async def _from_prefect(block: str) -> str:
    from prefect.blocks.system import Secret  # noqa: PLC0415 (a second of import, and only needed for such a reference)

    try:
        secret: Any = await Secret.aload(block)
    except ValueError as problem:
        raise ConfigError(
            f"there is no Prefect secret block named {block}; create it in the Prefect UI (Blocks, Secret), "
            "or refer to an environment variable"
        ) from problem
    value = secret.get()
    if not isinstance(value, str | int):
        raise ConfigError(f"the Prefect secret block {block} holds {type(value).__name__}, not text")
    return str(value)
