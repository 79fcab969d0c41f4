"""AUTH (RFC 4954): base64 around the SASL mechanisms, passwords checked against the users."""

import base64
import binascii
import logging

from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.smtp.session import SmtpSession
from compostela.net.credentials import authenticate
from compostela.net.smtp.server import MECHANISMS, SmtpServer
from compostela.protocols.sasl.mechanisms import Challenge, Mechanism
from compostela.protocols.smtp import replies
from compostela.protocols.smtp.replies import reply

_log = logging.getLogger(__name__)


class AuthExchange:
    """One AUTH command, from its line to 235 or a refusal."""

    __slots__ = ("_mechanism", "_name", "_server", "_session")

    def __init__(self, server: SmtpServer, session: SmtpSession, name: str) -> None:
        self._server = server
        self._session = session
        self._name = name
        self._mechanism: Mechanism = MECHANISMS[name]()

    async def begin(self, initial: bytes | None) -> tuple[bytes, bool]:
        """(reply, whether the client's answer is awaited). `initial` is base64, `=` for nothing (RFC 4954 §4)."""
        if initial is None:
            return await self._step(None)
        return await self.answer(b"" if initial == b"=" else initial)

    async def answer(self, line: bytes) -> tuple[bytes, bool]:
        if line == b"*":
            return replies.AUTH_ABORTED, False
        try:
            response = base64.b64decode(line, validate=True)
        except binascii.Error:
            return replies.undecodable(self._name), False
        return await self._step(response)

    async def _step(self, response: bytes | None) -> tuple[bytes, bool]:
        try:
            step = self._mechanism.next(response)
        except InvalidArgument:
            return replies.undecodable(self._name), False
        if isinstance(step, Challenge):
            return reply(334, "", base64.b64encode(step.octets).decode()), True
        try:
            user = await authenticate(self._server.users, step)
        except TemporaryFailure:
            _log.exception("a password could not be checked")
            return replies.UNABLE, False
        if user is None:
            _log.info("login failed", extra={"ip": self._session.remote_address, "user": step.authentication_id[:255]})
            return replies.AUTH_FAILED, False
        self._session.user = user
        return replies.AUTH_OK, False
