"""The two nodes, each a process of its own, which may be killed at any moment."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.engines import node_files
from tests.server_process import ServerProcess

START_SECONDS = 120.0
"""For each replica: at the first start all tables are made, and each replica syncs each of them to its disk."""
PAUSE_SECONDS = 0.2
REQUEST_SECONDS = 6.0


@dataclass
class ChaosServer(ServerProcess):
    """A server process with a clock of its own."""

    ahead_seconds: float = 0.0

    def launch(self) -> None:
        """Does not wait for its ports."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "tests.chaos.node", str(self.ahead_seconds),
                    "serve", "--conf", self.conf, "--data", self.data, "--log-level", "warning",
                ],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Node:
    """One node. `lives` counts its starts and ends: a client whose connection broke sees from it whether it had a reason."""

    def __init__(self, number: int, folder: Path, replicas: int = 1) -> None:
        self.number = number
        self.server = ChaosServer(folder / f"node-{number}")
        for name, text in node_files(REQUEST_SECONDS, replicas).items():
            (self.server.conf / name).write_text(text)
        self.lives = 0
        self.is_up = False
        self.kills = 0
        self._start_seconds = START_SECONDS * replicas

    def __str__(self) -> str:
        return f"node {self.number}"

    async def start(self, ahead_seconds: float = 0.0) -> None:
        """Starts it again and again, as an init system does, until its ports are open: an engine that it needs may be away."""
        self.server.ahead_seconds = ahead_seconds
        async with asyncio.timeout(self._start_seconds):
            while True:
                if await self._has_started():
                    break
                await asyncio.sleep(PAUSE_SECONDS)
        self.lives += 1
        self.is_up = True

    async def _has_started(self) -> bool:
        self.server.launch()
        while self.server.is_running:
            if all([await _is_open(port) for port in (self.server.smtp, self.server.imap, self.server.web)]):
                return True
            await asyncio.sleep(PAUSE_SECONDS / 4)
        return False

    async def kill(self) -> None:
        """As if the power of the machine had gone."""
        self.is_up = False
        self.lives += 1
        self.kills += 1
        await asyncio.to_thread(self.server.kill)

    async def stop(self) -> int:
        """In good order; the exit status."""
        self.is_up = False
        self.lives += 1
        return await asyncio.to_thread(self.server.stop)

    def end(self) -> None:
        """At the end of the run, whatever state it is in."""
        process = self.server.process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


async def _is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
