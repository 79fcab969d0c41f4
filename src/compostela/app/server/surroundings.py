"""What is around a server in its process: listening sockets, connections that count, other processes of the same server."""

from dataclasses import dataclass, field

from compostela.adapters.in_process.connection_counts import InProcessConnections
from compostela.base.siblings import NoSiblings, Siblings
from compostela.core.rate_limits.ports import ConnectionCounts
from compostela.net.accepting import AcceptTurns
from compostela.net.listening_sockets import ListeningSockets


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The defaults are those of a process that is the whole server."""

    sockets: ListeningSockets = field(default_factory=ListeningSockets)
    connections: ConnectionCounts = field(default_factory=InProcessConnections)
    turns: AcceptTurns | None = None
    """Of processes that accept at the same sockets."""
    siblings: Siblings = field(default_factory=NoSiblings)
    leads: bool = True
    """Whether the server does from its start what one process does for all; otherwise `Server.lead` is called."""
