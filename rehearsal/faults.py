"""What goes wrong at the API on demand, and the journal of what was called."""

import itertools
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from grpc import StatusCode

_JOURNAL_MAX = 20_000
ANY = "*"
WRITES = ("CreateService", "UpdateService", "DeleteService", "DeleteRevision")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Which calls a fault hits: those of `method` whose resource's name contains `resource`.

    `method` is one name, several separated by `|`, or `*` for any. The first `after` calls are let through, the next
    `times` are hit.
    """

    method: str = ANY
    resource: str = ""
    times: int = 1
    after: int = 0

    def __post_init__(self) -> None:
        if self.times < 1 or self.after < 0:
            raise ValueError(f"times starts at 1 and after at 0: {self}")

    def matches(self, method: str, resource: str) -> bool:
        """Say whether a call is one of those it is aimed at."""
        return (self.method == ANY or method in self.method.split("|")) and self.resource in resource

    def hits(self, draw: float) -> bool:
        """Say whether it hits a call that drew a number from 0 to 1."""
        return draw < 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFault(Aim):
    """What happens to a call of the Cloud Run API (`UpdateService`, `GetOperation`, …).

    First a `writer` changes the service under its own identity: its traffic becomes `writer_traffic`, or else an
    annotation changes. Then it waits `delay_s` seconds. Then the call is refused with `code`, asking to come back after
    `retry_after_s` if given; `OK` carries it out. With `lost` it was carried out before the wait, and only its reply is
    refused. With `inside` the refusal is the operation's error, not the call's. With `stale` a `GetService` shows the
    service as it was before its last write.
    """

    code: str = "OK"
    message: str = ""
    delay_s: float = 0.0
    retry_after_s: float | None = None
    lost: bool = False
    inside: bool = False
    stale: bool = False
    writer: str = ""
    writer_traffic: dict[str, int] | None = None

    def __post_init__(self) -> None:
        Aim.__post_init__(self)  # a slotted dataclass has no zero-argument super()
        if self.code not in StatusCode.__members__:
            raise ValueError(f"code {self.code!r} is not a gRPC status; one of {', '.join(StatusCode.__members__)}")
        if self.delay_s < 0:
            raise ValueError(f"delay_s {self.delay_s} is negative")
        if (self.lost or self.inside) and self.code == "OK":
            raise ValueError("lost and inside need a code: the error that takes the reply's place")
        if self.inside and self.method not in WRITES:
            raise ValueError(f"inside needs a method that answers with an operation: {', '.join(WRITES)}")
        if self.stale and (self.method != "GetService" or self.code != "OK"):
            raise ValueError("stale is for GetService alone, and without a code")
        if self.writer_traffic is not None and (not self.writer or sum(self.writer_traffic.values()) != 100):
            raise ValueError("writer_traffic needs a writer, and percents that total 100")

    @property
    def status(self) -> StatusCode:
        """Return the status it refuses with; OK when it refuses nothing."""
        return StatusCode[self.code]


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsFault(Aim):
    """What happens to a call of an AWS API (`UpdateService`, `ModifyRule`, `PutImage`, …), by its operation's name.

    Of the calls aimed at, a `share` is hit, by a seeded chance; the others use up nothing. First the `writer`, another
    caller's access key id, makes `writer_action` with `writer_params`. Then it waits `delay_s` seconds. Then the call
    is refused with `code`, an AWS error code, and an HTTP `status`, which follows from the code if none is given; `OK`
    carries it out. With `lost` it was carried out before the wait, and only its answer is refused. With `cut` the
    connection is closed without an answer.
    """

    code: str = "OK"
    status: int = 0
    message: str = ""
    delay_s: float = 0.0
    lost: bool = False
    cut: bool = False
    share: float = 1.0
    writer: str = ""
    writer_action: str = ""
    writer_params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Aim.__post_init__(self)  # a slotted dataclass has no zero-argument super()
        if self.delay_s < 0:
            raise ValueError(f"delay_s {self.delay_s} is negative")
        if not 0 < self.share <= 1:
            raise ValueError(f"share {self.share} is not above 0 and up to 1")
        if self.status and not 400 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not an error; write 400 to 599")
        if not self.code or (self.lost and self.code == "OK" and not self.cut):
            raise ValueError("lost needs a code, or cut: what takes the answer's place")
        if bool(self.writer) != bool(self.writer_action) or (self.writer_params and not self.writer):
            raise ValueError("writer and writer_action need each other, and writer_params both")

    def hits(self, draw: float) -> bool:
        """Say whether it hits a call that drew a number from 0 to 1."""
        return draw < self.share


_Fault = TypeVar("_Fault", bound=Aim)


@dataclass(slots=True)
class _Armed(Generic[_Fault]):
    fault: _Fault
    chance: random.Random
    let_through: int = 0
    hits: int = 0


@dataclass(slots=True)
class Faults(Generic[_Fault]):
    """The faults in force, in the order they were added; the first that matches a call hits it."""

    _armed: dict[int, _Armed[_Fault]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, fault: _Fault) -> int:
        """Arm a fault and return its number."""
        number = next(self._numbers)
        self._armed[number] = _Armed(fault, random.Random(number))  # noqa: S311  the same each time is the point
        return number

    def remove(self, number: int) -> bool:
        """Disarm a fault; say whether it was armed."""
        return self._armed.pop(number, None) is not None

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def listed(self) -> dict[int, tuple[_Fault, int]]:
        """Return the faults still armed with how often each has hit, by number."""
        return {number: (armed.fault, armed.hits) for number, armed in self._armed.items()}

    def take(self, method: str, resource: str) -> _Fault | None:
        """Return the fault that hits this call, if one does; it is used up after its `times`."""
        for number, armed in tuple(self._armed.items()):
            fault = armed.fault
            if not fault.matches(method, resource) or not fault.hits(armed.chance.random()):
                continue
            if armed.let_through < fault.after:
                armed.let_through += 1
                continue
            armed.hits += 1
            if armed.hits >= fault.times:
                del self._armed[number]
            return fault
        return None


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an API: when it began, how long it took, what it answered, to whom, and whether a fault hit it.

    `api` is `run` for Cloud Run's; for AWS's it is the prefix that IAM has for the service, such as `ecs`. `agent` is
    what the caller's client says of itself.
    """

    at: datetime
    method: str
    resource: str
    code: str
    seconds: float
    caller: str
    faulted: bool = False
    api: str = "run"
    agent: str = ""


@dataclass(slots=True)
class Journal:
    """The last calls, oldest first, and of all calls which API and method whose client has asked for."""

    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=_JOURNAL_MAX))
    asked: set[tuple[str, str, str]] = field(default_factory=set)

    def record(self, call: Call) -> None:
        """Add a call."""
        self.calls.append(call)
        self.asked.add((call.api, call.method, call.agent))

    def of(self, method: str = ANY, since: datetime | None = None) -> list[Call]:
        """Return the calls of a method that began after a moment."""
        earliest = since or datetime.min.replace(tzinfo=UTC)
        return [call for call in self.calls if method in (ANY, call.method) and call.at > earliest]
