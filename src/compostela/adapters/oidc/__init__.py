"""Access tokens of an OpenID provider, checked with joserfc and asked about over aiohttp; both are imported at the first token."""
