"""Hints that a mailbox, a queue or a task may have changed: to watchers in this process, and by datagram to other processes.

What is told within one round of the loop, as the mails of one commit are, goes out together. A hint may be lost. So while something is watched and other processes share the folder, the versions of all that is watched are
compared once a second, in one query, if the database has changed at all; a version that moved wakes its watchers. Where the file
system has no sockets there are no hints from other processes, and versions are compared four times a second.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from compostela.adapters.embedded.ownership import Ownership
from compostela.adapters.embedded.reader import Reader
from compostela.base.errors import TemporaryFailure

POLL_SECONDS = 1.0
POLL_WITHOUT_HINTS_SECONDS = 0.25
MAX_DATAGRAM_BYTES = 4096
_SEPARATOR = b"\0"
_GONE = -1
MAILBOX_TOPIC = "m:"
_DESCRIPTORS = "/proc/self/fd"

Wake = Callable[[], None]


class Versions(Protocol):
    """The versions of several topics, read in one query; one that is gone is left out."""

    def of(self, topics: Sequence[str]) -> dict[str, int]: ...

    def of_watched(self, topics: list[str]) -> dict[str, int]:
        """The same, for a list that is asked for again and again: what is as it was is not read anew. The answer is not changed later."""
        ...


def mailbox_topic(mailbox: str) -> str:
    """The topic of a mailbox, by its id."""
    return f"{MAILBOX_TOPIC}{mailbox}"


class Signals:
    """Topics are plain strings, such as `m:12` for a mailbox and `t` for the tasks. Only mailboxes have versions: other topics are for
    `listen`."""

    def __init__(self, ownership: Ownership, reader: Reader, versions: Versions) -> None:
        self._ownership = ownership
        self._versions = versions
        self._known: dict[str, int] = {}
        self._reader = reader
        self._watchers: dict[str, dict[int, Wake]] = {}
        self._listeners: dict[str, list[Wake]] = {}
        self._hearers: list[Callable[[str], None]] = []
        self._after_ends: list[Callable[[], None]] = []
        self._next = 0
        self._version = reader.data_version()
        self._polling: asyncio.TimerHandle | None = None
        self._socket: socket.socket | None = None
        self._others: list[str] = []
        self._untold: dict[str, None] = {}
        """What others are told at the end of this round of the loop, in order."""
        self._folder = os.open(ownership.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # by way of the descriptor where that can be: the folder's own name may be too long for the address of a socket
        self._place = f"{_DESCRIPTORS}/{self._folder}" if os.path.isdir(_DESCRIPTORS) else str(ownership.folder)

    def start(self) -> None:
        """Begins to listen for other processes' hints on the running loop."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            address = self._address(self._ownership.owner)
            self._socket.bind(address)
            os.chmod(address, 0o600)
        except OSError:
            # a file system without sockets: the version is compared all the same
            self._socket.close()
            self._socket = None
        else:
            asyncio.get_running_loop().add_reader(self._socket, self._receive)
        self._others = self._ownership.others()

    def _address(self, owner: str) -> str:
        return f"{self._place}/{owner}.socket"

    def refresh(self) -> None:
        """Look which other processes share the folder."""
        before, self._others = self._others, self._ownership.others()
        if not set(before) <= set(self._others):
            for ended in self._after_ends:
                ended()

    def after_end(self, ended: Callable[[], None]) -> None:
        """Calls `ended` when another process has ended, however it did."""
        self._after_ends.append(ended)

    def listen(self, topic: str, wake: Wake) -> Wake:
        """As `watch`, for a topic without versions: a lost hint is not made up for."""
        watchers = self._listeners.setdefault(topic, [])
        watchers.append(wake)
        return lambda: watchers.remove(wake)

    def hear(self, hearer: Callable[[str], None]) -> None:
        """Calls `hearer` with each topic of which another process tells, before those who watch it are woken."""
        self._hearers.append(hearer)

    def watch(self, topic: str, wake: Wake, version: int | None = None) -> Wake:
        """Return the function that ends the watch. `version` is the one that the caller has seen, by default that of now."""
        self._next += 1
        key = self._next
        self._watchers.setdefault(topic, {})[key] = wake
        known = self._known.get(topic)
        if known is None:
            self._known[topic] = self._versions.of([topic]).get(topic, _GONE) if version is None else version
        elif version is not None and version < known:
            # what the caller has not seen was told before he came
            asyncio.get_running_loop().call_soon(wake)
        if version is not None or self._polling is None:
            # the next poll compares: something may have changed since the caller looked
            self._version = _GONE
        if self._polling is None:
            self._poll_later()

        def end() -> None:
            watchers = self._watchers.get(topic)
            if watchers is not None:
                watchers.pop(key, None)
                if not watchers:
                    del self._watchers[topic]
                    del self._known[topic]

        return end

    def publish(self, topic: str) -> None:
        """After a commit of this process."""
        self._wake(topic)
        if self._others:
            if not self._untold:
                asyncio.get_running_loop().call_soon(self._tell)
            self._untold[topic] = None

    def _wake(self, topic: str) -> None:
        for wake in [*self._watchers.get(topic, {}).values(), *self._listeners.get(topic, ())]:
            wake()

    def _heard(self, topic: str) -> None:
        for hearer in self._hearers:
            hearer(topic)
        self._wake(topic)

    def _tell(self) -> None:
        datagram = b""
        for topic in map(str.encode, self._untold):
            if datagram and len(datagram) + len(_SEPARATOR) + len(topic) > MAX_DATAGRAM_BYTES:
                self._send(datagram)
                datagram = b""
            datagram += _SEPARATOR + topic if datagram else topic
        self._untold.clear()
        if datagram:
            self._send(datagram)

    def _send(self, datagram: bytes) -> None:
        if self._socket is None:
            return
        for other in self._others:
            with contextlib.suppress(OSError):
                self._socket.sendto(datagram, self._address(other))

    def _receive(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                for topic in self._socket.recv(MAX_DATAGRAM_BYTES).split(_SEPARATOR):
                    self._heard(topic.decode(errors="replace"))

    def _poll(self) -> None:
        if not self._watchers:
            self._polling = None
            return
        self._poll_later()
        if not self._others:
            return
        try:
            version = self._reader.data_version()
            if version == self._version:
                return
            current = self._versions.of_watched(list(self._watchers))
        except TemporaryFailure:
            return  # the next poll compares again
        self._version = version
        moved = [topic for topic, known in self._known.items() if current.get(topic, _GONE) != known]
        for topic in moved:
            self._known[topic] = current.get(topic, _GONE)
            self._heard(topic)

    def _poll_later(self) -> None:
        seconds = POLL_WITHOUT_HINTS_SECONDS if self._socket is None else POLL_SECONDS
        self._polling = asyncio.get_running_loop().call_later(seconds, self._poll)

    def close(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
        self._tell()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            (self._ownership.folder / f"{self._ownership.owner}.socket").unlink(missing_ok=True)
        os.close(self._folder)
