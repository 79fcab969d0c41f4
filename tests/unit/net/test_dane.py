"""DANE for SMTP (RFC 7672): next hops that prove themselves with TLSA records, and those that do not."""

import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.core.dns.settings import DnsSettings
from compostela.core.outbound.dane import TlsaRecord
from compostela.core.outbound.dane_policies import DanePolicies
from compostela.core.outbound.ports import TlsOutcome, Wishes
from compostela.core.outbound.tls import Demand, PolicyType, TlsFailureType, TlsPolicy
from compostela.core.outbound.tls_policies import TlsPolicies
from compostela.model.domain import Domain
from compostela.net.outbound.client import SmtpClient
from compostela.testing.name_server import name_server
from tests.contracts.next_hop import BOB, CAROL, EVERY_FEATURE, Peer, codes, sent
from tests.signed_zones import needs_signed_zones, signed_zones
from tests.unit.net.dane import tried

NAME = "mx.signed.example"
TLS = (*EVERY_FEATURE, "STARTTLS")


@dataclass
class Chain:
    """A server's certificate and its authority, in DER, and the server's side of TLS with both."""

    own: bytes
    authority: bytes
    context: ssl.SSLContext

    def peer(self) -> Peer:
        return Peer(features=TLS, tls=self.context)


def chain_of(folder: Path, name: str = NAME, *, days: int = 30) -> Chain:
    start = datetime.now(UTC) - timedelta(days=60)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority that no system knows")])

    def signed(
        subject: x509.Name, of: ec.EllipticCurvePrivateKey, until: datetime, *, is_authority: bool
    ) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(of.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(authority_key, SHA256())
        )

    later = start + timedelta(days=600)
    authority = signed(issuer, authority_key, later, is_authority=True)
    own = signed(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        key,
        start + timedelta(days=60 + days),
        is_authority=False,
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "chain.pem").write_bytes(private + own.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem")
    return Chain(own.public_bytes(Encoding.DER), authority.public_bytes(Encoding.DER), context)


def key_of(certificate: bytes) -> bytes:
    key = x509.load_der_x509_certificate(certificate).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def policy(*records: TlsaRecord) -> TlsPolicy:
    return TlsPolicy(PolicyType.TLSA, Demand.DANE if records else Demand.ENCRYPTION, NAME, records)


def forms(usage: int, certificate: bytes) -> list[TlsaRecord]:
    return [
        TlsaRecord(usage, 0, 0, certificate),
        TlsaRecord(usage, 0, 1, sha256(certificate).digest()),
        TlsaRecord(usage, 1, 1, sha256(key_of(certificate)).digest()),
        TlsaRecord(usage, 1, 2, sha512(key_of(certificate)).digest()),
    ]


WRONG = TlsaRecord(3, 1, 1, bytes(32))


@pytest.mark.parametrize("usage", [2, 3])
async def test_a_server_that_a_record_names_gets_the_mail(tmp_path: Path, usage: int) -> None:
    chain = chain_of(tmp_path)
    for record in forms(usage, chain.authority if usage == 2 else chain.own):
        assert record.is_usable
        result = await sent(SmtpClient(), chain.peer(), name=NAME, tls=policy(WRONG, record))
        assert (result.delivered, result.tls) == ([BOB, CAROL], TlsOutcome(is_used=True))


async def test_the_name_and_the_dates_count_with_an_authority_alone(tmp_path: Path) -> None:
    chain = chain_of(tmp_path, "other.example", days=-1)
    assert (await sent(SmtpClient(), chain.peer(), name=NAME, tls=policy(forms(3, chain.own)[2]))).delivered == [
        BOB,
        CAROL,
    ]
    anchored = policy(forms(2, chain.authority)[1])
    for name, failure in ((NAME, None), ("other.example", TlsFailureType.CERTIFICATE_EXPIRED)):
        result = await sent(SmtpClient(), chain.peer(), name=name, tls=replace(anchored, domain=name))
        assert codes(result) == {BOB: 0, CAROL: 0}
        assert result.tls is not None
        assert result.tls.failure is not None
        assert failure in (None, result.tls.failure.type)


async def test_of_an_alias_the_name_with_the_records_counts(tmp_path: Path) -> None:
    chain = chain_of(tmp_path)
    anchored = policy(forms(2, chain.authority)[1])
    result = await sent(SmtpClient(), chain.peer(), name="alias.signed.example", tls=anchored)
    assert (result.delivered, result.tls) == ([BOB, CAROL], TlsOutcome(is_used=True))


async def test_a_server_that_no_record_names_gets_no_mail(tmp_path: Path) -> None:
    chain = chain_of(tmp_path)
    peer = chain.peer()
    result = await sent(SmtpClient(), peer, name=NAME, tls=policy(WRONG, TlsaRecord(2, 0, 1, bytes(32))))
    assert (codes(result), result.refused[BOB].is_of_host) == ({BOB: 0, CAROL: 0}, True)
    assert result.tls is not None
    assert result.tls.failure is not None
    assert result.tls.failure.type is TlsFailureType.VALIDATION_FAILURE
    assert "MAIL" not in peer.verbs()


@pytest.mark.parametrize("demanded", [policy(WRONG), policy()], ids=["DANE", "no usable record"])
@pytest.mark.parametrize("replies", [{}, {"STARTTLS": "454 not now"}])
async def test_tls_is_not_talked_away(replies: dict[str, str], demanded: TlsPolicy) -> None:
    peer = Peer(replies, features=TLS if replies else EVERY_FEATURE)
    result = await sent(SmtpClient(), peer, name=NAME, tls=demanded)
    assert codes(result) == {BOB: 0, CAROL: 0}
    assert result.tls is not None
    assert result.tls.failure is not None
    assert result.tls.failure.type is TlsFailureType.STARTTLS_NOT_SUPPORTED
    assert "MAIL" not in peer.verbs()


async def test_records_none_of_which_is_usable_ask_for_tls_with_any_certificate(tmp_path: Path) -> None:
    assert (await sent(SmtpClient(), chain_of(tmp_path, "x.example").peer(), name=NAME, tls=policy())).delivered


async def test_a_mail_that_does_not_require_tls_goes_all_the_same() -> None:
    result = await sent(SmtpClient(), Peer(), name=NAME, tls=policy(WRONG), wishes=Wishes(require_tls=False))
    assert result.delivered == [BOB, CAROL]


@pytest.mark.parametrize("text", ["3 1 1", "3 1 1 xyz", "a b c d", "3 1 -1 00", ""])
def test_a_malformed_record_is_none(text: str) -> None:
    record = TlsaRecord.parse(text)
    assert record is None or not record.is_usable


@pytest.mark.parametrize(
    "text", ["0 0 1 " + "ab" * 32, "1 1 1 " + "ab" * 32, "3 2 1 " + "ab" * 32, "3 1 1 abcd", "3 1 7 00"]
)
def test_records_that_say_nothing_about_smtp_are_not_usable(text: str) -> None:
    record = TlsaRecord.parse(text)
    assert record is not None
    assert not record.is_usable
    assert str(record) == text


@needs_signed_zones
async def test_mail_to_a_signed_zone_goes_to_the_server_that_it_names(tmp_path: Path) -> None:
    chain = chain_of(tmp_path)
    good = f"3 1 1 {sha256(key_of(chain.own)).hexdigest()}"
    async with chain.peer().running() as peer:
        records = (
            f"@ MX 10 mx\nmx A 192.0.2.1\nalias CNAME mx\n_{peer.port}._tcp.mx TLSA {good}\n"
            f"wrong A 192.0.2.2\n_{peer.port}._tcp.wrong TLSA {WRONG}\nodd A 192.0.2.3\n_{peer.port}._tcp.odd TLSA 0 0 1 {'ab' * 32}\n"
        )
        zones = dict.fromkeys(("signed.example", "plain.example", "forged.example"), records)
        async with signed_zones(tmp_path, zones, unsigned="plain.example", forged="forged.example") as server:
            policies = TlsPolicies(DanePolicies(DnspythonResolver(DnsSettings(servers=(server,), use_system=False))))
            for host in ("mx", "alias"):
                result, sessions = await tried(peer, policies, "signed.example", f"{host}.signed.example")
                assert result.delivered
                assert sessions[0] is not None
                assert (sessions[0].policy.text, sessions[0].policy.domain) == ((good,), "mx.signed.example")
                assert sessions[0].failure is None
            result, sessions = await tried(peer, policies, "signed.example", "wrong.signed.example")
            assert not result.delivered
            assert sessions[0] is not None
            assert sessions[0].failure is not None
            odd = await policies.find(Domain("signed.example"), "odd.signed.example", peer.port)
            assert (odd.demand, odd.failure) == (Demand.ENCRYPTION, None)
            # what is not signed binds no sender
            result, sessions = await tried(peer, policies, "plain.example", "wrong.plain.example")
            assert result.delivered
            result, sessions = await tried(peer, policies, "forged.example", "mx.forged.example")
            assert not result.delivered
            assert sessions[0] is not None
            assert sessions[0].failure is not None
            assert sessions[0].failure.type is TlsFailureType.DNSSEC_INVALID


async def test_records_of_a_resolver_that_validates_nothing_do_not_count() -> None:
    zone = {
        "d.example": {"MX": ["10 mx.d.example."]}, "mx.d.example": {"A": ["192.0.2.1"]}, "_25._tcp.mx.d.example": {"TLSA": [str(WRONG)]}
    }  # fmt: skip
    async with name_server(zone) as server:
        dane = DanePolicies(DnspythonResolver(DnsSettings(servers=(server.address,), use_system=False)))
        assert await dane.find(Domain("d.example"), "mx.d.example", 25) is None
