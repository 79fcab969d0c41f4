"""The POP3 server's engine (RFC 1939): grammar, states, replies and content, without I/O."""
