"""Fetching an MTA-STS policy as other servers do (RFC 8461 §3.3): HTTPS, a valid certificate, no redirection."""

import asyncio
import re
import ssl

from compostela.core.dns.ports import DnsNoSuchName, DnsResolver

FETCH_SECONDS = 15.0
MAX_POLICY_BYTES = 64 * 1024
HTTPS_PORT = 443
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?:\r\n|$)", re.IGNORECASE)


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
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await self._get(addresses[0], host, path)
        except TimeoutError as error:
            raise OSError(f"{addresses[0]} did not answer in time") from error

    async def _get(self, address: str, host: str, path: str) -> str:
        context = self._context or ssl.create_default_context()
        reader, writer = await asyncio.open_connection(address, self._port, ssl=context, server_hostname=host)
        try:
            # HTTP/1.0, so that the answer is plain and ends with the connection
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            data = b""
            while len(data) <= MAX_POLICY_BYTES:
                more = await reader.read(MAX_POLICY_BYTES)
                if not more:
                    break
                data += more
        finally:
            writer.close()
        head, separator, body = data.partition(b"\r\n\r\n")
        status = head.split(b"\r\n", 1)[0].split(b" ")
        if not separator or len(status) < 2 or not status[0].startswith(b"HTTP/1."):
            raise OSError(f"{host} does not answer as HTTP")
        if status[1] != b"200":
            raise OSError(f"the answer is {status[1].decode('latin-1')[:20]}")
        if len(data) <= MAX_POLICY_BYTES and len(body) < _content_length(head):
            # what is left of it may be a policy that lacks exchangers
            raise OSError("the answer is cut off")
        return body[:MAX_POLICY_BYTES].decode("utf-8", "replace")


def _content_length(head: bytes) -> int:
    """0 if the answer does not say how long it is."""
    found = _CONTENT_LENGTH.search(head)
    return int(found[1]) if found is not None else 0
