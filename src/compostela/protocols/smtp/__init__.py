"""SMTP without I/O: grammar, engine, replies (RFC 5321)."""
