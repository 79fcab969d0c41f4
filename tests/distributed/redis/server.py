"""A Redis of the tests' own, on a free port: it may be stopped and started again."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.redis.settings import RedisAddress, RedisSettings
from compostela.testing.ports import free_port

START_SECONDS = 30.0


class RedisServer:
    """One process, in memory only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program is not None
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self._folder),
            "save": "",
            "appendonly": "no",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        with Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                    return
                except RedisConnectionError:
                    assert time.monotonic() < until, "redis-server does not start"
                    time.sleep(0.02)

    def empty(self) -> None:
        with Redis(port=self.port) as client:
            client.flushall()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def settings(self, *, timeout_seconds: float = 10.0, retry_seconds: float = 0.0) -> RedisSettings:
        """Generous by default: a busy machine is no failure of Redis."""
        address = RedisAddress((("127.0.0.1", self.port),))
        return RedisSettings(address, timeout_seconds=timeout_seconds, retry_seconds=retry_seconds)

    def engine(self, **how: float) -> RedisEngine:
        return RedisEngine(self.settings(**how))
