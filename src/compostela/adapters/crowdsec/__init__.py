"""CrowdSec's local API, asked with aiohttp, which is imported at the first question."""
