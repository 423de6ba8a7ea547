"""The client's side: requests are read one after another, each answered before the next."""

import asyncio
from typing import TYPE_CHECKING, cast

from rehearsal.splitter.exchange import Exchange
from rehearsal.splitter.message import HEAD_MAX_BYTES, BadMessage, parse_request
from rehearsal.splitter.own import own_answer

if TYPE_CHECKING:
    from rehearsal.splitter.listener import Splitter

_AHEAD_MAX_BYTES = 65_536
_LINGER_S = 2.0


class ClientConnection(asyncio.Protocol):
    """One client's connection. Requests sent ahead of an answer wait their turn."""

    def __init__(self, splitter: "Splitter") -> None:
        self.peer = b""
        self.exchange: Exchange | None = None
        self._splitter = splitter
        self._ahead = b""
        self._full = False
        self._lingering = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember who asks and how to write."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are, but do not say so
        self.peer = str(transport.get_extra_info("peername")[0]).encode()
        self._splitter.clients.add(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes of this request, and of those sent ahead."""
        if self._lingering:
            return
        self._ahead = self._ahead + data if self._ahead else data
        self._advance()

    def eof_received(self) -> bool:
        """Take the end of sending for leaving, as nginx does; only in a tunnel does the other way stay open."""
        return self.exchange is not None and self.exchange.client_ended()

    def connection_lost(self, _: Exception | None) -> None:
        """Give up what was asked for: nobody is there to hear it."""
        if self.exchange is not None:
            self.exchange.abandoned()
        self._splitter.left(self)

    def pause_writing(self) -> None:
        """Take the answer more slowly."""
        self._full = True
        if self.exchange is not None:
            self.exchange.client_full()

    def resume_writing(self) -> None:
        """Take the answer again as it comes, or go on to the next request."""
        self._full = False
        if self.exchange is not None:
            self.exchange.client_ready()
        else:
            self.go_on()

    def write(self, data: bytes) -> None:
        """Send bytes of an answer."""
        self._transport.write(data)

    def pause(self) -> None:
        """Take no bytes from the client for now."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take bytes from the client again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def answered(self, lasting: bool) -> None:
        """Go on to the next request, or close once the answer is out."""
        whole = self.exchange is None or self.exchange.whole
        self.exchange = None
        if not whole:
            self._linger()
        elif not lasting:
            self._transport.close()
        else:
            self.go_on()

    def go_on(self) -> None:
        """Take what was sent ahead, now that its turn has come."""
        self.resume()
        if self._ahead:  # not from here: a long row of short answers would go as deep as it is long
            asyncio.get_running_loop().call_soon(self._advance)

    def abort(self) -> None:
        """Cut the connection, so that a half answer is not taken for a whole one."""
        self._transport.abort()

    def _advance(self) -> None:
        while self._ahead and not self._transport.is_closing() and not self._lingering:
            if self.exchange is None:
                if self._full:  # with answers that the client has not read: it gets no more until it does
                    self.pause()
                    return
                if not self._begin():
                    return
            elif self.exchange.hungry:
                self._feed(self.exchange)
            else:
                if len(self._ahead) > _AHEAD_MAX_BYTES:
                    self.pause()
                return

    def _begin(self) -> bool:
        """Start on the next request; False when its head has not all come."""
        self._ahead = self._ahead.lstrip(b"\r\n")
        end = self._ahead.find(b"\r\n\r\n")
        if end > HEAD_MAX_BYTES or (end < 0 and len(self._ahead) > HEAD_MAX_BYTES):
            self._refuse(431, f"the head is longer than {HEAD_MAX_BYTES} bytes")
            return False
        if end < 0:
            return False
        try:
            exchange = Exchange(self._splitter, self, parse_request(self._ahead[:end]))
        except BadMessage as problem:
            self._refuse(400, str(problem))
            return False
        self._ahead = self._ahead[end + 4 :]
        self.exchange = exchange
        # What came of the body goes along with the head; a body that all came leaves the connection usable.
        if self._ahead and exchange.hungry:
            self._feed(exchange)
        if self.exchange is exchange:
            exchange.start()
        return True

    def _feed(self, exchange: Exchange) -> None:
        try:
            self._ahead = self._ahead[exchange.feed(self._ahead) :]
        except BadMessage as problem:
            exchange.broken(str(problem))

    def _refuse(self, status: int, reason: str) -> None:
        self._splitter.counts("").saw(status, 0.0, 0, 0)
        self.write(own_answer(status, reason, lasting=False))
        self._linger()

    def _linger(self) -> None:
        """Close, but not while the client still sends: a reset could overtake the answer."""
        self._lingering = True
        self._ahead = b""
        if self._transport.is_closing():
            return
        self.resume()
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, self._transport.abort)
