"""The listener: its address, the routes through it, and the connections on both sides."""

import asyncio
from collections.abc import Callable, Sequence

from rehearsal.backend import Backend, Backends
from rehearsal.splitter.client import ClientConnection
from rehearsal.splitter.condition import all_hold
from rehearsal.splitter.counts import PUBLIC, Counts, Tally
from rehearsal.splitter.fault import Fault
from rehearsal.splitter.message import Request
from rehearsal.splitter.pool import Pool
from rehearsal.splitter.route import Route
from rehearsal.splitter.table import Table

_HOST = "127.0.0.1"


class Splitter:
    """One listener on loopback that deals requests out to revisions by weight.

    The public address of a service is one; each tag's preview address is another. They may share a `tally`. Requests
    that meet the conditions of a route in `rules` go by the first such one, all others by the `default` route.
    """

    def __init__(
        self,
        *,
        service: str,
        address: str,
        tally: Tally,
        seed: int | None,
        on_crash: Callable[[str], object] | None,
        timeout_s: float,
    ) -> None:
        self._timeout_s = timeout_s
        self._sweep: asyncio.TimerHandle | None = None
        self.tally = tally
        self.default = Route(tally, service, address, seed=seed, on_crash=on_crash)
        self.rules: tuple[Route, ...] = ()
        self.pool = Pool()
        self.clients: set[ClientConnection] = set()
        self._ended = asyncio.Event()
        self._server: asyncio.Server | None = None

    @classmethod
    async def listen(
        cls,
        port: int = 0,
        seed: int | None = None,
        *,
        service: str = "",
        address: str = PUBLIC,
        tally: Tally | None = None,
        on_crash: Callable[[str], object] | None = None,
        timeout_s: float = 300.0,
    ) -> "Splitter":
        """Return a splitter that listens on loopback and answers 503 until `route` is called.

        `address` is `public` for users or the tag of a preview: requests are counted under it. A fault that crashes a
        revision calls `on_crash` with its name (`Platform.crash`). What takes longer than `timeout_s` is ended with
        504; websockets too, as on Cloud Run.
        """
        splitter = cls(
            service=service,
            address=address,
            tally=tally if tally is not None else Tally(),
            seed=seed,
            on_crash=on_crash,
            timeout_s=timeout_s,
        )
        loop = asyncio.get_running_loop()
        splitter._server = await loop.create_server(lambda: ClientConnection(splitter), _HOST, port, backlog=1024)
        splitter._look_over()
        return splitter

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("this splitter is closed")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Return the address, such as `http://127.0.0.1:41237`."""
        return f"http://{_HOST}:{self.port}"

    @property
    def table(self) -> Table:
        """Return the default route's table."""
        return self.default.table

    def route(self, table: Sequence[tuple[Backends, int]], *, sticky: bool = False, at: Route | None = None) -> None:
        """Swap a route's table: requests that begin after this go by it, those in flight end where they are.

        Rows of weight 0 get nothing. With `sticky` a cookie keeps a client on its revision while that has weight.
        """
        route = at or self.default
        route.table = Table(table, sticky=sticky, before=route.table)
        self._welcome()

    def arrange(self, rules: Sequence[Route]) -> None:
        """Swap the rules, the one to be asked first in front."""
        self.rules = tuple(rules)
        self._welcome()

    def way(self, request: Request) -> Route:
        """Return the route that a request takes."""
        for route in self.rules:
            if all_hold(route.conditions, request):
                return route
        return self.default

    def fault(self, revision: str, fault: Fault | None) -> None:
        """Make a revision misbehave on the default route from now on, or (None) behave again."""
        self.default.fault(revision, fault)

    @property
    def faults(self) -> dict[str, Fault]:
        """Return the faults in force on the default route by revision."""
        return self.default.faults

    def counts(self, revision: str) -> Counts:
        """Return what was counted of a revision on the default route; under "" what found no revision ready."""
        return self.default.counts(revision)

    async def vacated(self, backends: Sequence[Backend], timeout_s: float) -> int:
        """Wait until no request is on its way to these instances; return how many still were after `timeout_s`.

        As with `drain`, take them out of the tables first.
        """
        leaving = frozenset(backends)
        try:
            async with asyncio.timeout(timeout_s):
                while self._bound_for(leaving):
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            pass
        return self._bound_for(leaving)

    async def drain(self, revision: str, timeout_s: float) -> int:
        """Wait until no request of a revision is in flight here; return how many still were after `timeout_s`.

        It waits for what is there: take the revision out of the table first.
        """
        counts = self.counts(revision)
        try:
            async with asyncio.timeout(timeout_s):
                while counts.in_flight:
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            pass
        return counts.in_flight

    async def close(self) -> None:
        """Stop listening, cut what is in flight, and let go of every connection."""
        if self._sweep is not None:
            self._sweep.cancel()
        if self._server is not None:
            self._server.close()
        for client in tuple(self.clients):
            client.abort()
        while self.clients:
            self._ended.clear()
            await self._ended.wait()
        self.pool.close()
        if self._server is not None:
            await self._server.wait_closed()

    def left(self, client: ClientConnection) -> None:
        """Forget a client whose connection has ended."""
        self.clients.discard(client)
        self._ended.set()

    def ended(self) -> None:
        """Tell those who drain that a request has ended."""
        self._ended.set()

    def _bound_for(self, backends: frozenset[Backend]) -> int:
        under_way = (client.exchange for client in self.clients)
        return sum(exchange is not None and exchange.bound_for(backends) for exchange in under_way)

    def _welcome(self) -> None:
        """Keep connections to those instances that a table leads to, and to no others."""
        rows = (row for route in (self.default, *self.rules) for row in route.table.rows)
        self.pool.keep({instance for backends, _ in rows for instance in backends.instances})

    def _look_over(self) -> None:
        """End what takes too long, every second: a timer for each request would cost more than its bookkeeping."""
        self.pool.tidy()
        for client in tuple(self.clients):
            if client.exchange is not None and client.exchange.seconds > self._timeout_s:
                client.exchange.overdue(self._timeout_s)
        self._sweep = asyncio.get_running_loop().call_later(min(1.0, self._timeout_s / 4), self._look_over)
