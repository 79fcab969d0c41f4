"""An open connection of a client."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Channel:
    """One connection, as WebAdmin lists it. `endpoint` is the name of the server that accepted it."""

    protocol: str
    endpoint: str
    remote_address: str
    connected_at: float
    """Epoch seconds."""
    is_active: bool
    """Whether the server works for it at this moment."""
    is_writable: bool
    """Whether the client reads what it is sent."""
    is_encrypted: bool
    username: str | None = None
    """After a login."""
    details: dict[str, str] = field(default_factory=dict)
    """Further facts of the protocol, under James's names."""
