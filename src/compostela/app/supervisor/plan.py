"""What the supervisor must know of the configuration, which it does not read itself: JSON, made by `compostela serve`."""

import json
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

    def encoded(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, octets: bytes) -> "Plan":
        """Raises `ValueError`, `KeyError` and `TypeError` for what `encoded` never gives."""
        known = json.loads(octets)
        return cls(known["workers"], known["command"], [PlannedSocket(**one) for one in known["sockets"]])
