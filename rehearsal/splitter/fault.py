"""What goes wrong between the splitter and a revision, on demand and the same each time."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """What a revision does wrong, once `after_requests` more requests have come and the moment `at` has passed.

    `error_share` (0 to 1) of requests are answered with `status` and never reach it; each request waits `latency_s`
    seconds more; `crash` kills its processes once.
    """

    error_share: float = 0.0
    status: int = 500
    latency_s: float = 0.0
    crash: bool = False
    after_requests: int = 0
    at: datetime | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.error_share <= 1:
            raise ValueError(f"error_share {self.error_share} is not between 0 and 1")
        if not 400 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not an error; write 400 to 599")
        if self.latency_s < 0 or self.after_requests < 0:
            raise ValueError(f"latency_s {self.latency_s} and after_requests {self.after_requests} start at 0")
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError(f"at {self.at} has no time zone")


@dataclass(frozen=True, slots=True)
class Injury:
    """What happens to one request: an error answered for the revision, a wait in seconds, a crash."""

    status: int | None = None
    latency_s: float = 0.0
    crash: bool = False


UNHURT = Injury()


class Injector:
    """Deals one revision's fault out to its requests; the same seed hurts the same requests."""

    def __init__(self, fault: Fault, seed: str) -> None:
        self.fault = fault
        self._random = random.Random(seed)  # noqa: S311  the same each time is the point
        self._seen = 0
        self._crashed = False

    def next(self, now: datetime | None = None) -> Injury:
        """Return what happens to the next request, made at `now`."""
        fault, draw = self.fault, self._random.random()
        self._seen += 1
        if self._seen <= fault.after_requests:
            return UNHURT
        if fault.at is not None and (now or datetime.now(UTC)) < fault.at:
            return UNHURT
        crash, self._crashed = fault.crash and not self._crashed, self._crashed or fault.crash
        return Injury(fault.status if draw < fault.error_share else None, fault.latency_s, crash)
