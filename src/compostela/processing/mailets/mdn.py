"""Mailets for message disposition notifications (RFC 8098)."""

import logging
from dataclasses import dataclass, field

from compostela.core.mail.model import Mail
from compostela.core.mailbox.model import FlagsRow, MessageRow
from compostela.core.mailbox.search import Look, Query, SearchedMessage
from compostela.mime.headers import Headers
from compostela.mime.text import decoded_octets
from compostela.model.numbers import MessageId
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from compostela.processing.mailet import Mailet
from compostela.processing.mailets.header_values import replace_field
from compostela.processing.matchers.structure import media_type, parts_of, root_of
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)

FIELD = "X-JAMES-MDN-JMAP-MESSAGE-ID"
MAX_REPORT_BYTES = 64 * 1024
"""Of the part with the fields of the notification."""
_EVERY_UID = UidSet([(1, 2**32 - 1)])


class ExtractMDNOriginalJMAPMessageId(Mailet):
    """On a notification that a user's mail was read (RFC 8098): looks for that mail among the user's messages by its Message-ID, and
    notes its id in the field `X-JAMES-MDN-JMAP-MESSAGE-ID`. Mails to several recipients, and other mails, stay as they are."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if len(mail.recipients) != 1:
            return
        user = await self.context.users.user_for(mail.recipients[0])
        original = await _original_message_id(mail) if user is not None else b""
        if user is None or not original:
            return
        found = await self._find(user, original)
        if found is None:
            _log.info("the mail of a notification is not there", extra={"mail": mail.name, "user": str(user)})
            return
        replace_field(mail, FIELD, found)

    async def _find(self, user: Username, message_id: bytes) -> MessageId | None:
        wanted = _WithMessageId(message_id)
        query = Query(Look.HEADER, lambda _: None, wanted)
        for mailbox in await self.context.mailboxes.list(user):
            await self.context.mailboxes.search(mailbox, _EVERY_UID, query)
            if wanted.found:
                return wanted.found[0]
        return None


@dataclass
class _WithMessageId:
    """A test of messages that keeps the ids of those it finds."""

    message_id: bytes
    found: list[MessageId] = field(default_factory=list)

    def __call__(self, row: MessageRow | FlagsRow, message: SearchedMessage) -> bool:
        matches = (message.headers.get(b"Message-ID") or b"").strip() == self.message_id
        if matches and isinstance(row, MessageRow):
            self.found.append(row.message_id)
        return matches


async def _original_message_id(mail: Mail) -> bytes:
    """Of the notification that the mail is; empty for another mail."""
    root = await root_of(mail)
    if media_type(root) != "multipart/report":
        return b""
    for part in parts_of(root):
        if media_type(part) == "message/disposition-notification":
            start, end = part.body
            octets = decoded_octets(
                await mail.content.body.read(start, min(end - start, MAX_REPORT_BYTES)), part.encoding
            )
            return (Headers(octets).get(b"Original-Message-ID") or b"").strip()
    return b""
