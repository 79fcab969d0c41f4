"""Fetching an MTA-STS policy as other servers do (RFC 8461 §3.3): HTTPS, a valid certificate, no redirection."""

import ssl
from typing import TYPE_CHECKING

from compostela.base.http_client import HttpClient, HttpFailure
from compostela.core.dns.ports import DnsNoSuchName, DnsResolver

if TYPE_CHECKING:
    import aiohttp

FETCH_SECONDS = 15.0
MAX_POLICY_BYTES = 64 * 1024
HTTPS_PORT = 443


class PolicyFetcher:
    """Goes by the configured resolver. `port` and `context` are for servers elsewhere than usual."""

    def __init__(self, resolver: DnsResolver, port: int = HTTPS_PORT, context: ssl.SSLContext | None = None) -> None:
        self._resolver = resolver
        self._port = port
        self._context = context

    async def fetch(self, host: str, path: str) -> str:
        """Raises OSError with the reason."""
        try:
            addresses = await self._resolver.addresses(host)
        except DnsNoSuchName as error:
            raise OSError(str(error)) from error

        def connector() -> "aiohttp.BaseConnector":
            import aiohttp

            from compostela.adapters.http.addresses import KnownAddresses

            context = self._context or ssl.create_default_context()
            return aiohttp.TCPConnector(resolver=KnownAddresses(addresses), ssl=context)

        try:
            async with HttpClient(FETCH_SECONDS, MAX_POLICY_BYTES, connector) as client:
                answer = await client.get(f"https://{host}:{self._port}{path}")
        except HttpFailure as error:
            raise OSError(f"{host} ({', '.join(addresses)}): {error}") from error
        if answer.status != 200:
            raise OSError(f"the answer is {answer.status}")
        return answer.body.decode("utf-8", "replace")
