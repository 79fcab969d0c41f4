"""A name server on loopback, over UDP and TCP, that answers from a table."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

ADDRESS = "127.0.0.1"
Zone = Mapping[str, Mapping[str, Sequence[str]]]
"""Name in lower case -> type -> records as in a zone file."""


class NameServer(asyncio.DatagramProtocol):
    """Keeps what it was asked. A test may change `zone`, `failing` (names with SERVFAIL) and `silent` (names without an
    answer) while it runs."""

    def __init__(self, zone: Zone, failing: Collection[str], silent: Collection[str]) -> None:
        self.zone = dict(zone)
        self.failing = set(failing)
        self.silent = set(silent)
        self.questions: list[tuple[str, str]] = []
        self.port = 0

    @property
    def address(self) -> str:
        """As dnsservice.xml takes it."""
        return f"{ADDRESS}:{self.port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own transport of datagrams is no instance of that class
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = self._answer(query)
        if answer is None:
            return
        limit = query.payload or 512
        wire = answer.to_wire(max_size=65535)
        if len(wire) > limit:
            short = dns.message.make_response(query)
            short.flags |= dns.flags.TC
            wire = short.to_wire()
        self._transport.sendto(wire, peer)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP connection (RFC 7766 §8)."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                answer = self._answer(dns.message.from_wire(await reader.readexactly(size)))
                if answer is None:
                    break
                wire = answer.to_wire(max_size=65535)
                writer.write(len(wire).to_bytes(2, "big") + wire)
                await writer.drain()
        writer.close()

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.questions.append((name, kind))
        if name in self.silent:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.zone:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif kind in self.zone[name]:
            records = self.zone[name][kind]
            answer.answer.append(dns.rrset.from_text(question.name, 300, dns.rdataclass.IN, kind, *records))
        return answer


@contextlib.asynccontextmanager
async def name_server(
    zone: Zone, *, failing: Collection[str] = (), silent: Collection[str] = ()
) -> AsyncIterator[NameServer]:
    """Ends with the block. UDP and TCP have one port, so a port that is free for one only is passed over."""
    loop = asyncio.get_running_loop()
    server = NameServer(zone, failing, silent)
    while True:
        transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=(ADDRESS, 0))
        server.port = transport.get_extra_info("sockname")[1]
        try:
            stream = await asyncio.start_server(server.converse, ADDRESS, server.port)
        except OSError:
            transport.close()
            continue
        break
    try:
        yield server
    finally:
        transport.close()
        stream.close()


def text_record(text: str) -> str:
    """A TXT record of any length: strings of at most 255 octets."""
    pieces = [text[start : start + 255] for start in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
