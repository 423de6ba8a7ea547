"""Users: many sessions that visit the shop at a steady rate, whether it keeps up or not."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

_PRODUCTS = ("boots", "crampons", "harness", "helmet", "poles", "rope", "sack", "stove")
# What people do, in parts of a hundred.
_LOOK_AROUND, _LOOK_AT_ONE, _PUT_IN_CART = 45, 75, 93


@dataclass(slots=True)
class Visits:
    """What the users met: requests made and failed (5xx, no answer in time, cut), by revision and by reason."""

    requests: int = 0
    failures: int = 0
    by_revision: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)

    @property
    def failed_share(self) -> float:
        """Return failures per request, 0 to 1."""
        return self.failures / self.requests if self.requests else 0.0


@dataclass(slots=True)
class _Session:
    """One user: a cookie, and a cart once there is one."""

    cookie: str
    cart: str | None = None


@dataclass(frozen=True, slots=True)
class _Errand:
    """One request that a user makes."""

    method: str
    path: str
    body: dict[str, object] | None = None


class Crowd:
    """Users of the shop at an address: `rate` requests each second at random moments (open model)."""

    def __init__(
        self,
        url: str,
        rate: float,
        *,
        sessions: int = 500,
        timeout_s: float = 10.0,
        at_once: int = 1000,
        seed: int | None = None,
    ) -> None:
        """Describe the crowd; a visit beyond `at_once` unanswered ones is not made, and counts as failed."""
        if rate <= 0 or sessions < 1:
            raise ValueError(f"a crowd of {sessions} sessions at {rate} requests a second makes no visits")
        self.visits = Visits()
        self._url = url.rstrip("/")
        self._rate = rate
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._at_once = at_once
        self._random = random.Random(seed)  # noqa: S311  arrivals, not secrets
        self._sessions = [_Session(f"{self._random.getrandbits(64):016x}") for _ in range(sessions)]
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Let no more users come; `run` returns when those inside have been answered."""
        self._stopped.set()

    async def run(self, seconds: float | None = None) -> Visits:
        """Visit for so many seconds, or until `stop`; return what was met. `visits` tells meanwhile."""
        connector = aiohttp.TCPConnector(limit=0)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, timeout=self._timeout) as http:
            inside: set[asyncio.Task[None]] = set()
            try:
                await self._arrive(http, inside, seconds)
                await asyncio.gather(*inside)
            finally:
                for visit in inside:
                    visit.cancel()
                await asyncio.gather(*inside, return_exceptions=True)
        return self.visits

    async def _arrive(
        self, http: aiohttp.ClientSession, inside: set[asyncio.Task[None]], seconds: float | None
    ) -> None:
        clock = asyncio.get_running_loop().time
        began = due = clock()
        while not self._stopped.is_set() and (seconds is None or due - began < seconds):
            if len(inside) >= self._at_once:
                self._failed("too many unanswered")
                self.visits.requests += 1
            else:
                visit = asyncio.create_task(self._visit(http, self._random.choice(self._sessions)))
                inside.add(visit)
                visit.add_done_callback(inside.discard)
            due += self._random.expovariate(self._rate)
            try:
                async with asyncio.timeout(max(0.0, due - clock())):
                    await self._stopped.wait()
            except TimeoutError:
                continue

    async def _visit(self, http: aiohttp.ClientSession, session: _Session) -> None:
        errand = self._errand(session)
        try:
            status = await self._run(http, session, errand)
        except TimeoutError:
            self._failed("no answer in time")
        except (aiohttp.ClientError, OSError) as problem:
            self._failed(type(problem).__name__)
        else:
            if status >= 500:
                self._failed(str(status))
        self.visits.requests += 1

    async def _run(self, http: aiohttp.ClientSession, session: _Session, errand: _Errand) -> int:
        cookie = {"Cookie": f"shop_session={session.cookie}"}
        async with http.request(errand.method, self._url + errand.path, json=errand.body, headers=cookie) as answer:
            await answer.read()
            self.visits.by_revision[answer.headers.get("X-Revision", "")] += 1
            if answer.ok and errand.path == "/cart/items":
                session.cart = (await answer.json())["cart"]
            elif answer.ok and errand.path == "/orders":
                session.cart = None
            return answer.status

    def _failed(self, reason: str) -> None:
        self.visits.failures += 1
        self.visits.by_reason[reason] += 1

    def _errand(self, session: _Session) -> _Errand:
        choice, product = self._random.randrange(100), self._random.choice(_PRODUCTS)
        if choice < _LOOK_AROUND:
            return _Errand("GET", "/products")
        if choice < _LOOK_AT_ONE:
            return _Errand("GET", f"/products/{product}")
        if session.cart is not None and choice >= _PUT_IN_CART:
            return _Errand("POST", "/orders", {"cart": session.cart})
        return _Errand("POST", "/cart/items", {"product": product, "quantity": 1, "cart": session.cart})
