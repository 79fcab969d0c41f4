"""A way to an engine that can be cut, and held up."""

import asyncio
import contextlib
import ssl
from types import TracebackType
from typing import Self

from compostela.adapters.cassandra.settings import Host

CHUNK = 65_536


class Relay:
    """Takes connections on loopback and passes octets both ways, as long as it is not paused or cut. With `tls` clients speak
    TLS to it."""

    def __init__(self, to: Host, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._to = to
        self._tls = tls
        self.port = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    @property
    def is_listening(self) -> bool:
        return self._server is not None

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Ends all connections and takes no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def pause(self) -> None:
        """Nothing passes until `resume`."""
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection(self._to.name, self._to.port)
            await asyncio.gather(self._pass(reader, there), self._pass(back, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            for one in (writer, there):
                if one is not None:
                    one.close()
                    with contextlib.suppress(OSError):
                        await one.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(CHUNK):
            await self._open.wait()
            writer.write(octets)
            await writer.drain()
        writer.close()
