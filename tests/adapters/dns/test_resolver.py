"""The dnspython resolver keeps to the contract, against a name server on loopback."""

from collections.abc import AsyncIterator

import pytest

from compostela.adapters.dns import resolver as resolver_module
from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.core.dns.ports import DnsNoSuchName, DnsTemporaryFailure
from compostela.core.dns.settings import DnsSettings, server_address
from compostela.testing.name_server import NameServer, name_server
from tests.contracts.dns import FAILING, ZONE, DnsResolverContract


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with name_server(ZONE, failing=(FAILING,)) as server:
        yield server


def resolver_of(server: NameServer, *, single: bool = False) -> DnspythonResolver:
    return DnspythonResolver(DnsSettings(servers=(server.address,), use_system=False, single_ip_per_mx=single))


class TestDnspython(DnsResolverContract):
    @pytest.fixture
    def resolver(self, server: NameServer) -> DnspythonResolver:
        return resolver_of(server)


async def test_an_answer_is_remembered(server: NameServer) -> None:
    resolver = resolver_of(server)
    for _ in range(3):
        await resolver.txt("text.example")
        with pytest.raises(DnsNoSuchName):
            await resolver.txt("six.example")
    assert server.questions.count(("text.example", "TXT")) == 1


async def test_a_single_address_when_so_configured(server: NameServer) -> None:
    assert await resolver_of(server, single=True).addresses("mx1.many.example") == ["192.0.2.1"]


async def test_a_long_answer_comes_over_tcp(server: NameServer) -> None:
    assert await resolver_of(server).txt("long.example") == ["x" * 250 * 20]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_addresses_of_name_servers(text: str, address: tuple[str, int]) -> None:
    assert server_address(text) == address


@pytest.mark.parametrize("text", ["", "ns.example", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:x", "[2001:db8::1]:99999"])
def test_what_is_no_address_of_a_name_server(text: str) -> None:
    with pytest.raises(ValueError):
        server_address(text)


async def test_silence_is_told_of_in_few_words(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "LIFETIME_SECONDS", 0.1)
    server.silent.add("text.example")
    with pytest.raises(DnsTemporaryFailure) as failure:
        await resolver_of(server).txt("text.example")
    assert str(failure.value) == f"no answer to text.example TXT in 0.1 seconds (Do53:127.0.0.1@{server.port})"
