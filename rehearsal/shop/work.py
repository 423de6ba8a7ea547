"""The work behind a request, and how versions of the shop do it badly."""

import asyncio
import math
import random

from rehearsal.shop.settings import Fault, Settings

_SPREAD = 0.25  # sigma of the log-normal: the slowest in a hundred takes about 1.8 times the median
_SLOWER = 1.4
_CUSTOMERS_KEPT = 20
_EVICTION_SHARE = 0.05
_LEAK_BYTES = 64 * 1024
_LEAK_MAX = 4096  # 256 MiB: enough to be seen, not enough to take the machine down
_LEAK_DOUBLES_AT = 500


class PriceCacheError(RuntimeError):
    """The cache of customers' prices was emptied while it was read."""


class Work:
    """Does what a request needs; remembers of past requests what this version remembers."""

    def __init__(self, settings: Settings, seed: int | None = None) -> None:
        self._settings = settings
        self._random = random.Random(seed)  # noqa: S311  timing, not secrets
        self._own: set[str] = set()
        self._customers: set[str] = set()
        self._leaked: list[bytes] = []

    def welcome(self, customer: str) -> None:
        """Remember a customer who is new here, where this version keeps those apart."""
        if self._settings.fault is Fault.ERRORS:
            self._own.add(customer)

    async def do(self, customer: str | None) -> None:
        """Take as long as a request takes; PriceCacheError in the version that has that bug.

        `customer` is the session that a returning customer brought.
        """
        fault = self._settings.fault
        await asyncio.sleep(self.length_s())
        if fault is Fault.LEAK and len(self._leaked) < _LEAK_MAX:
            self._leaked.append(self._random.randbytes(_LEAK_BYTES))
        if fault is Fault.ERRORS:
            self._look_up_price(customer)

    def length_s(self) -> float:
        """Return how long the next request takes, in seconds; a few take much longer than most."""
        return self._random.lognormvariate(math.log(self._median_s()), _SPREAD)

    def _median_s(self) -> float:
        median_s = self._settings.work_ms / 1000
        if self._settings.fault is Fault.SLOW:
            return median_s * _SLOWER
        return median_s * (1 + len(self._leaked) / _LEAK_DOUBLES_AT)

    def _look_up_price(self, customer: str | None) -> None:
        """Fail now and then once the cache is full: only customers of the release before are in it.

        So no test finds it, however long: its customers are all new. Real ones come back.
        """
        if customer is not None and customer not in self._own and len(self._customers) <= _CUSTOMERS_KEPT:
            self._customers.add(customer)
        if len(self._customers) > _CUSTOMERS_KEPT and self._random.random() < _EVICTION_SHARE:
            raise PriceCacheError(f"price cache: entry evicted while reading, {_CUSTOMERS_KEPT} customers is the limit")
