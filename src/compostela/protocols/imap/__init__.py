"""IMAP4rev1 without I/O: grammar, engine, responses (RFC 3501)."""
