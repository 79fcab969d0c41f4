"""The ManageSieve server's engine (RFC 5804): grammar, states and responses, without I/O."""
