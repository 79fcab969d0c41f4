"""A load generator for IMAP: several processes, one command after the other on each connection."""

import multiprocessing
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import smtp_load

PROCESSES = 2
_READ = 1 << 18


class Connection:
    """A client that waits for the tagged end of each command. Raises `RuntimeError` when that is not OK."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        self._count = 0
        self._until(b"\r\n")

    def login(self, user: str, password: str) -> None:
        self.command(f"LOGIN {user} {password}".encode())

    def command(self, text: bytes) -> bytes:
        """All that the server says up to the tagged end."""
        tag = self._next_tag()
        self._socket.sendall(b"%s %s\r\n" % (tag, text))
        return self._answer(tag)

    def append(self, message: bytes) -> bytes:
        tag = self._next_tag()
        self._socket.sendall(b"%s APPEND INBOX {%d+}\r\n%s\r\n" % (tag, len(message), message))
        return self._answer(tag)

    def idle(self) -> None:
        """Begins IDLE."""
        self._socket.sendall(b"idle IDLE\r\n")
        self._until(b"\r\n")

    def end_idle(self) -> None:
        self._socket.sendall(b"DONE\r\n")
        self._answer(b"idle")

    def wait_for(self, word: bytes) -> None:
        """Until an untagged line with this word has come."""
        self._until(word)

    def close(self) -> None:
        self._socket.close()

    def _next_tag(self) -> bytes:
        self._count += 1
        return b"a%d" % self._count

    def _until(self, end: bytes) -> None:
        octets = b""
        while end not in octets:
            octets += self._receive()

    def _answer(self, tag: bytes) -> bytes:
        pieces = [self._receive()]
        tail = pieces[0]
        while not (tail.endswith(b"\r\n") and tail[tail.rfind(b"\n", 0, -1) + 1 :].startswith(tag + b" ")):
            pieces.append(self._receive())
            tail = (tail + pieces[-1])[-2000:]
        if tag + b" OK" not in tail:
            raise RuntimeError(tail.decode(errors="replace"))
        return b"".join(pieces)

    def _receive(self) -> bytes:
        octets = self._socket.recv(_READ)
        if not octets:
            raise ConnectionError("the server hung up")
        return octets


@dataclass(slots=True)
class MixResult:
    """`latencies` in seconds by command; `cpu_seconds` is the generator's own."""

    commands: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    latencies: dict[str, list[float]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.commands / self.seconds

    def percentile(self, name: str, part: float) -> float:
        values = sorted(self.latencies[name])
        return values[min(len(values) - 1, int(len(values) * part))]


def mix(port: int, users: list[str], password: str, rounds: int) -> MixResult:
    """One connection for each user: LOGIN, SELECT, FETCH of flags, one body, STORE, SEARCH, APPEND, NOOP, LOGOUT, again and
    again."""
    share = [users[number::PROCESSES] for number in range(PROCESSES)]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        pool.map(_warm, range(PROCESSES))
        start = time.perf_counter()
        parts = pool.starmap(_sessions, [(port, part, password, rounds) for part in share])
        total = MixResult(seconds=time.perf_counter() - start)
    for part in parts:
        total.commands += part.commands
        total.cpu_seconds += part.cpu_seconds
        for name, values in part.latencies.items():
            total.latencies.setdefault(name, []).extend(values)
    return total


def _warm(_: int) -> None:
    time.sleep(0.05)


def _sessions(port: int, users: list[str], password: str, rounds: int) -> MixResult:
    """The connections of one process take turns, each with a command under way."""
    result, lock = MixResult(), threading.Lock()
    before = resource.getrusage(resource.RUSAGE_SELF)

    def session(user: str) -> None:
        for number in range(rounds):
            latencies = _session(port, user, password, number)
            with lock:
                for name, value in latencies:
                    result.latencies.setdefault(name, []).append(value)
                    result.commands += 1

    threads = [threading.Thread(target=session, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = resource.getrusage(resource.RUSAGE_SELF)
    result.cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result


def _session(port: int, user: str, password: str, number: int) -> list[tuple[str, float]]:
    connection = Connection(port)
    message = number % 900 + 1
    steps: list[tuple[str, Callable[[], object]]] = [
        ("LOGIN", lambda: connection.login(user, password)),
        ("SELECT", lambda: connection.command(b"SELECT INBOX")),
        ("FETCH FLAGS", lambda: connection.command(b"FETCH 1:50 (UID FLAGS)")),
        ("FETCH BODY", lambda: connection.command(b"FETCH %d BODY.PEEK[]" % message)),
        ("STORE", lambda: connection.command(b"STORE %d +FLAGS (\\Flagged)" % message)),
        ("SEARCH", lambda: connection.command(b"SEARCH UNSEEN")),
        ("APPEND", lambda: connection.append(smtp_load.message(4096, number)[:-3])),
        ("NOOP", lambda: connection.command(b"NOOP")),
        ("LOGOUT", lambda: connection.command(b"LOGOUT")),
    ]
    latencies = []
    for name, step in steps:
        start = time.perf_counter()
        step()
        latencies.append((name, time.perf_counter() - start))
    connection.close()
    return latencies


def median_seconds(times: int, action: Callable[[], object]) -> float:
    """The median of several tries."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return sorted(taken)[times // 2]
