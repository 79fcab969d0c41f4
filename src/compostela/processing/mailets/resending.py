"""Mailets that send a mail to others, and those that tell of a mail."""

from compostela.base.settings import Settings
from compostela.core.mail.attributes import REPROCESSED_FROM, REPROCESSING
from compostela.core.mail.model import GHOST, ROOT, Mail
from compostela.core.queue.model import SPOOL
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.processing.delivery_reports import public
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.redirection import Redirection, Shown
from compostela.processing.pipeline_run import PipelineRun, part_name


class Resend(Redirection):
    """Sends the mail on, as it is or changed: `recipients` are those of the envelope, `to` of the header. Both, `sender`, `replyTo`
    and `reversePath` take addresses and the words sender, from, replyTo, postmaster, reversePath, recipients, to, null, unaltered.
    `message` comes first; `inline` and `attachment` say what of the original follows: unaltered, heads, body, all, none, message."""


class Redirect(Redirection):
    """Sends the content of the mail to others: as `Resend`, with the text inline, `sender` as reverse path, and `recipients` or `to`
    needed, either of which can take the place of the other."""

    inline = Shown.BODY

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        if not self._recipients and not self._to:
            settings.error("Redirect needs 'recipients' or 'to'")
        self._recipients, self._to = self._recipients or self._to, self._to or self._recipients
        self._reverse_path = self._reverse_path or self._sender


class Forward(Redirection):
    """Sends the mail unaltered to the addresses in `forwardTo`."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._recipients = self._targets("forwardTo", "forwardto")
        if not self._recipients:
            settings.error("Forward needs 'forwardTo'")


class _Notice(Redirection):
    """From the null sender, with the error and what was processed."""

    inline = Shown.NONE
    attachment = Shown.MESSAGE
    passes_through = True
    is_reply = True
    prefix = "Re:"
    default_sender = "postmaster"
    default_reverse_path = "null"
    default_message = "We were unable to deliver the attached message because of an error in the mail server."

    def _own_fields(self) -> dict[str, str]:
        return {"Auto-Submitted": "auto-replied"}

    def _text(self, mail: Mail) -> str:
        fields = Headers(mail.content.header)
        lines = [self._message.replace("[machine]", self.context.hello_name), ""]
        if mail.error_message:
            lines += ["Error message:", self._error(mail.error_message), ""]
        lines.append("Message details:")
        for name in ("Subject", "Date", "From", "To", "Cc"):
            value = fields.get(name.encode())
            if value is not None:
                lines.append(f"  {name}: {decode(value)}")
        lines += [f"  MAIL FROM: {mail.sender or '<>'}", *(f"  RCPT TO: {one}" for one in mail.recipients)]
        lines.append(f"  Size: {mail.size} bytes")
        return "\n".join(lines) + "\n"

    def _error(self, message: str) -> str:
        return public(message)


class NotifyPostmaster(_Notice):
    """Tells the postmaster of the mail: its error, its envelope, and by default the message as attachment."""

    default_recipients = "postmaster"
    default_to = "postmaster"

    def _error(self, message: str) -> str:
        return message


class NotifySender(_Notice):
    """Tells the sender of the mail of its error; nothing when the reverse path is null."""

    default_recipients = "sender"
    default_to = "sender"


class Requeue(Mailet):
    """Puts the mail on the queue `queue`, where it starts in `processor` after `delay`. With `consume` it ends here."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._queue = settings.text("queue", SPOOL)
        self._processor = settings.text("processor", ROOT)
        self._delay = settings.duration("delay", 0.0)
        self._consume = settings.boolean("consume", True)
        if self._queue == SPOOL:
            self.processors = (self._processor,)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        effect = run.effect(f"requeue/{self._queue}", *mail.recipients)
        again = mail.copy(part_name(mail, effect), mail.recipients)
        again.state = self._processor
        await self.context.queues.queue(self._queue).enqueue(again, delay_seconds=self._delay, effect=effect)
        if self._consume:
            mail.state = GHOST


class FromRepository(Mailet):
    """Whatever mail comes, puts all mails of the repository `repositoryPath` into `processor`; with `delete` they leave the
    repository."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._url = context.repository_settings.url(settings.required("repositoryPath") or "var/mail/error")
        self._processor = settings.text("processor", ROOT)
        self._delete = settings.boolean("delete", False)
        self.processors = (self._processor,)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        repository = await self.context.repositories.find(self._url)
        if repository is None:
            return
        # mails that come back while this runs are left for the next time
        left = await repository.size()
        queue = self.context.queues.queue(SPOOL)
        async for key in repository.keys():
            if left <= 0:
                break
            left -= 1
            entry, kept = await repository.entry(key), await repository.retrieve(key)
            if kept is None or entry is None:
                continue
            kept.state = self._processor
            kept.attributes[REPROCESSING] = True
            kept.attributes[REPROCESSED_FROM] = str(self._url)
            await queue.enqueue(kept, effect=run.effect(f"from/{self._url}{key}"))
            if self._delete:
                await repository.remove(key, entry)
