"""Connections to backends, kept open between requests."""

import asyncio
import time
from typing import Protocol, cast

from rehearsal.backend import Backend

# Shorter than any server keeps an idle connection, so that a request is hardly ever written to one being closed.
_IDLE_MAX_S = 4.0
_CONNECT_TIMEOUT_S = 5.0


class Asker(Protocol):
    """Who waits for what a backend says."""

    def answered(self, data: bytes) -> None:
        """Take bytes of the answer."""

    def lost(self, problem: Exception | None) -> None:
        """Learn that the backend's connection has ended."""

    def backend_full(self) -> None:
        """Learn that the backend takes bytes more slowly than they come."""

    def backend_ready(self) -> None:
        """Learn that the backend takes bytes again as they come."""


class BackendConnection(asyncio.Protocol):
    """One connection to a backend, lent to one asker at a time."""

    def __init__(self, pool: "Pool", backend: Backend) -> None:
        self.backend = backend
        self.asker: Asker | None = None
        self.idle_since = 0.0
        self._pool = pool
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to write."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are, but do not say so

    def data_received(self, data: bytes) -> None:
        """Hand the bytes to the asker; bytes that nobody asked for end the connection."""
        if self.asker is None:
            self._transport.abort()
        else:
            self.asker.answered(data)

    def connection_lost(self, problem: Exception | None) -> None:
        """Tell the asker, and be lent no more."""
        self._pool.forget(self)
        asker, self.asker = self.asker, None
        if asker is not None:
            asker.lost(problem)

    def pause_writing(self) -> None:
        """Tell the asker to wait."""
        if self.asker is not None:
            self.asker.backend_full()

    def resume_writing(self) -> None:
        """Tell the asker to go on."""
        if self.asker is not None:
            self.asker.backend_ready()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._transport.write(data)

    def write_eof(self) -> None:
        """Say that no more bytes will come."""
        if not self._transport.is_closing():
            self._transport.write_eof()

    def pause(self) -> None:
        """Take no bytes from the backend for now."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take bytes from the backend again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    @property
    def usable(self) -> bool:
        """Say whether it may be lent again: open, and not idle for so long that the backend may be closing it."""
        return not self._transport.is_closing() and time.monotonic() - self.idle_since < _IDLE_MAX_S

    def abort(self) -> None:
        """End it at once, and tell nobody."""
        self.asker = None
        self._transport.abort()


class Pool:
    """Idle connections by backend; the one used last is lent first."""

    def __init__(self) -> None:
        self._idle: dict[Backend, list[BackendConnection]] = {}
        self._welcome: set[Backend] = set()

    def take(self, backend: Backend) -> BackendConnection | None:
        """Return an idle connection to a backend, None when there is none."""
        idle = self._idle.get(backend)
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def connect(self, backend: Backend) -> BackendConnection:
        """Open a connection; OSError (TimeoutError after some seconds) when the backend does not answer."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            _, connection = await loop.create_connection(
                lambda: BackendConnection(self, backend), backend.host, backend.port
            )
        return connection

    def give_back(self, connection: BackendConnection) -> None:
        """Take a connection back for the next request; one to a backend no longer wanted is closed."""
        connection.asker = None
        if connection.backend not in self._welcome:
            connection.abort()
            return
        connection.resume()
        connection.idle_since = time.monotonic()
        self._idle.setdefault(connection.backend, []).append(connection)

    def tidy(self) -> None:
        """Close the connections that have been idle for too long."""
        for idle in self._idle.values():
            for connection in [old for old in idle if not old.usable]:
                idle.remove(connection)
                connection.abort()

    def keep(self, backends: set[Backend]) -> None:
        """Close idle connections to all but these backends, now and as they are given back."""
        self._welcome = backends
        for backend in self._idle.keys() - backends:
            for connection in self._idle.pop(backend):
                connection.abort()

    def forget(self, connection: BackendConnection) -> None:
        """Lend this connection no more."""
        idle = self._idle.get(connection.backend)
        if idle and connection in idle:
            idle.remove(connection)

    def close(self) -> None:
        """Close every idle connection."""
        self.keep(set())
