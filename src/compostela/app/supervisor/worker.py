"""One worker process, as the supervisor sees it."""

import json
import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence

from compostela.app.supervisor.messages import MAX_LINE_BYTES, WORKER_VARIABLE, Message, decode, encode
from compostela.base.service_manager import without_service_manager

MAX_UNSENT_BYTES = 4 * MAX_LINE_BYTES
"""A worker that does not read its messages is killed."""
READ_BYTES = 65536


class Worker:
    """A process, its channel and what is known of it. Its callbacks are called from `selectors` events."""

    def __init__(
        self,
        number: int,
        generation: int,
        command: Sequence[str],
        sockets: Mapping[str, socket.socket],
        table: int,
        is_first: bool,
        selector: selectors.BaseSelector,
        receive: Callable[["Worker", Message], None],
        now: float,
    ) -> None:
        """Starts the process. `is_first`: it greets the operator; `now` is monotonic. Raises `OSError`."""
        self.number = number
        self.generation = generation
        self.started_at = self.last_sign_at = now
        self.told_to_end_at: float | None = None
        self.is_ready = False
        self._selector = selector
        self._receive = receive
        self._input = bytearray()
        self._unsent = bytearray()
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        inherited = {key: bound.fileno() for key, bound in sockets.items()}
        told = {
            "number": number,
            "is_first": is_first,
            "channel": theirs.fileno(),
            "table": table,
            "sockets": inherited,
        }
        with theirs:
            try:
                self.process = subprocess.Popen(
                    [*command, "--worker"],
                    env={**without_service_manager(os.environ), WORKER_VARIABLE: json.dumps(told)},
                    pass_fds=[theirs.fileno(), table, *inherited.values()],
                    close_fds=True,
                )
            except OSError:
                self._channel.close()
                raise
        selector.register(self._channel, selectors.EVENT_READ, self._on_event)

    def send(self, message: Message) -> None:
        """A message that the worker no longer reads is dropped."""
        if self._channel.fileno() < 0:
            return
        self._unsent += encode(message)
        if len(self._unsent) > MAX_UNSENT_BYTES:
            self.kill()
        else:
            self._flush()

    def end(self, now: float) -> None:
        """Asks it to finish what is in flight and end."""
        if self.told_to_end_at is None:
            self.told_to_end_at = now
            self.signal(signal.SIGTERM)

    def drain(self, now: float) -> None:
        """Asks it to accept no more, and to end after its sessions."""
        if self.told_to_end_at is None:
            self.told_to_end_at = now
            self.send({"is": "drain"})

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        # Popen sends nothing to a process that was waited for
        self.process.send_signal(number)

    @property
    def is_leaving(self) -> bool:
        return self.told_to_end_at is not None

    def close(self) -> None:
        """After the end of the process. What it said last is still received."""
        self._read()
        self._close_channel()

    def _close_channel(self) -> None:
        if self._channel.fileno() >= 0:
            self._selector.unregister(self._channel)
            self._channel.close()

    def _on_event(self, events: int) -> None:
        if events & selectors.EVENT_READ:
            self._read()
        if events & selectors.EVENT_WRITE and self._channel.fileno() >= 0:
            self._flush()

    def _read(self) -> None:
        while self._channel.fileno() >= 0:
            try:
                octets = self._channel.recv(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                octets = b""
            if not octets:
                self._close_channel()
                return
            self._input += octets
            *lines, rest = self._input.split(b"\n")
            self._input = bytearray(rest)
            if len(rest) > MAX_LINE_BYTES:
                self.kill()
                return
            for line in lines:
                self._take(bytes(line))

    def _take(self, line: bytes) -> None:
        try:
            message = decode(line)
            self._receive(self, message)
        except (ValueError, KeyError, TypeError):
            # a worker that talks nonsense is ill
            self.kill()

    def _flush(self) -> None:
        try:
            sent = self._channel.send(self._unsent) if self._unsent else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close_channel()
            return
        del self._unsent[:sent]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        self._selector.modify(self._channel, events, self._on_event)
