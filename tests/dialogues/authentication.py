"""What dialogues about authentication share."""

import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from compostela.testing.conversation import Conversation
from compostela.testing.server import Server, running
from tests.unit.protocols.sasl import final

ALL = "<saslMechanisms>PLAIN, LOGIN, SCRAM-SHA-256, ScramSha256PlusSaslMechanismFactory</saslMechanisms>"
SMTP = """<smtpservers><smtpserver><jmxName>smtp</jmxName><bind>127.0.0.1:0</bind>
<helloName autodetect="false">mail.example.org</helloName>
<tls startTLS="true"><privateKey>file://var/tls/key.pem</privateKey><certificates>file://var/tls/certificate.pem</certificates></tls>
<auth><announce>always</announce><requireSSL>{ssl}</requireSSL>AUTH</auth></smtpserver></smtpservers>"""
IMAP = """<imapservers><imapserver><jmxName>imap</jmxName><bind>127.0.0.1:0</bind>
<tls startTLS="true"><privateKey>file://var/tls/key.pem</privateKey><certificates>file://var/tls/certificate.pem</certificates></tls>
<auth><requireSSL>SSL</requireSSL>AUTH</auth></imapserver></imapservers>"""
QUICK = "failures.limit=4\ndelay.first=1ms\n"


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@contextlib.asynccontextmanager
async def serving(
    folder: Path, auth: str = ALL, smtp: str = SMTP, *, ssl: bool = False, throttle: str = QUICK
) -> AsyncIterator[Server]:
    imap = IMAP.replace(">SSL<", f">{str(ssl).lower()}<").replace("AUTH", auth.replace(", LOGIN", ""))
    files = {"imapserver.xml": imap, "authentication.properties": throttle}
    async with running(folder, ssl=ssl, smtp=smtp.replace("AUTH", auth), files=files) as server:
        yield server


async def greet(c: Conversation) -> list[str]:
    await c.server("220 ")
    return await offers(c)


async def offers(c: Conversation) -> list[str]:
    await c.client("EHLO client.example")
    lines = await c.until("250 ")
    return next((line[9:].split() for line in lines if line.startswith("250-AUTH ")), [])


async def scram(c: Conversation, mechanism: str, header: str = "n,,", binding: bytes = b"", password: bytes = b"secret", user: str = "bob@example.org") -> str:  # fmt: skip
    first = f"n={user},r=clientnonce"
    await c.client(f"AUTH {mechanism} {b64((header + first).encode())}")
    challenge = (await c.line()).removeprefix("334 ")
    await c.client(b64(final(first, header, binding, base64.b64decode(challenge), password)))
    answer = await c.line()
    if answer.startswith("334 "):
        assert base64.b64decode(answer[4:]).startswith(b"v=")
        await c.client("")
        answer = await c.line()
    return answer
