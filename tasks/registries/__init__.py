"""The registries images come from: one module each, found by the host that an image's name begins with.

A release is always a digest. A tag is asked for once, here; what it pointed to then is what is released.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from importlib import import_module
from typing import Protocol, cast

from surefoot.errors import Refused, TargetError
from surefoot.release import Image
from tasks.registries.reference import Reference
from tasks.registries.stand_ins import read_stand_ins

__all__ = ["REGISTRIES", "ImageMissing", "Registry", "check", "read_stand_ins", "resolve"]

# The first that fits the whole host.
REGISTRIES: Mapping[str, str] = {
    r"\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|on\.aws)": "tasks.registries.ecr",
    r"[a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io": "tasks.registries.artifact_registry",
    r".+": "tasks.registries.oci",
}
_SUGGESTED = 5
# Signatures and their like are kept as tags of this form; nobody releases those.
_ATTACHED = re.compile(r"sha256-[0-9a-f]{64}.*")
_NOBODY: Mapping[str, str] = {}


class ImageMissing(Refused):
    """The registry answers, and does not have the image."""


class Registry(Protocol):
    """What a registry's module connects to."""

    async def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a tag's or a digest's manifest, None where there is none; no side effects."""
        ...

    async def tags(self, repository: str) -> Sequence[str]:
        """Return some of the tags that are there, none where there is no such repository."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class Adapter(Protocol):
    """What a registry's module has to offer."""

    def connect(self, host: str, base: str | None) -> Registry:
        """Return the registry of a host, at another address than its own if one is given; SDKs are imported late."""
        ...


async def resolve(reference: str, stand_ins: Mapping[str, str] = _NOBODY) -> Image:
    """Return the image that `repository:tag` or `repository@sha256:…` names now; with both, the digest counts.

    Raises ConfigError (not a reference), ImageMissing, Refused (not allowed) or Unavailable.
    """
    return await _found(Reference.parse(reference), stand_ins)


async def check(image: Image, stand_ins: Mapping[str, str] = _NOBODY) -> None:
    """Raise ImageMissing, Refused or Unavailable unless the image is there and we may pull it.

    The platform pulls with an identity of its own, which may be allowed less than ours, or more.
    """
    await _found(Reference.of(image), stand_ins)


async def _found(wanted: Reference, stand_ins: Mapping[str, str]) -> Image:
    async with aclosing(_connect(wanted, stand_ins)) as registry:
        digest = await registry.digest(wanted.path, wanted.digest or wanted.tag)
        # A tag's digest is believed only once the registry has shown that it holds it.
        if digest and not wanted.digest and await registry.digest(wanted.path, digest) is None:
            raise ImageMissing(f"{wanted} is said to be {digest}, which is not in {wanted.repository}; push it again")
        if digest is None:
            raise ImageMissing(await _missing(registry, wanted))
    return Image(wanted.repository, digest)


def _connect(wanted: Reference, stand_ins: Mapping[str, str]) -> Registry:
    kind = next(module for host, module in REGISTRIES.items() if re.fullmatch(host, wanted.host))
    adapter = cast("Adapter", import_module(kind))
    return adapter.connect(wanted.api_host, stand_ins.get(wanted.host))


async def _missing(registry: Registry, wanted: Reference) -> str:
    """Return what is wrong and what is there instead."""
    try:
        tags = [tag for tag in await registry.tags(wanted.path) if not _ATTACHED.fullmatch(tag)]
    except TargetError:
        return f"{wanted} is not there, and its repository's tags cannot be listed; was it pushed?"
    if not tags:
        return f"{wanted} is not there, nor is any tag of {wanted.repository}; is the repository's name right?"
    if wanted.digest:
        return f"{wanted} is not there, though {wanted.repository} is; was the image deleted, or pushed elsewhere?"
    near = difflib.get_close_matches(wanted.tag, sorted(tags, reverse=True), n=_SUGGESTED, cutoff=0.0)
    return f"{wanted} is not there; nearest of its {len(tags)} tags: {', '.join(near)}"
