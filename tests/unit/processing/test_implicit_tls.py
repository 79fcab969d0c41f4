"""RemoteDelivery with sslEnable, which is TLS from the start (RFC 8314 §3) before port 25, and sslTrustAllCerts."""

import ssl
from pathlib import Path

import pytest

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.app import first_start
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.dns.settings import DnsSettings
from compostela.core.outbound.own_endpoints import OwnEndpoints
from compostela.core.outbound.ports import SendResult
from compostela.model.domain import Domain
from compostela.net.outbound.client import SmtpClient
from compostela.processing.remote_delivery.attempt import attempt
from compostela.processing.remote_delivery.next_hops import Hop, NextHops
from compostela.processing.remote_delivery.settings import RemoteDeliverySettings, read_remote_delivery_settings
from compostela.testing.mails import a_mail
from tests.contracts.next_hop import BOB, HOST, Peer

NAME = "next.example"


def settings(**elements: str) -> RemoteDeliverySettings:
    children = [Node(name, Place(""), text=text) for name, text in {"sslEnable": "true", **elements}.items()]
    problems = Problems()
    read = read_remote_delivery_settings(
        Settings(Node("mailet", Place(""), children=children), problems), "own.example"
    )
    assert not problems.found
    return read


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    """Of a server whose certificate no authority has signed."""
    first_start.make_certificate(tmp_path, NAME)
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(tmp_path / "tls/certificate.pem", tmp_path / "tls/key.pem")
    return made


async def sent(*hops: Hop, **elements: str) -> SendResult:
    return await attempt(a_mail(recipients=(str(BOB),)), list(hops), SmtpClient(), settings(**elements))


async def found(**elements: str) -> list[Hop]:
    dns = DnspythonResolver(DnsSettings(servers=(), use_system=False))
    own = OwnEndpoints(["own.example"], [], lambda _: False)
    hops = await NextHops(settings(**elements), dns, own).find(Domain("example.org"))
    assert isinstance(hops, list)
    return hops


async def test_port_465_comes_before_port_25() -> None:
    assert await found(gateway=NAME) == [Hop(NAME, 465, NAME, implicit_tls=True), Hop(NAME, 25, NAME)]


async def test_a_port_that_the_operator_names_has_tls_from_the_start_alone() -> None:
    assert await found(gateway=f"{NAME}:2465") == [Hop(NAME, 2465, NAME, implicit_tls=True)]
    assert await found(gateway=NAME, sslEnable="false") == [Hop(NAME, 25, NAME)]


async def test_a_certificate_that_no_authority_has_signed_is_taken_if_all_are_trusted(context: ssl.SSLContext) -> None:
    async with Peer(tls=context, is_implicit=True).running() as peer:
        hop = Hop(HOST, peer.port, NAME, implicit_tls=True)
        refused = (await sent(hop)).refused[BOB]
        assert "certificate of next.example is not valid" in refused.text
        assert not refused.is_permanent
        assert peer.lines == []
        assert (await sent(hop, sslTrustAllCerts="true")).delivered == [BOB]
        assert "STARTTLS" not in peer.verbs()


async def test_a_known_certificate_must_have_the_name_of_the_host(
    context: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls/certificate.pem"))
    async with Peer(tls=context, is_implicit=True).running() as peer:
        assert (await sent(Hop(HOST, peer.port, "other.example", implicit_tls=True))).delivered == []
        assert (await sent(Hop(HOST, peer.port, NAME, implicit_tls=True))).delivered == [BOB]


async def test_where_there_is_no_tls_from_the_start_the_mail_goes_to_port_25() -> None:
    async with Peer().running() as first, Peer().running() as second:
        hops = Hop(HOST, first.port, NAME, implicit_tls=True), Hop(HOST, second.port, NAME)
        assert (await sent(*hops)).delivered == [BOB]
    assert first.data == []
    assert len(second.data) == 1
