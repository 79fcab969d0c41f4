"""Where mail goes, and that it never goes back to this server (RFC 5321 §5.1)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.dns.settings import DnsSettings
from compostela.core.outbound.own_endpoints import OwnEndpoints
from compostela.core.outbound.ports import Refusal, SendResult
from compostela.model.domain import Domain
from compostela.net.outbound.client import SmtpClient
from compostela.net.outbound.local_addresses import is_of_this_machine
from compostela.processing.remote_delivery.attempt import attempt
from compostela.processing.remote_delivery.next_hops import Hop, NextHops
from compostela.processing.remote_delivery.settings import RemoteDeliverySettings, read_remote_delivery_settings
from compostela.testing.mails import a_mail
from compostela.testing.name_server import name_server
from tests.contracts.next_hop import HOST, Peer

NAME = "mail.own.example"
ZONE = {
    "good.example": {"A": ["198.51.100.1"]},
    "better.example": {"A": ["198.51.100.2"]},
    "us.example": {"A": ["198.51.100.9", "192.0.2.1"]},
    "here.example": {"A": ["127.0.0.1"]},
    NAME: {"A": ["203.0.113.1"]},
    "alone.example": {"MX": ["10 us.example."]},
    "by-name.example": {"MX": [f"10 {NAME.upper()}."]},
    "backup.example": {"MX": ["5 better.example.", "10 us.example.", "10 good.example.", "20 good.example."]},
    "backup-by-name.example": {"MX": [f"10 {NAME}.", "5 better.example.", "20 good.example."]},
    "half-loopback.example": {"MX": ["10 here.example.", "20 good.example."]},
    "loopback.example": {"MX": ["10 here.example."]},
    "dead-then-us.example": {"MX": ["5 missing.example.", "10 us.example."]},
    "failing-then-us.example": {"MX": ["5 failing.example.", "10 us.example."]},
}


def settings(*gateways: str) -> RemoteDeliverySettings:
    children = [Node("gateway", Place(""), text=gateway) for gateway in gateways]
    children.append(Node("loadBalancing", Place(""), text="false"))
    return read_remote_delivery_settings(Settings(Node("mailet", Place(""), children=children), Problems()), NAME)


def own(*listening: tuple[str, int]) -> OwnEndpoints:
    return OwnEndpoints([NAME, "localhost"], listening or [("0.0.0.0", 25)], {"192.0.2.1"}.__contains__)


@pytest.fixture
async def hops() -> AsyncIterator[NextHops]:
    async with name_server(ZONE, failing=("failing.example",)) as server:
        dns = DnspythonResolver(DnsSettings(servers=(server.address,), use_system=False))
        yield NextHops(settings(), dns, own())


async def hosts(hops: NextHops, domain: str) -> list[str]:
    found = await hops.find(Domain(domain))
    assert not isinstance(found, Refusal), found.text
    return [hop.name for hop in found]


@pytest.mark.parametrize(
    "domain",
    ["alone.example", "by-name.example", "loopback.example", "dead-then-us.example", "[192.0.2.1]", "[127.0.0.1]"],
)
async def test_a_domain_that_leads_back_here_is_refused_for_good(hops: NextHops, domain: str) -> None:
    found = await hops.find(Domain(domain))
    assert isinstance(found, Refusal)
    assert found.text.startswith("554 5.4.6 ")
    assert (found.code, found.is_permanent, found.leads_back) == (554, True, True)


@pytest.mark.parametrize("domain", ["backup.example", "backup-by-name.example"])
async def test_exchangers_from_our_own_preference_on_are_left_out(hops: NextHops, domain: str) -> None:
    assert await hosts(hops, domain) == ["better.example"]


async def test_a_better_exchanger_that_is_not_known_now_is_waited_for(hops: NextHops) -> None:
    found = await hops.find(Domain("failing-then-us.example"))
    assert isinstance(found, Refusal)
    assert not found.is_permanent


async def test_a_loopback_address_in_dns_does_not_cut_the_list(hops: NextHops) -> None:
    assert await hosts(hops, "half-loopback.example") == ["good.example"]


@pytest.mark.parametrize(
    ("listening", "address", "expected"),
    [
        (("0.0.0.0", 25), "192.0.2.1", True),
        (("0.0.0.0", 25), "127.0.0.1", True),
        (("0.0.0.0", 25), "::ffff:192.0.2.1", True),
        (("0.0.0.0", 25), "192.0.2.2", False),
        (("0.0.0.0", 25), "::1", False),
        (("::", 25), "::1", True),
        (("0.0.0.0", 2525), "192.0.2.1", False),
        (("192.0.2.2", 25), "192.0.2.2", True),
        (("192.0.2.2", 25), "192.0.2.1", False),
        (("mail.internal", 25), "192.0.2.1", True),
        (("0.0.0.0", 25), "no address", False),
    ],
)
def test_own_addresses(listening: tuple[str, int], address: str, expected: bool) -> None:
    assert own(listening).has_address(address, 25) is expected


def test_own_names_are_full_names() -> None:
    assert own().has_name("Mail.OWN.example.")
    assert not own().has_name("localhost"), "many machines have this name"
    assert not own().has_name("")


def test_addresses_of_this_machine() -> None:
    assert is_of_this_machine("127.0.0.1")
    assert not is_of_this_machine("192.0.2.1")
    assert not is_of_this_machine("no address")


async def tried(peers: list[Peer], *, gateways: bool = False) -> SendResult:
    async with AsyncExitStack() as stack:
        for peer in peers:
            await stack.enter_async_context(peer.running())
        hops = [Hop(HOST, peer.port, "peer.example") for peer in peers]
        return await attempt(a_mail(), hops, SmtpClient(own()), settings("gateway.example") if gateways else settings())


def this_server() -> Peer:
    return Peer({"greeting": f"220 {NAME} ready"})


@pytest.mark.parametrize(
    "peer",
    [this_server(), Peer({"EHLO": f"250 {NAME} Hello"}), Peer({"EHLO": "500 what?", "HELO": f"250 {NAME}"})],
    ids=["greeting", "EHLO", "HELO"],
)
async def test_a_next_hop_with_our_name_gets_no_mail(peer: Peer) -> None:
    result = await tried([peer])
    (refusal,) = result.refused.values()
    assert refusal.text.startswith("554 5.4.6 ")
    assert "MAIL" not in peer.verbs()


async def test_an_exchanger_behind_this_server_is_not_tried() -> None:
    behind = Peer()
    result = await tried([this_server(), behind])
    assert (result.delivered, behind.lines) == ([], [])


async def test_a_better_exchanger_that_asks_to_wait_is_waited_for() -> None:
    result = await tried([Peer({"RCPT": "451 later"}), this_server()])
    (refusal,) = result.refused.values()
    assert refusal.code == 451


async def test_another_gateway_takes_the_mail_that_one_would_bring_back() -> None:
    result = await tried([this_server(), Peer()], gateways=True)
    assert (len(result.delivered), result.refused) == (1, {})
