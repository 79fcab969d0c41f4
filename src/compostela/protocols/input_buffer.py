"""The octets that an engine has received and not taken yet: the common part of the engines of IMAP, POP3 and ManageSieve."""

from abc import ABC, abstractmethod


class InputBuffer(ABC):
    """Base of an engine that looks for line ends. Octets before `_at` are taken; up to `_searched` there is no line end."""

    __slots__ = ("_at", "_buffer", "_searched")

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0
        self._searched = 0

    @property
    @abstractmethod
    def _is_over(self) -> bool:
        """Whether no further event follows: then nothing is kept."""

    def receive(self, octets: bytes) -> None:
        """Add what arrived. The host stops reading while `buffered` is above its limit. After the end nothing is kept."""
        if self._is_over:
            return
        if self._at == len(self._buffer):
            self._buffer = octets
        else:
            self._buffer = self._buffer[self._at :] + octets
        self._searched -= min(self._searched, self._at)
        self._at = 0

    @property
    def buffered(self) -> int:
        """Octets that wait."""
        return len(self._buffer) - self._at

    def _drop(self) -> None:
        """Throw away what waits."""
        self._buffer = b""
        self._at = self._searched = 0
