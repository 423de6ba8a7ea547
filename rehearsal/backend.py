"""Where a revision listens."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backend:
    """One instance of a revision: an address that takes requests."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Backends:
    """A revision with its instances; requests take turns among them."""

    revision: str
    instances: tuple[Backend, ...]
