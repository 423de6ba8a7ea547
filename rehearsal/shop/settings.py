"""What the shop is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with a version of the shop."""

    NONE = ""
    CRASH = "crash"  # ends while it starts
    HANG = "hang"  # never listens
    SMOKE = "smoke"  # no order can be placed
    ERRORS = "errors"  # one request in twenty fails, once many customers have come
    SLOW = "slow"  # 40 % more work for each request
    LEAK = "leak"  # keeps something of each request, and has more to do for it
    HEADERLESS = "headerless"  # security headers are gone


@dataclass(frozen=True, slots=True)
class Settings:
    """The shop's port, names, fault and median work per request in milliseconds."""

    port: int
    service: str
    revision: str
    version: str
    fault: Fault
    work_ms: float

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        """Read them from an environment; ValueError says which variable is wrong."""
        fault = env.get("SHOP_FAULT", "")
        if fault not in set(Fault):
            raise ValueError(f"SHOP_FAULT={fault} is not known; known are {', '.join(one for one in Fault if one)}")
        work_ms = float(env.get("SHOP_WORK_MS", "20"))
        if not work_ms > 0:
            raise ValueError(f"SHOP_WORK_MS={work_ms:g} is not a length of time; write milliseconds above 0")
        return cls(
            port=int(env.get("PORT", "8080")),
            service=env.get("K_SERVICE", "shop"),
            revision=env.get("K_REVISION", "shop-local"),
            version=env.get("SHOP_VERSION", "1.0.0"),
            fault=Fault(fault),
            work_ms=work_ms,
        )
