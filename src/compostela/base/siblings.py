"""What the processes of one server ask and tell each other, such as metrics, log levels, and to read certificates again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
Answer = Callable[[Json], Awaitable[Json]]
"""Answers a question; what it returns goes to the process that asked."""

LOG_LEVELS = "log levels"
"""Tells levels by component, None for that of the start; the answer is what was changed since the start."""
METRICS = "metrics"
"""Asks for `compostela.base.metrics.snapshot`."""
PEERS = "peers"
"""Asks what the port `compostela.core.connections.ports.Peers` carries."""
RELOAD = "certificates"
"""Tells to read certificates again, of a port or with None of all."""


class RestartRefused(Exception):
    """A rolling restart is not possible; the text says why."""


@dataclass(frozen=True, slots=True)
class RollingRestart:
    """The last rolling restart of the server. Numbers count from 1; a server without one has the number 0."""

    number: int
    is_over: bool
    problem: str | None = None
    """Why it was given up, as a sentence; then the processes from before the restart go on."""


NO_RESTART = RollingRestart(0, is_over=True)


class Siblings(Protocol):
    """The other worker processes of this server on this machine. Embedded and distributed alike: they are reached by way of the
    supervisor; a process without one is alone."""

    async def ask(self, topic: str, body: Json = None) -> list[Json]:
        """The answers of the others, in no order; None of one that cannot answer, or not in time. Those that end meanwhile are left
        out. Never raises."""
        ...

    def answer(self, topic: str, answer: Answer) -> None:
        """From now on questions of this topic are answered."""
        ...

    async def restart(self) -> None:
        """Put new processes with the present code and configuration in the place of all. Returns when the configuration is found to
        be right; `last_restart` tells the rest. Raises `RestartRefused`."""
        ...

    @property
    def last_restart(self) -> RollingRestart:
        """The last rolling restart, and whether it is over."""
        ...

    @property
    def missing(self) -> int:
        """How many processes are not ready that should be."""
        ...


class NoSiblings:
    """The process is alone."""

    missing = 0
    last_restart = NO_RESTART

    async def ask(self, topic: str, body: Json = None) -> list[Json]:  # noqa: ARG002 - the interface's
        return []

    def answer(self, topic: str, answer: Answer) -> None:
        """It is never asked."""

    async def restart(self) -> None:
        raise RestartRefused("there are no worker processes: restart the service, or start it with --workers")
