"""What the supervisor must know of the configuration, which it does not read itself: JSON, made by `compostela serve`."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class PlannedSocket:
    """A listening socket."""

    key: str
    """See `compostela.base.listening.socket_key`."""
    host: str
    port: int
    backlog: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The server that is to be."""

    workers: int
    command: list[str]
    """Starts a worker."""
    sockets: list[PlannedSocket]
    stale_files: list[str]
    """Paths of files of the server before, which the supervisor removes when it has the ports."""

    def encoded(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, octets: bytes) -> "Plan":
        """Raises `ValueError`, `KeyError` and `TypeError` for what `encoded` never gives."""
        known = json.loads(octets)
        sockets = [PlannedSocket(**one) for one in known["sockets"]]
        return cls(known["workers"], known["command"], sockets, known["stale_files"])

    def remove_stale_files(self) -> None:
        """Raises `OSError`."""
        for path in self.stale_files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
