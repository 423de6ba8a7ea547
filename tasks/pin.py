"""Which image a release is: always by digest, and there to be pulled."""

from surefoot.errors import ConfigError, NotNow, TargetError
from surefoot.release import Image
from tasks.registries import ImageMissing, check, resolve
from tasks.registries.reference import Reference
from tasks.settings import tool_settings


async def pin(text: str) -> Image:
    """Return the image that `repository:tag` or `repository@sha256:…` names; of a tag its registry is asked.

    Raises ConfigError (not a reference), ImageMissing, Refused (not allowed) or Unavailable.
    """
    named = Reference.parse(text)
    if named.digest:
        # Where a digest is typed may have no way to the registry; whoever releases it looks.
        return Image(named.repository, named.digest)
    return await resolve(text, tool_settings().registries)


async def pullable(image: Image) -> None:
    """Refuse (NotNow) to begin with an image that is not there, or that nobody here can look at: silence is no yes."""
    try:
        await check(image, tool_settings().registries)
    except ImageMissing as problem:
        raise NotNow(f"{problem} Nothing was changed") from problem
    except (TargetError, ConfigError) as problem:
        raise NotNow(f"{image} cannot be looked at, so nothing was begun: {problem}") from problem
