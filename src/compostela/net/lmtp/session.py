"""An LMTP session: SMTP's, with LHLO for a greeting and without AUTH (RFC 2033 §4.1)."""

import logging

from compostela.base.metrics import counter
from compostela.core.delivery.ports import MailDelivery
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.net.connection import Connection
from compostela.net.lmtp.commands import LmtpCommands
from compostela.net.smtp.commands import Commands
from compostela.net.smtp.server import SmtpServer
from compostela.net.smtp.session import SmtpServerSession
from compostela.protocols.smtp.replies import Reply

_commands = counter("lmtpCommands", "LMTP commands")


class LmtpServerSession(SmtpServerSession):
    """One client's dialogue."""

    __slots__ = ("_delivery",)

    protocol = "LMTP"
    counter = _commands
    log = logging.getLogger("compostela.net.lmtp")

    def __init__(self, server: SmtpServer, delivery: MailDelivery, connection: Connection, tls: bool) -> None:
        super().__init__(server, connection, tls)
        self._delivery = delivery

    def _make_commands(self, session: SmtpSession) -> Commands:
        return LmtpCommands(self._server, self._delivery, session)

    async def _command(self, verb: bytes, argument: bytes) -> Reply | None:
        match verb:
            case b"LHLO":
                return await self._commands.helo("LHLO", argument)
            case b"HELO" | b"EHLO" | b"AUTH":
                return await self._commands.unknown(verb)
            case _:
                return await super()._command(verb, argument)
