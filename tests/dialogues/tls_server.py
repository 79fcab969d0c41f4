"""A server whose TLS is all the test's: SMTP, LMTP and IMAP servers with the `tls` blocks that it asks for."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from compostela.app.configuration.folder import load
from compostela.app.server.life_cycle import Server
from compostela.base.settings import Problems
from compostela.testing.conversation import Conversation
from compostela.testing.server import DOMAINS, USERS, server_of

KEYS = Path(__file__).parents[1] / "data" / "tls"
KEY = "<privateKey>file://conf/key.pem</privateKey><certificates>file://conf/certificate.pem</certificates>"
_SERVER = (
    "<{kind}server><jmxName>{name}</jmxName><bind>127.0.0.1:0</bind><tls {attribute}='true'>{tls}</tls>{elements}"
    "{more}</{kind}server>"
)
_SMTP = "<auth><announce>always</announce></auth><handlerchain/>"


@dataclass
class TlsServer:
    """The running server, its configuration folder (with the files of tests/data/tls) and its ports by name."""

    under_test: Server
    conf: Path
    ports: dict[str, int]


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    smtp: dict[str, str],
    imap: dict[str, str] | None = None,
    elements: str = "",
    lmtp: dict[str, str] | None = None,
) -> AsyncIterator[TlsServer]:
    """Servers by name, each with the contents of its `tls` element, and with `elements` beside it; a name that ends in s has TLS
    from the first octet."""
    conf, data = folder / "conf", folder / "data"
    conf.mkdir()
    for file in KEYS.iterdir():
        (conf / file.name).write_bytes(file.read_bytes())
    for kind, servers in (("smtp", smtp), ("imap", imap or {}), ("lmtp", lmtp or {})):
        listed = "".join(
            _SERVER.format(
                kind=kind,
                name=name,
                attribute="socketTLS" if name.endswith("s") else "startTLS",
                tls=tls,
                elements=elements,
                more=_SMTP if kind == "smtp" else "",
            )
            for name, tls in servers.items()
        )
        (conf / f"{kind}server.xml").write_text(f"<{kind}servers>{listed}</{kind}servers>")
    (conf / "domainlist.xml").write_text(DOMAINS)
    (conf / "usersrepository.xml").write_text(USERS)
    problems = Problems()
    configuration = load(conf, data, problems)
    server, _ = await server_of(configuration, data, problems)
    await server.start()
    try:
        yield TlsServer(server, conf, {one.settings.name: one.ports[0] for one in server.listeners})
    finally:
        await server.stop()


def client_context(certificate: str | None = None) -> ssl.SSLContext:
    """A client that takes any certificate, and shows one of tests/data/tls if asked."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(KEYS / certificate)
    return context


class TlsConversation(Conversation):
    """A conversation that can look at its TLS."""

    @property
    def tls(self) -> ssl.SSLObject:
        found: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return found

    @property
    def certificate(self) -> bytes:
        return self.tls.getpeercert(binary_form=True) or b""

    def reset_by_peer(self) -> None:
        """Ends the connection as a machine does that has lost its power: by a reset."""
        bound: socket.socket = self._writer.get_extra_info("socket")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def upgrade(self, context: ssl.SSLContext) -> None:
        await self._writer.start_tls(context)


@contextlib.asynccontextmanager
async def connected(
    port: int, context: ssl.SSLContext | None = None, source: str = "127.0.0.1"
) -> AsyncIterator[TlsConversation]:
    """With a context: TLS from the first octet. `source` is the address from which the client comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(source, 0))
    try:
        yield TlsConversation(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def submitted(port: int, name: str, context: ssl.SSLContext) -> AsyncIterator[TlsConversation]:
    """A conversation with a server of this name, after its greeting, by STARTTLS or with TLS from the beginning."""
    implicit = name.endswith("s")
    async with connected(port, context if implicit else None) as c:
        if name.startswith("imap"):
            await c.server("* OK")
            if not implicit:
                await c.client("a STARTTLS")
                await c.server("a OK")
        else:
            await c.server("220 ")
            if not implicit:
                await c.client("STARTTLS")
                await c.server("220 ")
        if not implicit:
            await c.upgrade(context)
        yield c
