"""POP3: whole sessions, fetching, and a maildrop of 100,000 messages. The two sides take turns, so that what else the machine does
falls on both; the least and the greatest ratio of the pairs tell how much that was."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from bench.processes import CpuMeter, resident_kib
from bench.sides import IMAP_USERS, PASSWORD, PROBE, SMTP_USERS, Effort, Side
from bench.table import Row

DROP_MESSAGES = 100
LARGE_USER = SMTP_USERS[0]
LARGE_SIZE = 256 * 1024
LARGE_MESSAGES = 200
LONG = PROBE
LONG_MESSAGES = 100_000
PAIRS = 7
_CHUNK = 1 << 20
_END = b"\r\n.\r\n"

Figures = dict[tuple[str, str], float]


class Pop3Client:
    """Blocking; a reply is kept only if it is short."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line()

    def _line(self) -> bytes:
        got = b""
        while not got.endswith(b"\r\n"):
            octets = self._socket.recv(4096)
            if not octets:
                raise ConnectionError("the server closed")
            got += octets
        if not got.startswith(b"+OK"):
            raise ValueError(f"refused: {got[:100]!r}")
        return got

    def command(self, line: bytes) -> bytes:
        self._socket.sendall(line + b"\r\n")
        return self._line()

    def lines(self, line: bytes) -> int:
        """A command with an answer of several lines; its octets."""
        self._socket.sendall(line + b"\r\n")
        total, tail = 0, b""
        while not tail.endswith(_END):
            octets = self._socket.recv(_CHUNK)
            if not octets:
                raise ConnectionError("the server closed")
            total += len(octets)
            tail = (tail + octets)[-len(_END) :]
        return total

    def log_in(self, user: str) -> None:
        self.command(b"USER " + user.encode())
        self.command(b"PASS " + PASSWORD.encode())

    def quit(self) -> None:
        self.command(b"QUIT")
        self._socket.close()


def measure(ours: Side, peer: Side | None, effort: Effort) -> list[Row]:
    sides = [ours, peer] if peer else [ours]
    long = effort.of(LONG_MESSAGES, 10_000)
    first = [_prepare(side, long) for side in sides]
    runs: list[list[Figures]] = [[] for _ in sides]
    for number in range(effort.of(PAIRS, 2)):
        # the side that begins changes: neither has always the warmer machine
        for at in sorted(range(len(sides)), reverse=bool(number % 2)):
            runs[at].append(_run(sides[at], effort))
    rows = [_row(name, unit, [[one[name, unit] for one in side] for side in runs]) for name, unit in runs[0][0]]
    if peer:
        rows += [row for name, unit in runs[0][0] for row in _spread(name, [[r[name, unit] for r in s] for s in runs])]
    title = f"POP3, first login to {long:,} messages and STAT"
    rows.append(Row(title, "ms", first[0] * 1000, first[1] * 1000 if peer else None))
    rows.append(_memory(ours, long))
    return rows


def _row(name: str, unit: str, values: list[list[float]]) -> Row:
    return Row(name, unit, median(values[0]), median(values[1]) if len(values) > 1 else None)


def _spread(name: str, values: list[list[float]]) -> list[Row]:
    ratios = sorted(own / other for own, other in zip(*values, strict=True))
    return [
        Row(f"{name}: ratios of the pairs, least", "ours / peer", ratios[0]),
        Row(f"{name}: ratios of the pairs, greatest", "ours / peer", ratios[-1]),
    ]


def _prepare(side: Side, long: int) -> float:
    """Fill the maildrops; the seconds of the first login to the long one."""
    for user in IMAP_USERS:
        side.fill(user, DROP_MESSAGES)
    side.fill(LARGE_USER, LARGE_MESSAGES, LARGE_SIZE)
    side.fill(LONG, long)
    for user in (*IMAP_USERS, LARGE_USER):
        _session(side, user)
    return _login(side)


def _run(side: Side, effort: Effort) -> Figures:
    count, cpu = effort.of(400, 100), CpuMeter(side.pids)
    seconds = _timed(lambda: _sessions(side, count))
    spent = cpu.spent() / count * 1000
    cpu = CpuMeter(side.pids)
    octets, fetching = _fetch(side)
    fetched = cpu.spent() * 1e9 / octets
    return {
        (f"POP3, sessions with a maildrop of {DROP_MESSAGES} and one RETR, 10 connections", "1/s"): count / seconds,
        ("POP3, CPU of such a session", "ms"): spent,
        (f"POP3, RETR of {LARGE_SIZE // 1024} KiB, one connection", "MB/s"): octets / fetching / 1e6,
        ("POP3, CPU of RETR", "ms/MB"): fetched,
        ("POP3, later login to the long maildrop and STAT", "ms"): _login(side) * 1000,
    }


def _sessions(side: Side, count: int) -> None:
    users = [IMAP_USERS[number % len(IMAP_USERS)] for number in range(count)]
    with ThreadPoolExecutor(len(IMAP_USERS)) as pool:
        list(pool.map(lambda user: _session(side, user), users))


def _session(side: Side, user: str) -> None:
    """What a mail program does that leaves its mail on the server."""
    client = Pop3Client(side.pop3)
    client.log_in(user)
    client.command(b"STAT")
    client.lines(b"LIST")
    client.lines(b"UIDL")
    client.lines(b"RETR 1")
    client.quit()


def _fetch(side: Side) -> tuple[int, float]:
    """Octets and seconds of a whole maildrop of large messages."""
    client = Pop3Client(side.pop3)
    client.log_in(LARGE_USER)
    start = time.perf_counter()
    octets = sum(client.lines(b"RETR %d" % number) for number in range(1, LARGE_MESSAGES + 1))
    seconds = time.perf_counter() - start
    client.quit()
    return octets, seconds


def _login(side: Side) -> float:
    """Until STAT is answered: some servers open the maildrop after they have answered PASS."""
    client = Pop3Client(side.pop3)

    def until_stat() -> None:
        client.log_in(LONG)
        client.command(b"STAT")

    seconds = _timed(until_stat)
    client.quit()
    return seconds


def _memory(ours: Side, long: int) -> Row:
    """Of ten sessions at once, each with the whole list, after one whose memory is not given back."""
    pid = ours.pids()[0]
    _login(ours)
    before = resident_kib(pid)
    clients = [Pop3Client(ours.pop3) for _ in range(10)]
    for client in clients:
        client.log_in(LONG)
        client.command(b"STAT")
    grown = resident_kib(pid) - before
    for client in clients:
        client.quit()
    return Row(f"POP3, memory of a session with {long:,} messages", "KiB", grown / len(clients))


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
