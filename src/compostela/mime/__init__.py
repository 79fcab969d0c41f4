"""Messages as octets: header blocks, structure, building; no I/O, and only what is asked for is parsed."""
