"""What dialogues about smtp extensions share."""

import base64

from compostela.core.mail.model import Mail
from compostela.core.repository.ports import RepositoryUrl
from compostela.testing.conversation import Conversation
from compostela.testing.server import PASSWORD, Server
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle

NETWORK = "<authorizedAddresses>127.0.0.0/8</authorizedAddresses>"
KEEPING = """<mailetcontainer><context><postmaster>postmaster</postmaster></context><spooler><threads>1</threads></spooler>
<processors><processor state="root"><mailet match="All" class="ToRepository"><repositoryPath>var/mail/kept/</repositoryPath>
</mailet></processor><processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""
"""Accepted mails stay in a repository, where a test can look at them."""


def handlers(package: str, *names: str) -> str:
    return "".join(f'<handler class="org.apache.james.smtpserver.{package}.{name}"/>' for name in names)


DSN = handlers("dsn", "DSNEhloHook", "DSNMailParameterHook", "DSNRcptParameterHook", "DSNMessageHook")
REQUIRE_TLS = handlers("tls", "SmtpRequireTlsEhloHook", "SmtpRequireTlsParameterHook", "SmtpRequireTlsMessageHook")
UTF8 = handlers("smtputf8", "SmtpUtf8MailHook", "SmtpUtf8RcptHook")


async def ehlo(c: Conversation) -> list[str]:
    await c.client("EHLO client.example")
    return await c.until("250 ")


async def greet(c: Conversation) -> list[str]:
    await c.server("220 ")
    return await ehlo(c)


async def log_in(c: Conversation, user: str = "bob@example.org") -> None:
    token = base64.b64encode(f"\x00{user}\x00{PASSWORD}".encode()).decode()
    await c.client(f"AUTH PLAIN {token}")
    await c.server("235 ")


async def kept(server: Server) -> Mail:
    await eventually(lambda: idle(server))
    repository = await server.store.repositories.find(RepositoryUrl("embedded", "var/mail/kept"))
    assert repository is not None
    (key,) = [key async for key in repository.keys()]  # noqa: SIM118 - no dictionary
    mail = await repository.retrieve(key)
    assert mail is not None
    return mail


async def refused(c: Conversation, command: str, answer: str) -> None:
    await c.client(command)
    await c.server(answer)
