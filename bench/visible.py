"""When an accepted mail can be seen over IMAP."""

import asyncio
import re
import time

import uvloop

from bench.imap_client import ImapClient
from bench.messages import Source
from bench.sides import PASSWORD
from bench.smtp_load import SmtpClient

_MESSAGES = re.compile(rb"MESSAGES (\d+)")
_EXISTS = re.compile(rb"\* (\d+) EXISTS")
POLL_SECONDS = 0.02
LIMIT_SECONDS = 120.0
PROBE_SIZE = 4096


class Counter:
    """Counts the messages of several INBOXes by STATUS."""

    def __init__(self, port: int, users: list[str]) -> None:
        self._port, self._users = port, users
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._clients: list[ImapClient] = []

    def __enter__(self) -> "Counter":
        self._runner.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self._runner.close()

    def count(self) -> int:
        return sum(self._runner.run(self._counts()))

    def wait_for(self, count: int) -> None:
        """Returns once so many are there. Raises `TimeoutError`."""
        end = time.monotonic() + LIMIT_SECONDS
        while (found := self.count()) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{found} of {count} mails are visible after {LIMIT_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    async def _open(self) -> None:
        for user in self._users:
            client = await ImapClient.connect(self._port)
            await client.login(user, PASSWORD)
            self._clients.append(client)

    async def _counts(self) -> list[int]:
        answers = await asyncio.gather(*(client.command(b"STATUS INBOX (MESSAGES)") for client in self._clients))
        found = [_MESSAGES.search(answer) for answer in answers]
        return [int(match[1]) for match in found if match]


def probe(smtp: int, imap: int, user: str, count: int, interval: float) -> list[float]:
    """Sends to one user at a steady pace while that user is in IDLE; the sorted seconds from each 250 to the first EXISTS
    that counts the message. Runs in a process of its own."""
    return uvloop.run(_probe(smtp, imap, user, count, interval))


async def _probe(smtp: int, imap: int, user: str, count: int, interval: float) -> list[float]:
    watcher = await ImapClient.connect(imap)
    await watcher.login(user, PASSWORD)
    selected = _EXISTS.search(await watcher.command(b"SELECT INBOX"))
    before = int(selected[1]) if selected else 0
    seen_at: list[float] = []
    complete = asyncio.Event()

    def on_data(data: bytes) -> None:
        now = time.perf_counter()
        for match in _EXISTS.finditer(data):
            seen_at.extend([now] * (int(match[1]) - before - len(seen_at)))
        if len(seen_at) >= count:
            complete.set()

    await watcher.idle(on_data)
    source = Source(PROBE_SIZE, f"probe-{time.time_ns()}")
    _, sender = await asyncio.get_running_loop().create_connection(
        lambda: SmtpClient(source, lambda: user, count, interval), "127.0.0.1", smtp
    )
    await sender.done
    async with asyncio.timeout(LIMIT_SECONDS):
        await complete.wait()
    watcher.close()
    return sorted(seen - accepted for seen, accepted in zip(seen_at, sender.accepted_at, strict=False))
