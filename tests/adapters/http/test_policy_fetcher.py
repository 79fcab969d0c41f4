"""Fetching an MTA-STS policy from a web server on loopback."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.adapters.http import policy_fetcher as https
from compostela.adapters.http.policy_fetcher import PolicyFetcher
from compostela.app import first_start
from compostela.core.dns.settings import DnsSettings
from compostela.testing.name_server import name_server

HOST = "mta-sts.example.org"
PATH = "/.well-known/mta-sts.txt"


@contextlib.asynccontextmanager
async def fetching(
    folder: Path, answer: bytes, *, name: str = HOST, trusted: bool = True
) -> AsyncIterator[PolicyFetcher]:
    """A fetcher, and a server that gives one answer whatever it is asked; an empty one is silence."""
    first_start.make_certificate(folder, name)
    certificate = folder / "tls/certificate.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, folder / "tls/key.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
            assert asked.startswith(f"GET {PATH} HTTP/1.1\r\nHost: {HOST}".encode())
            if answer:
                writer.write(answer)
                await writer.drain()
            else:
                await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        async with name_server({HOST: {"A": ["127.0.0.1"]}}) as names:
            resolver = DnspythonResolver(DnsSettings(servers=(names.address,), use_system=False))
            trust = ssl.create_default_context(cafile=str(certificate)) if trusted else None
            yield PolicyFetcher(resolver, server.sockets[0].getsockname()[1], trust)
    finally:
        server.close()


async def test_a_policy_is_fetched_from_the_address_that_dns_gives(tmp_path: Path) -> None:
    async with fetching(tmp_path, b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\nversion: STSv1\r\n") as fetcher:
        assert await fetcher.fetch(HOST, PATH) == "version: STSv1\r\n"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/\r\n\r\n", "the answer is 301"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "the answer is 404"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nversion: STSv1\r\n",
            "not enough data|payload is not completed",
        ),
        (b"220 mail.example.org ESMTP\r\n", "Expected HTTP"),
    ],
)
async def test_another_answer_is_none(tmp_path: Path, answer: bytes, reason: str) -> None:
    async with fetching(tmp_path, answer) as fetcher:
        with pytest.raises(OSError, match=reason):
            await fetcher.fetch(HOST, PATH)


@pytest.mark.parametrize("octets", [https.MAX_POLICY_BYTES, https.MAX_POLICY_BYTES + 1, 1_000_000])
async def test_a_large_answer_is_refused(tmp_path: Path, octets: int) -> None:
    """What would be left of it may be a policy that lacks exchangers."""
    async with fetching(tmp_path, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * octets) as fetcher:
        if octets <= https.MAX_POLICY_BYTES:
            assert len(await fetcher.fetch(HOST, PATH)) == octets
        else:
            with pytest.raises(OSError, match="longer than 65536 octets"):
                await fetcher.fetch(HOST, PATH)


async def test_the_certificate_must_be_trusted_and_for_the_host(tmp_path: Path) -> None:
    good = b"HTTP/1.1 200 OK\r\n\r\nversion: STSv1\r\n"
    async with fetching(tmp_path / "untrusted", good, trusted=False) as fetcher:
        with pytest.raises(OSError, match="self-signed"):
            await fetcher.fetch(HOST, PATH)
    async with fetching(tmp_path / "other", good, name="other.example.org") as fetcher:
        with pytest.raises(OSError, match="Hostname mismatch"):
            await fetcher.fetch(HOST, PATH)


async def test_a_silent_server_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "FETCH_SECONDS", 0.1)
    async with fetching(tmp_path, b"") as fetcher:
        with pytest.raises(OSError, match="did not answer in time"):
            await fetcher.fetch(HOST, PATH)


async def test_a_host_that_does_not_exist(tmp_path: Path) -> None:
    async with fetching(tmp_path, b"") as fetcher:
        with pytest.raises(OSError, match="does not exist"):
            await fetcher.fetch("gone.example.org", PATH)
