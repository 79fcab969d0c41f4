"""Does a mail arrive? The server sends one to a user of its own and looks for it in his INBOX."""

import asyncio
import contextlib

from compostela.base.clock import Clock
from compostela.base.ids import new_id
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.health.checks import HealthCheck, HealthStatus
from compostela.core.health.settings import HealthSettings
from compostela.core.mail.model import Mail
from compostela.core.mail.own import own_mail
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.session import MailboxSession
from compostela.core.queue.model import SPOOL
from compostela.core.queue.ports import MailQueues
from compostela.core.users.service import UsersRepository
from compostela.mime.builder import singlepart, standard_headers, text_part
from compostela.mime.headers import Headers
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import Uid
from compostela.model.uid_set import UidSet
from compostela.model.username import Username

FIELD = "X-Compostela-Reception-Check"
LOOK_SECONDS = 1.0
"""Between two looks, should no hint come from the process that delivers."""
MORE_SECONDS = 5.0
"""What the check may take beyond its time-out."""


class Reception:
    """Sends a mail and looks for it. Mails that arrive are removed, late ones by the next check."""

    def __init__(
        self,
        user: Username,
        timeout_seconds: float,
        users: UsersRepository,
        mailboxes: MailboxSession,
        queues: MailQueues,
        clock: Clock,
    ) -> None:
        """`mailboxes` is the system's session."""
        self._user = user
        self._timeout_seconds = timeout_seconds
        self._users = users
        self._mailboxes = mailboxes
        self._queues = queues
        self._clock = clock

    async def probe(self) -> tuple[HealthStatus, str] | None:
        """Raises `TemporaryFailure`."""
        address = self._users.address_of(self._user)
        if address is None or not await self._users.contains(self._user):
            return HealthStatus.UNHEALTHY, f"the user {self._user} of reception.check.user does not exist"
        inbox = await self._mailboxes.inbox(self._user)
        token = new_id()
        head = await self._mailboxes.status(inbox)
        woken = asyncio.Event()
        unwatch = self._mailboxes.watch(inbox, woken.set, head.highest_modseq)
        try:
            await self._queues.queue(SPOOL).enqueue(_mail(address, token, self._clock.now()))
            async with asyncio.timeout(self._timeout_seconds):
                await self._arrival(inbox, head.uid_next, token, woken)
        except TimeoutError:
            return (
                HealthStatus.UNHEALTHY,
                f"a mail to {self._user} has not arrived in {self._timeout_seconds:g} seconds",
            )
        finally:
            unwatch()
        return None

    async def _arrival(self, inbox: Mailbox, first: Uid, token: str, woken: asyncio.Event) -> None:
        """Returns when the mail is there, and removes it, with those of earlier checks that came late."""
        while True:
            woken.clear()
            head = await self._mailboxes.status(inbox)
            ours, is_there = await self._ours(inbox, range(first, head.uid_next), token)
            await self._mailboxes.remove(inbox, ours)
            if is_there:
                return
            first = head.uid_next
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), LOOK_SECONDS)

    async def _ours(self, inbox: Mailbox, uids: range, token: str) -> tuple[UidSet, bool]:
        found: list[int] = []
        is_there = False
        for uid in uids:
            message = await self._mailboxes.message(inbox, Uid(uid))
            value = Headers(message.content.header).get(FIELD.encode()) if message is not None else None
            if value is not None:
                found.append(uid)
                is_there |= value == token.encode()
        return UidSet.of(found), is_there


def reception_checks(
    settings: HealthSettings, users: UsersRepository, mailboxes: MailboxSession, queues: MailQueues, clock: Clock
) -> list[HealthCheck]:
    """The check, if a user is named for it. The name is James's."""
    if settings.reception_user is None:
        return []
    seconds = settings.reception_timeout_seconds
    reception = Reception(settings.reception_user, seconds, users, mailboxes, queues, clock)
    return [HealthCheck("MailReceptionCheck", reception.probe, seconds + MORE_SECONDS)]


def _mail(address: MailAddress, token: str, now: float) -> Mail:
    text = "The server sends this mail to itself to see whether it arrives.\n"
    headers = standard_headers(str(address), str(address), "Reception check", address.domain.name, now)
    header, body = singlepart([*headers, (FIELD, token), ("Auto-Submitted", "auto-generated")], text_part(text))
    return own_mail(f"reception-{token}", address, [address], MessageContent(header, MemoryBody(body)), now)
