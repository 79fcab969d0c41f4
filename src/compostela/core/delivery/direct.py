"""Direct delivery: to the recipient's INBOX and nowhere else, past all mailets.

A recipient is a user, or an alias (of any kind) of exactly one. Other accepted recipients (a group, a forward, an address that leads
outside, a postmaster address without a user) are handed to the spool, where the pipeline has the rules for them; the mail is then as
durable as one that came by SMTP. Recipients with a success report requested (RFC 3461) go there too, since the pipeline writes the
report. A user that the pipeline will reach anyway is left to it, so that no user gets two copies of one mail."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from compostela.base.errors import QuotaExceeded, StorageFull, TemporaryFailure
from compostela.base.ids import new_id
from compostela.base.metrics import counter
from compostela.core.blob.model import MessageContent
from compostela.core.delivery.headers import DELIVERED_TO, delivered_header
from compostela.core.delivery.ports import Outcome
from compostela.core.mail.model import Mail
from compostela.core.mail.notification import SUCCESS, wants
from compostela.core.mailbox.session import MailboxSession
from compostela.core.queue.ports import MailQueue
from compostela.core.rewriting.resolution import MappingError
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.tracing.tracer import Tracer
from compostela.core.users.service import UsersRepository
from compostela.mime.headers import remove
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username

_log = logging.getLogger(__name__)

_delivered = counter("localDeliveredMails", "Mails delivered to mailboxes")


@dataclass(frozen=True, slots=True)
class _Inbox:
    """A recipient whose mail goes to one user; `address` is the user's own."""

    user: Username
    address: MailAddress


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """A recipient for the pipeline, with the addresses that it may lead to."""

    leads_to: Sequence[MailAddress]


class DirectDelivery:
    """See `MailDelivery`."""

    def __init__(
        self,
        users: UsersRepository,
        rewriting: RecipientRewriteTable,
        mailboxes: MailboxSession,
        spool: MailQueue,
        tracer: Tracer,
    ) -> None:
        self._users = users
        self._rewriting = rewriting
        self._mailboxes = mailboxes
        self._spool = spool
        self._tracer = tracer

    async def deliver(self, mail: Mail, sent: MessageContent) -> dict[MailAddress, Outcome]:  # noqa: ARG002 - the port's
        self._tracer.note_arrival(mail)
        try:
            routes = {recipient: await self._route(mail, recipient) for recipient in mail.recipients}
            # once, before all deliveries ask for it at the same time
            await self._mailboxes.prepare(mail.content)
        except TemporaryFailure:
            _log.exception("a mail could not be delivered", extra={"mail": mail.name})
            return dict.fromkeys(mail.recipients, Outcome.FAILED)
        inboxes, rest = self._sorted(routes)
        base = remove(mail.content.header, [b"return-path"])
        jobs = [(who, self._to_inbox(mail, base, inbox, who)) for inbox, who in inboxes]
        if rest:
            jobs.append((rest, self._to_spool(mail, rest)))
        # what waits at the same time is one group commit
        outcomes = await asyncio.gather(*(job for _, job in jobs))
        return {recipient: outcome for (who, _), outcome in zip(jobs, outcomes, strict=True) for recipient in who}

    async def _route(self, mail: Mail, recipient: MailAddress) -> _Inbox | _Elsewhere:
        try:
            resolution = await self._rewriting.resolve(recipient)
        except MappingError:
            return _Elsewhere(())
        targets = [recipient] if resolution.is_empty else resolution.targets
        is_reported = wants(mail, recipient, SUCCESS, unless_told=False)
        if len(targets) == 1 and not resolution.forwards and not is_reported:
            user = await self._users.user_for(targets[0])
            if user is not None:
                return _Inbox(user, targets[0])
        return _Elsewhere([*targets, *resolution.forwards])

    def _sorted(
        self, routes: dict[MailAddress, _Inbox | _Elsewhere]
    ) -> tuple[list[tuple[_Inbox, list[MailAddress]]], list[MailAddress]]:
        """Inboxes with their recipients, and recipients for the spool."""
        reached = {
            self._users.name_of(address)
            for route in routes.values()
            if isinstance(route, _Elsewhere)
            for address in route.leads_to
        }
        inboxes: dict[Username, tuple[_Inbox, list[MailAddress]]] = {}
        rest: list[MailAddress] = []
        for recipient, route in routes.items():
            if isinstance(route, _Elsewhere) or route.user in reached:
                rest.append(recipient)
            else:
                inboxes.setdefault(route.user, (route, []))[1].append(recipient)
        return list(inboxes.values()), rest

    async def _to_inbox(self, mail: Mail, base: bytes, inbox: _Inbox, recipients: Sequence[MailAddress]) -> Outcome:
        own = [pair for recipient in recipients for pair in mail.per_recipient_headers.get(recipient, ())]
        header = delivered_header(base, mail.sender, [*own, (DELIVERED_TO, str(inbox.address))])
        try:
            await self._mailboxes.deliver(inbox.user, mail.content.with_header(header))
        except QuotaExceeded:
            return Outcome.OVER_QUOTA
        except Exception as error:
            return _failure(mail, error)
        _delivered.inc()
        self._tracer.note(mail, "end", mail.state, "direct delivery", recipients, (f"to the user {inbox.user.value}",))
        _log.info("mail delivered", extra={"mail": mail.name, "recipient": str(inbox.address)})
        return Outcome.DELIVERED

    async def _to_spool(self, mail: Mail, recipients: Sequence[MailAddress]) -> Outcome:
        try:
            await self._spool.enqueue(mail.copy(f"{mail.name}-{new_id()[-8:]}", recipients))
        except Exception as error:
            return _failure(mail, error)
        return Outcome.DELIVERED


def _failure(mail: Mail, error: Exception) -> Outcome:
    if isinstance(error, StorageFull):
        return Outcome.STORAGE_FULL
    _log.error("a mail could not be delivered", exc_info=error, extra={"mail": mail.name})
    return Outcome.FAILED
