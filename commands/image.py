"""`--image` as it is typed: a tag is looked up, and what it is just now is what counts from then on."""

import asyncio

import click

from surefoot.errors import ConfigError, Unavailable
from surefoot.release import Image


def pinned(typed: str) -> Image:
    """Return the image that was typed, by digest; of a tag it is said which one that is.

    ConfigError where there is none, Refused or Unavailable where its registry does not tell.
    """
    from tasks.pin import pin  # noqa: PLC0415 (--help does without)
    from tasks.registries import ImageMissing  # noqa: PLC0415

    try:
        image = asyncio.run(pin(typed))
    except (ConfigError, ImageMissing) as problem:
        raise ConfigError(f"--image: {problem}") from problem
    except Unavailable as problem:
        raise Unavailable(f"--image: {problem}; by digest, nobody has to be asked") from problem
    if "@" not in typed:
        click.echo(f"{typed} is {image}", err=True)
    return image
