"""One request on its way to a revision, and its answer on the way back."""

import asyncio
import time
from typing import TYPE_CHECKING

from rehearsal.backend import Backend, Backends
from rehearsal.splitter.body import Body, UntilClose, answer_body, request_body
from rehearsal.splitter.counts import Counts
from rehearsal.splitter.message import HEAD_MAX_BYTES, Answer, BadMessage, Request, parse_answer
from rehearsal.splitter.own import own_answer
from rehearsal.splitter.pool import BackendConnection
from rehearsal.splitter.rewrite import answering, asking, interim, remembered, switching

if TYPE_CHECKING:
    from rehearsal.splitter.client import ClientConnection
    from rehearsal.splitter.listener import Splitter

_WAITING_MAX_BYTES = 262_144
_CLIENT_LEFT = 499  # as nginx counts it
_SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS"))


class Exchange:
    """Bytes go through as they come, both ways; only heads are read and rewritten."""

    __slots__ = (
        "_answer", "_answer_body", "_backends", "_body", "_bytes_in", "_bytes_out", "_client", "_connecting",
        "_connection", "_counts", "_head", "_instances", "_over", "_raw", "_remember", "_request", "_reused",
        "_route", "_splitter", "_started", "_table", "_tunnel", "_wait", "_waiting",
    )  # fmt: skip

    def __init__(self, splitter: "Splitter", client: "ClientConnection", request: Request) -> None:
        """Read where the request's body ends; BadMessage when it does not say so clearly."""
        self._splitter = splitter
        self._route = splitter.default
        self._table = splitter.default.table
        self._client = client
        self._request = request
        self._body = request_body(request)
        self._started = time.perf_counter()
        self._waiting = b""
        self._head = b""
        self._instances: tuple[Backend, ...] = ()
        self._raw = b""
        self._answer: Answer | None = None
        self._answer_body: Body | None = None
        self._backends: Backends | None = None
        self._counts: Counts | None = None
        self._connection: BackendConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._wait: asyncio.TimerHandle | None = None
        self._remember: str | None = None
        self._reused = self._tunnel = self._over = False
        self._bytes_in = self._bytes_out = 0

    @property
    def whole(self) -> bool:
        """Say whether all of the request has come."""
        return self._body.done

    @property
    def hungry(self) -> bool:
        """Say whether bytes from the client belong to this exchange."""
        return self._tunnel or not self._body.done

    @property
    def seconds(self) -> float:
        """Return how long it has been going on."""
        return time.perf_counter() - self._started

    def bound_for(self, backends: frozenset[Backend]) -> bool:
        """Say whether it is at one of these instances, or may yet go there."""
        if self._connection is not None:
            return self._connection.backend in backends
        return not self._over and self._backends is not None and not backends.isdisjoint(self._backends.instances)

    def start(self) -> None:
        """Choose a revision and ask it, after what its faults have in store."""
        if self._splitter.rules:
            self._route = self._splitter.way(self._request)
        self._table = table = self._route.table  # all of it goes by this one, however long a fault holds it back
        before = remembered(self._request) if table.sticky else None
        self._backends = table.choose(before)
        self._remember = self._revision if table.sticky and self._revision != before else None
        self._count_under(self._revision)
        if self._route.answer is not None:
            self._answer_ourselves(*self._route.answer)
            return
        if self._backends is None or not self._backends.instances:
            self._answer_ourselves(503, f"no revision of {self._route.service or 'this service'} is ready here")
            return
        if self._request.method == b"CONNECT":
            self._answer_ourselves(501, "CONNECT is for proxies; this is one service's address")
            return
        injury = self._route.injury(self._backends.revision)
        if injury.latency_s:
            loop = asyncio.get_running_loop()
            self._wait = loop.call_later(injury.latency_s, self._ask, injury.status)
        else:
            self._ask(injury.status)

    def feed(self, data: bytes) -> int:
        """Take what is ours of the client's bytes and return how many that was; BadMessage when they are no body."""
        if self._tunnel:
            taken, ours = len(data), data
        else:
            taken = self._body.take(data)
            ours = data if taken == len(data) else data[:taken]
        self._bytes_in += taken
        if self._connection is not None:
            self._connection.write(ours)
        elif not self._over:
            self._waiting += ours
            if len(self._waiting) > _WAITING_MAX_BYTES:
                self._client.pause()
        return taken

    def answered(self, data: bytes) -> None:
        """Take bytes from the backend."""
        try:
            if self._tunnel:
                self._bytes_out += len(data)
                self._client.write(data)
            elif self._answer_body is not None:
                self._pass_on(b"", data)
            else:
                self._raw += data
                self._read_heads()
        except BadMessage as problem:
            self._fail(f"revision {self._revision} did not answer in HTTP: {problem}")

    def lost(self, problem: Exception | None) -> None:
        """Learn that the backend's connection has ended: as the end of the answer, or in the middle of it."""
        self._connection = None
        untouched = self._answer is None and not self._raw
        if self._tunnel or (problem is None and isinstance(self._answer_body, UntilClose)):
            self._finish(reusable=False)
        elif untouched and self._reused and self._request.method in _SAFE and not self._bytes_in:
            self._reused = False  # it was closed while idle, as we wrote; nothing was done with the request
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        else:
            self._fail(f"revision {self._revision} closed the connection before its answer was whole")

    def abandoned(self) -> None:
        """Learn that the client has left."""
        if not self._over:
            self._settle(_CLIENT_LEFT if not self._tunnel else 101)

    def broken(self, reason: str) -> None:
        """Give up: the client's body makes no sense."""
        if self._counts is None:
            self._count_under("")
        self._fail(reason, status=400)

    def client_ended(self) -> bool:
        """Learn that the client sends no more; say whether it may still be there to hear."""
        if self._tunnel and self._connection is not None:
            self._connection.write_eof()
        return self._tunnel

    def client_full(self) -> None:
        """Hold the backend back while the client is slow."""
        if self._connection is not None:
            self._connection.pause()

    def client_ready(self) -> None:
        """Let the backend go on."""
        if self._connection is not None:
            self._connection.resume()

    def backend_full(self) -> None:
        """Hold the client back while the backend is slow."""
        self._client.pause()

    def backend_ready(self) -> None:
        """Let the client go on."""
        self._client.resume()

    def overdue(self, seconds: float) -> None:
        """End it: it took longer than a request may."""
        self._fail(f"revision {self._revision} did not end its answer within {seconds:g} s", status=504)

    @property
    def _revision(self) -> str:
        return self._backends.revision if self._backends else ""

    def _count_under(self, revision: str) -> None:
        self._counts = self._route.counts(revision)
        self._counts.in_flight += 1

    def _ask(self, fault_status: int | None) -> None:
        self._wait = None
        if fault_status is not None:
            self._answer_ourselves(fault_status, f"revision {self._revision} fails here because a fault says so")
            return
        assert self._backends is not None
        self._head = asking(self._request, self._client.peer)
        instances = self._backends.instances
        turn = self._table.turn(self._backends) % len(instances)
        self._instances = instances[turn:] + instances[:turn]
        connection = self._splitter.pool.take(self._instances[0])
        if connection is not None:
            self._reused = True
            self._attach(connection)
        else:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        problem = ""
        for instance in self._instances:
            try:
                connection = await self._splitter.pool.connect(instance)
            except OSError as error:
                problem = f"{instance}: {error.strerror or 'no answer'}"
                continue
            self._connecting = None
            self._attach(connection)
            return
        self._connecting = None
        self._answer_ourselves(502, f"revision {self._revision} is not there ({problem})")

    def _attach(self, connection: BackendConnection) -> None:
        connection.asker = self
        self._connection = connection
        waited, self._waiting = self._waiting, b""
        self._client.resume()  # before writing, which may well pause it again
        connection.write(self._head + waited)

    def _read_heads(self) -> None:
        """Read one head, or several: interim answers (100, 103) come before the final one."""
        while (end := self._raw.find(b"\r\n\r\n")) >= 0:
            answer = parse_answer(self._raw[:end])
            rest, self._raw = self._raw[end + 4 :], b""
            if answer.status == 101 and self._request.upgrading:
                self._open_tunnel(answer, rest)
                return
            if answer.status >= 200:
                self._answer_body = answer_body(answer, self._request.method)
                self._answer = answer
                self._pass_on(answering(answer, lasting=self._lasting(), remember=self._remember), rest)
                return
            if not self._request.old:
                self._client.write(interim(answer))
            self._raw = rest
        if len(self._raw) > HEAD_MAX_BYTES:
            raise BadMessage(f"its head is longer than {HEAD_MAX_BYTES} bytes")

    def _open_tunnel(self, answer: Answer, rest: bytes) -> None:
        self._answer = answer
        self._tunnel = True
        self._bytes_out += len(rest)
        self._client.write(switching(answer, self._request) + rest)
        self._client.go_on()

    def _lasting(self) -> bool:
        return self._request.lasting and self._body.done and not isinstance(self._answer_body, UntilClose)

    def _pass_on(self, head: bytes, data: bytes) -> None:
        assert self._answer_body is not None
        taken = self._answer_body.take(data)
        self._bytes_out += taken
        self._client.write(head + (data if taken == len(data) else data[:taken]))
        if self._answer_body.done:
            self._finish(reusable=taken == len(data))

    def _finish(self, reusable: bool) -> None:
        assert self._answer is not None
        connection, lasting = self._connection, self._lasting() and not self._tunnel
        if reusable and connection is not None and self._answer.lasting and self._body.done and not self._request.old:
            self._connection = None
            self._splitter.pool.give_back(connection)
        self._settle(self._answer.status)
        self._client.answered(lasting)

    def _fail(self, reason: str, status: int = 502) -> None:
        """Say so if nothing was said yet; otherwise cut the answer short, so that it is not taken for whole."""
        if self._answer is None:
            self._answer_ourselves(status, reason)
        else:
            self._settle(status if not self._tunnel else 101)
            self._client.abort()

    def _answer_ourselves(self, status: int, reason: str) -> None:
        lasting = self._request.lasting and self._body.done
        answer = own_answer(status, reason, lasting=lasting, bodiless=self._request.method == b"HEAD")
        self._settle(status)
        self._client.write(answer)
        self._client.answered(lasting)

    def _settle(self, code: int) -> None:
        """Count it, once, and let go of all it holds."""
        if self._over:
            return
        self._over = True
        for pending in (self._wait, self._connecting):
            if pending is not None:
                pending.cancel()
        if self._connection is not None:
            self._connection.abort()
            self._connection = None
        if self._counts is not None:
            self._counts.in_flight -= 1
            self._counts.saw(code, self.seconds, self._bytes_in, self._bytes_out)
        self._splitter.ended()
