"""Messages as octets: header blocks, structure, building; no I/O and no parse of what nobody asked for."""
