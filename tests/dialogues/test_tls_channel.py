"""What a session knows of its TLS channel, for SASL: the client's certificate, and the binding to the server's."""

import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography.x509 import load_der_x509_certificate

from compostela.net.connection import Connection
from compostela.net.tls.channel import TlsChannel
from tests.dialogues.tls_server import KEY, KEYS, client_context, connected, running, submitted

TRUST = "<clientAuth>want<truststore>file://conf/trust.pem</truststore></clientAuth>"


async def channel_in(edition: object) -> TlsChannel | None:
    """Of the only session that there is."""
    (host,) = [one for listener in edition.listeners for one in listener._open]  # type: ignore[attr-defined]
    assert isinstance(host, Connection)
    return host.tls_channel


@pytest.mark.parametrize("name", ["smtp", "smtps", "imap", "imaps"])
async def test_the_clients_certificate_is_there(tmp_path: Path, name: str) -> None:
    imap = name.startswith("imap")
    blocks = {name: KEY + TRUST}
    async with (
        running(tmp_path, {} if imap else blocks, blocks if imap else {}) as server,
        submitted(server.ports[name], name, client_context("client.pem")) as c,
    ):
        await c.client("x NOOP")
        await c.line()
        channel = await channel_in(server.under_test)
    assert channel is not None
    assert channel.protocol == "TLSv1.3"
    assert channel.peer_common_names == ("bob@example.org",)
    assert channel.peer_addresses == ("bob@example.org",)
    pem = (KEYS / "client.pem").read_text()
    assert channel.peer_certificate == ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERT") :])


async def test_without_tls_there_is_no_channel_and_without_a_certificate_no_name(tmp_path: Path) -> None:
    async with running(tmp_path, {"smtp": KEY + TRUST, "smtps": KEY + TRUST}) as server:
        async with connected(server.ports["smtp"]) as c:
            await c.server("220 ")
            assert await channel_in(server.under_test) is None
            await c.client("QUIT")
            await c.server("221 ")
            await c.closed()
        async with submitted(server.ports["smtps"], "smtps", client_context()) as c:
            channel = await channel_in(server.under_test)
    assert channel is not None
    assert (channel.peer_certificate, channel.peer_common_names, channel.peer_addresses) == (None, (), ())


async def test_the_binding_is_to_the_certificate_of_this_handshake_even_after_a_reload(tmp_path: Path) -> None:
    block = "<keystore>file://conf/rsa.jks</keystore><secret>changeit</secret>"
    async with (
        running(tmp_path, {"smtps": block}) as server,
        submitted(server.ports["smtps"], "smtps", client_context()) as c,
    ):
        (server.conf / "rsa.jks").write_bytes((KEYS / "ec.jks").read_bytes())
        await server.under_test.reload_certificates()
        channel = await channel_in(server.under_test)
        certificate = c.certificate
    assert channel is not None
    algorithm = load_der_x509_certificate(certificate).signature_hash_algorithm
    assert algorithm is not None
    assert channel.server_end_point() == hashlib.new(algorithm.name, certificate).digest()


async def test_with_keys_of_two_kinds_there_is_no_binding(tmp_path: Path) -> None:
    block = "<keystore>file://conf/both.jks</keystore><secret>changeit</secret>"
    async with (
        running(tmp_path, {"smtps": block}) as server,
        submitted(server.ports["smtps"], "smtps", client_context()),
    ):
        channel = await channel_in(server.under_test)
    assert channel is not None
    assert channel.server_end_point() is None


def test_a_weak_hash_gives_way_to_sha_256() -> None:
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding

    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2027, 1, 1, tzinfo=UTC)).sign(key, None)
    )  # fmt: skip
    shown = certificate.public_bytes(Encoding.DER)
    assert TlsChannel("TLSv1.3", "x", server_certificate=shown).server_end_point() is None
    sha1 = ssl.PEM_cert_to_DER_cert((KEYS / "sha1.pem").read_text())
    assert TlsChannel("TLSv1.3", "x", server_certificate=sha1).server_end_point() == hashlib.sha256(sha1).digest()
