"""HTTP, spoken with aiohttp, which is imported at the first request."""
