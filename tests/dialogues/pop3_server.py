"""A server with POP3, and what its tests say."""

import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.mime.headers import header_end
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import BOB, Server, running

TLS = (
    "<tls startTLS='true'><privateKey>file://var/tls/key.pem</privateKey>"
    "<certificates>file://var/tls/certificate.pem</certificates></tls>"
)
POP3 = """<pop3servers><pop3server><jmxName>pop3</jmxName><bind>127.0.0.1:0</bind>
<helloName autodetect="false">mail.example.org</helloName>{tls}
<auth><requireSSL>{ssl}</requireSSL>{auth}</auth>{elements}</pop3server></pop3servers>"""
MECHANISMS = "<saslMechanisms>PLAIN,SCRAM-SHA-256</saslMechanisms>"
MESSAGE = b"From: a@b.example\r\nSubject: Hello\r\n\r\nOne.\r\n.\r\n..two\r\nThree.\r\n"


@contextlib.asynccontextmanager
async def serving(
    folder: Path,
    *,
    ssl: bool = False,
    auth: str = MECHANISMS,
    elements: str = "",
    files: Mapping[str, str] | None = None,
    users: Mapping[str, str] | None = None,
    handlers: str = "",
) -> AsyncIterator[Server]:
    pop3 = POP3.format(tls=TLS, ssl=str(ssl).lower(), auth=auth, elements=elements)
    async with running(
        folder, files={"pop3server.xml": pop3, **(files or {})}, users=users, handlers=handlers
    ) as server:
        yield server


async def deliver(server: Server, *messages: bytes, user: Username = BOB) -> None:
    for message in messages:
        end = header_end(message)
        content = MessageContent(message[:end], MemoryBody(message[end:]))
        await server.under_test.services.mailboxes.system.deliver(user, content)


async def in_inbox(server: Server, user: Username = BOB) -> int:
    inbox = await server.store.mailboxes.find(MailboxPath.inbox(user))
    return 0 if inbox is None else (await server.store.mailboxes.head(inbox.id)).messages


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@contextlib.asynccontextmanager
async def greeted(server: Server) -> AsyncIterator[Conversation]:
    async with conversation(server.ports["pop3"]) as c:
        await c.server("+OK mail.example.org POP3 server (Compostela) ready")
        yield c


@contextlib.asynccontextmanager
async def logged_in(server: Server, user: str = "bob@example.org") -> AsyncIterator[Conversation]:
    async with greeted(server) as c:
        await c.client(f"USER {user}", "PASS secret")
        await c.server("+OK ", f"+OK Welcome {user}")
        yield c


async def multiline(c: Conversation) -> list[str]:
    """The lines of a multi-line reply as they came, without `+OK` and the line that ends them."""
    await c.server("+OK")
    lines = []
    while (line := await c.line()) != ".":
        lines.append(line)
    return lines
