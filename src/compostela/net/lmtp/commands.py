"""What the commands of an LMTP session do otherwise than SMTP's (RFC 2033)."""

from collections.abc import Callable

from compostela.core.blob.model import MessageContent
from compostela.core.delivery.ports import MailDelivery, Outcome
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress
from compostela.net.incoming_message import IncomingMessage
from compostela.net.smtp.commands import Commands
from compostela.net.smtp.server import SmtpServer
from compostela.protocols.lmtp import replies
from compostela.protocols.lmtp.state import LMTP
from compostela.protocols.smtp.replies import TOO_MANY_RECIPIENTS, Reply, together

_REPLIES: dict[Outcome, Callable[[MailAddress], Reply]] = {
    Outcome.DELIVERED: replies.received,
    Outcome.OVER_QUOTA: replies.over_quota,
    Outcome.STORAGE_FULL: replies.storage_full,
    Outcome.FAILED: replies.failed,
}


class LmtpCommands(Commands):
    """After the final dot there is a reply for each accepted RCPT, in their order; a recipient that was given twice is
    answered twice and gets the mail once (RFC 2033 §4.2)."""

    refusals = LMTP

    def __init__(self, server: SmtpServer, delivery: MailDelivery, session: SmtpSession) -> None:
        super().__init__(server, session)
        self._delivery = delivery
        self._accepted: list[MailAddress] = []
        self._sent: MessageContent | None = None

    async def rcpt(self, argument: bytes) -> Reply:
        if not self.session.recipients:
            self._accepted.clear()
        elif len(self._accepted) >= self.server.settings.max_recipients:
            # a hook may take repetitions out of the session's recipients: the replies due are counted here
            return TOO_MANY_RECIPIENTS
        answer = await super().rcpt(argument)
        if not answer.is_refusal:
            self._accepted.append(self.session.recipients[-1])
        return answer

    def final(self, answer: Reply) -> Reply:
        return together([answer] * len(self._accepted))

    async def accept(self, message: IncomingMessage) -> Reply:
        received = await self.receive(message)
        if isinstance(received, Reply):
            return self.final(received)
        assert self._sent is not None
        sent, self._sent = self._sent, None
        outcomes = await self._delivery.deliver(received, sent)
        if Outcome.DELIVERED in outcomes.values():
            self.note_accepted(received)
        # a recipient that a hook replaced has the outcome of its replacements
        others = [outcome for recipient, outcome in outcomes.items() if recipient not in self._accepted]
        instead = next((outcome for outcome in others if outcome is not Outcome.DELIVERED), Outcome.DELIVERED)
        return together(_REPLIES[outcomes.get(one, instead)](one) for one in self._accepted)

    def _mail(self, now: float, content: MessageContent) -> Mail:
        self._sent = content
        return super()._mail(now, content)
