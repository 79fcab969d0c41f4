"""The SMTP client: one mail to one next hop (RFC 5321 from the other side)."""

import logging
from dataclasses import replace

from compostela.core.blob.model import MessageContent
from compostela.core.outbound.own_endpoints import NO_ENDPOINTS, OwnEndpoints
from compostela.core.outbound.ports import NO_WISHES, Refusal, SendOptions, SendResult, TlsOutcome, Wishes
from compostela.core.outbound.tls import OPPORTUNISTIC, TlsFailure, TlsPolicy
from compostela.model.mail_address import MailAddress
from compostela.net.outbound.connection import ConnectionFailed, NextHopConnection
from compostela.net.outbound.content import Unreadable
from compostela.net.outbound.conversation import Conversation, NoTls, Refused
from compostela.net.outbound.idle_connections import IdleConnections
from compostela.net.outbound.tls import AnchorFound, PolicyNotMet

_log = logging.getLogger(__name__)

_CLOSING = 421


class SmtpClient:
    """See `compostela.core.outbound.ports.SmtpSender`."""

    def __init__(self, own: OwnEndpoints = NO_ENDPOINTS, idle_seconds: float = 0.0) -> None:
        """`own`: how this server would be met as a next hop. `idle_seconds`: how long a connection waits for another mail; 0 for
        a connection each."""
        self._own = own
        self._idle: IdleConnections[Conversation] = IdleConnections(idle_seconds)

    async def close(self) -> None:
        await self._idle.close()

    async def send(
        self,
        host: str,
        port: int,
        sender: MailAddress | None,
        recipients: list[MailAddress],
        content: MessageContent,
        options: SendOptions,
        wishes: Wishes = NO_WISHES,
        *,
        name: str = "",
        tls: TlsPolicy = OPPORTUNISTIC,
    ) -> SendResult:
        result = SendResult()
        left = list(recipients)
        refusal: Refusal | None = None
        policy, anchor = OPPORTUNISTIC if wishes.require_tls is False else tls, None
        failure: TlsFailure | None = None
        while left and refusal is None:
            key = (host, port, name, options, policy, anchor, wishes.require_tls)
            idle, is_kept = self._idle.take(key), False
            conversation = idle
            try:
                if conversation is None:
                    connection = await NextHopConnection.open(host, port, options)
                    conversation = Conversation(connection, options, wishes, name or host, self._own, policy, anchor)
                    await conversation.begin()
                else:
                    conversation.go_on(wishes)
                is_new = idle is None or (result.tls is not None and result.tls.is_new)
                result.tls = TlsOutcome(conversation.is_tls, failure, is_new)
                left = await conversation.transact(sender, left, content, result)
                is_kept = not left and self._idle.put(key, conversation)
                if not is_kept:
                    await conversation.quit()
            except (ConnectionFailed, OSError, UnicodeError) as error:
                # UnicodeError: a host of no form that the system's resolver knows
                if idle is not None and not idle.has_begun_message:
                    continue  # it was ended while it waited
                refusal = Refusal(0, f"{host}:{port}: {error or type(error).__name__}")
            except Unreadable as error:
                # the connection ends here, inside the message: the peer must not take what it got for the whole
                _log.error("a message on its way out cannot be read: %s", error)
                refusal = Refusal(0, "the message cannot be read from the store")
            except Refused as refused:
                if idle is not None and refused.refusal.code == _CLOSING and not idle.has_begun_message:
                    continue
                refusal = refused.refusal
                if conversation is not None:
                    await conversation.quit()  # RFC 5321 §4.1.1.10
            except AnchorFound as found:
                anchor = found.anchor
            except PolicyNotMet as error:
                failure = error.failure
                result.tls = TlsOutcome(is_used=False, failure=failure)
                if policy.is_testing:
                    policy = OPPORTUNISTIC
                else:
                    refusal = Refusal(0, f"{host}:{port}: {error}", is_of_host=True)
            except NoTls as error:
                # any encryption is better than none, and none better than no mail (RFC 7435 §1.2)
                _log.info("TLS with %s:%d failed, going on without: %s", host, port, error)
                failure = failure or error.failure
                options = replace(options, use_starttls=False)
            finally:
                if conversation is not None and not is_kept:
                    await conversation.close()
        if refusal is not None:
            for recipient in set(recipients).difference(result.delivered):
                result.refused.setdefault(recipient, refusal)
        return result
