"""The listener: its address, its table, its faults, and what it has counted."""

import asyncio
from collections.abc import Callable, Sequence

from rehearsal.backend import Backends
from rehearsal.splitter.client import ClientConnection
from rehearsal.splitter.counts import PUBLIC, Counts, Place, Tally
from rehearsal.splitter.fault import UNHURT, Fault, Injector, Injury
from rehearsal.splitter.pool import Pool
from rehearsal.splitter.table import Table

_HOST = "127.0.0.1"


class Splitter:
    """One listener on loopback that deals requests out to revisions by weight.

    The public address of a service is one; each tag's preview address is another. They may share a `tally`.
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
        self.service = service
        self.address = address
        self._timeout_s = timeout_s
        self._sweep: asyncio.TimerHandle | None = None
        self.tally = tally
        self.table = Table(())
        self.pool = Pool()
        self.clients: set[ClientConnection] = set()
        self._seed = seed
        self._on_crash = on_crash
        self._injectors: dict[str, Injector] = {}
        self._counts: dict[str, Counts] = {}
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

    def route(self, table: Sequence[tuple[Backends, int]], *, sticky: bool = False) -> None:
        """Swap the table: requests that begin after this go by it, those in flight end where they are.

        Rows of weight 0 get nothing. With `sticky` a cookie keeps a client on its revision while that has weight.
        """
        self.table = Table(table, sticky=sticky, before=self.table)
        self.pool.keep({instance for backends, _ in self.table.rows for instance in backends.instances})

    def fault(self, revision: str, fault: Fault | None) -> None:
        """Make a revision misbehave from now on, or (None) behave again."""
        self._injectors.pop(revision, None)
        if fault is not None:
            self._injectors[revision] = Injector(fault, f"{self._seed}/{revision}")

    @property
    def faults(self) -> dict[str, Fault]:
        """Return the faults in force by revision."""
        return {revision: injector.fault for revision, injector in self._injectors.items()}

    def counts(self, revision: str) -> Counts:
        """Return what was counted of a revision at this address; under "" what found no revision ready."""
        counts = self._counts.get(revision)
        if counts is None:
            counts = self._counts[revision] = self.tally.at(Place(self.service, self.address, revision))
        return counts

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

    def injury(self, revision: str) -> Injury:
        """Return what happens to the next request of a revision; a crash has happened by then."""
        injector = self._injectors.get(revision)
        if injector is None:
            return UNHURT
        injury = injector.next()
        if injury.crash and self._on_crash is not None:
            self._on_crash(revision)
        return injury

    def left(self, client: ClientConnection) -> None:
        """Forget a client whose connection has ended."""
        self.clients.discard(client)
        self._ended.set()

    def ended(self) -> None:
        """Tell those who drain that a request has ended."""
        self._ended.set()

    def _look_over(self) -> None:
        """End what takes too long, every second: a timer for each request would cost more than its bookkeeping."""
        self.pool.tidy()
        for client in tuple(self.clients):
            if client.exchange is not None and client.exchange.seconds > self._timeout_s:
                client.exchange.overdue(self._timeout_s)
        self._sweep = asyncio.get_running_loop().call_later(min(1.0, self._timeout_s / 4), self._look_over)
