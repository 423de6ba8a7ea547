"""What a typed `deploy` asks for."""

from dataclasses import dataclass

from surefoot.release import Image


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed: the image, and what is known about it."""

    image: Image
    commit: str = ""
    version: str = ""
    title: str = ""
    accept_drift: bool = False
