"""AUTH (RFC 4954): base64 around the SASL exchange."""

import base64
import binascii
import logging

from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.authentication.service import LoginRefused, Refusal
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.net.authentication.logins import Exchange
from compostela.protocols.smtp import replies
from compostela.protocols.smtp.replies import Reply, reply

_log = logging.getLogger(__name__)

_REFUSALS = {one: reply(535, "5.7.8", one.value) for one in Refusal} | {
    Refusal.WRONG: replies.AUTH_FAILED,
    Refusal.SHUT_OUT: reply(454, "4.7.0", Refusal.SHUT_OUT.value),
}


class AuthExchange:
    """One AUTH command, from its line to 235 or a refusal."""

    __slots__ = ("_exchange", "_name", "_session")

    def __init__(self, exchange: Exchange, session: SmtpSession, name: str) -> None:
        self._exchange = exchange
        self._session = session
        self._name = name

    async def begin(self, initial: bytes | None) -> tuple[Reply, bool]:
        """(reply, whether the client's answer is awaited). `initial` is base64, `=` for nothing (RFC 4954 §4)."""
        if initial is None:
            return await self._step(None)
        return await self.answer(b"" if initial == b"=" else initial)

    async def answer(self, line: bytes) -> tuple[Reply, bool]:
        if line == b"*":
            return replies.AUTH_ABORTED, False
        try:
            response = base64.b64decode(line, validate=True)
        except binascii.Error:
            return replies.undecodable(self._name), False
        return await self._step(response)

    async def _step(self, response: bytes | None) -> tuple[Reply, bool]:
        try:
            step = await self._exchange.step(response)
        except InvalidArgument:
            return replies.undecodable(self._name), False
        except LoginRefused as refused:
            return _REFUSALS[refused.refusal], False
        except TemporaryFailure as failure:
            _log.error("a login could not be checked", extra={"error": str(failure)})
            return replies.UNABLE, False
        if isinstance(step, bytes):
            return reply(334, "", base64.b64encode(step).decode()), True
        self._session.user = step.user
        return replies.AUTH_OK, False
