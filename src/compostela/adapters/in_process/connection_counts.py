"""Open connections in the memory of the process."""

from collections import Counter


class InProcessConnections:
    """See `compostela.core.rate_limits.ports`. Bounded by the process's open files."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str | None]] = Counter()

    def enter(self, server: str, address: str | None, *, most: int, most_of_address: int) -> bool:
        # the key without an address counts all of the server
        if most and self._counts[server, None] >= most:
            return False
        if address is not None:
            if most_of_address and self._counts[server, address] >= most_of_address:
                return False
            self._counts[server, address] += 1
        self._counts[server, None] += 1
        return True

    def leave(self, server: str, address: str | None) -> None:
        for key in ((server, None), (server, address)) if address is not None else ((server, None),):
            self._counts[key] -= 1
            if self._counts[key] <= 0:
                del self._counts[key]
