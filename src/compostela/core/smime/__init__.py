"""S/MIME (RFC 8551): the Cryptographic Message Syntax (RFC 5652) of signed and encrypted messages, with `cryptography` for all ciphers,
digests, keys and certificates. That library signs, but does not verify CMS, and decrypts a part of what mail programs send."""
