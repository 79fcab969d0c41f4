"""The dnspython resolver keeps to the contract, against a name server on loopback."""

import asyncio
from collections.abc import AsyncIterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.core.dns.ports import DnsNoSuchName
from compostela.core.dns.settings import DnsSettings
from tests.contracts.dns import FAILING, ZONE, DnsResolverContract

ADDRESS = "127.0.0.1"


class NameServer(asyncio.DatagramProtocol):
    """Answers from `ZONE` and keeps what it was asked."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, str]] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    @property
    def port(self) -> int:
        return self.transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.questions.append((name, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name == FAILING:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in ZONE:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif kind in ZONE[name]:
            answer.answer.append(dns.rrset.from_text(question.name, 300, dns.rdataclass.IN, kind, *ZONE[name][kind]))
        self.transport.sendto(answer.to_wire(), peer)


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=(ADDRESS, 0))
    yield server
    transport.close()


def resolver_of(server: NameServer, *, single: bool = False) -> DnspythonResolver:
    settings = DnsSettings(servers=(ADDRESS,), use_system=False, single_ip_per_mx=single)
    return DnspythonResolver(settings, server.port)


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
