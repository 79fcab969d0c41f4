"""A next hop that takes everything and counts it, in a process of its own; or one that takes connections and never says a word."""

import asyncio
import contextlib
import multiprocessing
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import cast

import uvloop

_END = b"\r\n.\r\n"


class _Session(asyncio.Protocol):
    """Answers each line, and the message at its end. Knows PIPELINING."""

    def __init__(self, taken: "Synchronized[int]") -> None:
        self._taken = taken
        self._buffer = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 sink.example\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = []
        while True:
            mark = _END if self._in_data else b"\r\n"
            line, found, rest = self._buffer.partition(mark)
            if not found:
                break
            self._buffer = rest
            if self._in_data:
                self._in_data = False
                with self._taken.get_lock():
                    self._taken.value += 1
                answers.append(b"250 taken\r\n")
                continue
            verb = line[:4].upper()
            if verb == b"EHLO":
                answers.append(b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0\r\n")
            elif verb == b"DATA":
                self._in_data = True
                answers.append(b"354 go on\r\n")
            elif verb == b"QUIT":
                self._transport.write(b"".join(answers) + b"221 bye\r\n")
                self._transport.close()
                return
            else:
                answers.append(b"250 ok\r\n")
        self._transport.write(b"".join(answers))


def _serve(taken: "Synchronized[int]", told: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Session(taken), "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(main())


@dataclass(frozen=True, slots=True)
class Sink:
    """A running one."""

    port: int
    _taken: "Synchronized[int]"

    @property
    def taken(self) -> int:
        """Mails until now."""
        return self._taken.value


@contextlib.contextmanager
def running_sink() -> Iterator[Sink]:
    """Until the end of the block."""
    spawn = multiprocessing.get_context("spawn")
    taken = spawn.Value("q", 0)
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(taken, theirs), daemon=True)
    process.start()
    try:
        yield Sink(ours.recv(), taken)
    finally:
        process.terminate()
        process.join()


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections, whose server never greets: the most costly kind of dead."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        yield listening.getsockname()[1]
