"""A way to an engine that a test without a loop opens and cuts."""

import asyncio
import re
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Self

from compostela.adapters.cassandra.settings import Host
from tests.distributed.relay import Relay

SECONDS = 10.0
_ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")


class SwitchedRelay:
    """A relay that runs in a thread. At first it refuses connections; after `hang` it takes them and passes nothing."""

    def __init__(self, port: int) -> None:
        """To a port on loopback."""
        self._relay = Relay(Host("127.0.0.1", port))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay")

    @property
    def port(self) -> int:
        return self._relay.port

    def __enter__(self) -> Self:
        self._thread.start()
        # this chooses a free port
        self._run(self._relay.listen())
        self._run(self._relay.cut())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._relay.cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hang(self) -> None:
        self._loop.call_soon_threadsafe(self._relay.pause)
        self._run(self._relay.listen())

    def open(self) -> None:
        """Also for connections that hang."""
        self._run(self._reopen())

    async def _reopen(self) -> None:
        self._relay.resume()
        if not self._relay.is_listening:
            await self._relay.listen()

    def _run(self, call: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(call, self._loop).result(SECONDS)


def port_in(text: str) -> int:
    """The only port on loopback that a configuration file names."""
    (port,) = set(_ADDRESS.findall(text))
    return int(port)
