"""ManageSieve servers (RFC 5804): the engine's host."""
