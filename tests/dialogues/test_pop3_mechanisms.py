"""POP3 at the wire: access tokens, and the mechanisms that need TLS."""

import base64
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation
from tests.dialogues.pop3_server import POP3, b64, greeted, multiline, serving
from tests.dialogues.tls_server import KEYS, client_context, connected
from tests.identity_provider import IdentityProvider, needs_identity_provider
from tests.unit.protocols.sasl import final

OWN_KEY = "<privateKey>file://var/tls/key.pem</privateKey><certificates>file://var/tls/certificate.pem</certificates>"
PLUS = "SCRAM-SHA-256-PLUS"


@contextlib.asynccontextmanager
async def over_tls(
    folder: Path, auth: str, tls: str = "", certificate: str | None = None
) -> AsyncIterator[Conversation]:
    """A conversation with a port of POP3 over TLS, after the greeting."""
    conf = folder / "conf"
    conf.mkdir(exist_ok=True)
    (conf / "trust.pem").write_bytes((KEYS / "trust.pem").read_bytes())
    text = POP3.format(tls=f"<tls socketTLS='true'>{OWN_KEY}{tls}</tls>", ssl="true", auth=auth, elements="")
    async with (
        serving(folder, files={"pop3server.xml": text}) as server,
        connected(server.ports["pop3"], client_context(certificate)) as c,
    ):
        await c.server("+OK ")
        yield c


async def mechanisms(c: Conversation) -> list[str]:
    await c.client("AUTH")
    return await multiline(c)


@pytest.mark.parametrize(("password", "answer"), [(b"secret", "+OK Welcome bob@"), (b"wrong", "-ERR [AUTH]")])
async def test_scram_bound_to_the_channel(tmp_path: Path, password: bytes, answer: str) -> None:
    async with over_tls(tmp_path, f"<saslMechanisms>PLAIN,SCRAM-SHA-256,{PLUS}</saslMechanisms>") as c:
        assert PLUS in await mechanisms(c)
        tls: ssl.SSLObject = c._writer.get_extra_info("ssl_object")
        binding = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").digest()
        header, first = "p=tls-server-end-point,,", "n=bob@example.org,r=clientnonce"
        await c.client(f"AUTH {PLUS} {b64((header + first).encode())}")
        challenge = base64.b64decode((await c.line()).removeprefix("+ "))
        await c.client(b64(final(first, header, binding, challenge, password)))
        line = await c.line()
        if line.startswith("+ "):
            await c.client("")
            line = await c.line()
        assert line.startswith(answer)


async def test_a_client_certificate_logs_in(tmp_path: Path) -> None:
    want = "<clientAuth>want<truststore>file://conf/trust.pem</truststore></clientAuth>"
    async with over_tls(tmp_path, "", want, "client.pem") as c:
        assert "EXTERNAL" in await mechanisms(c)
        await c.client("AUTH EXTERNAL " + b64(b"nobody@example.org"), "AUTH EXTERNAL =")
        await c.server("-ERR [AUTH] User does not exist.", "+OK Welcome bob@example.org")
    async with over_tls(tmp_path, "", want) as c:
        assert await mechanisms(c) == ["PLAIN"]


@needs_identity_provider
async def test_access_tokens(tmp_path: Path, provider: IdentityProvider) -> None:
    def bearer(token: str) -> str:
        return b64(f"n,a=bob@example.org,\x01auth=Bearer {token}\x01\x01".encode())

    async with serving(tmp_path, auth=provider.oidc) as server:
        for mechanism, response in (
            ("OAUTHBEARER", bearer(provider.jwt("bob"))),
            ("XOAUTH2", b64(f"user=bob@example.org\x01auth=Bearer {provider.jwt('bob')}\x01\x01".encode())),
        ):
            async with greeted(server) as c:
                await c.client(f"AUTH {mechanism}", response)
                await c.server("+ ", "+OK Welcome bob@example.org")
        async with greeted(server) as c:
            # RFC 7628 §3.2.3: the client hears why, answers, and is refused
            await c.client(f"AUTH OAUTHBEARER {bearer('wrong')}")
            assert b"status" in base64.b64decode((await c.line()).removeprefix("+ "))
            await c.client("AQ==", "CAPA")
            await c.server("-ERR [AUTH] Authentication failed.")
            assert "SASL PLAIN OAUTHBEARER XOAUTH2" in await multiline(c)
