"""Mailets that send a mail to others, and those that tell of a mail."""

from dataclasses import dataclass, replace
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Duration, Parsed, Text
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.attributes import REPROCESSED_FROM, REPROCESSING
from compostela.core.mail.model import GHOST, ROOT, Mail
from compostela.core.queue.model import SPOOL
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.processing.delivery_reports import public
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.redirection import (
    Attached,
    Inline,
    IsReply,
    Message,
    PassesThrough,
    Prefix,
    Recipients,
    Redirection,
    RedirectionSettings,
    ReversePath,
    Sender,
    Shown,
    Targets,
    To,
    parse_targets,
)
from compostela.processing.pipeline_run import PipelineRun, part_name


class Resend(Redirection):
    """Sends the mail on, as it is or changed: `recipients` are those of the envelope, `to` of the header. Both, `sender`, `replyTo`
    and `reversePath` take addresses and the words sender, from, replyTo, postmaster, reversePath, recipients, to, null, unaltered.
    `message` comes first; `inline` and `attachment` say what of the original follows: unaltered, heads, body, all, none, message."""


@dataclass(frozen=True, slots=True)
class RedirectSettings(RedirectionSettings):
    """Parameters of `Redirect`."""

    inline: Inline = Shown.BODY

    def completed(self, settings: Settings) -> Self:
        if not self.recipients and not self.to:
            settings.error("Redirect needs 'recipients' or 'to'")
        return replace(
            self,
            recipients=self.recipients or self.to,
            to=self.to or self.recipients,
            reverse_path=self.reverse_path or self.sender,
        )


class Redirect(Redirection):
    """Sends the content of the mail to others: as `Resend`, with the text inline, `sender` as reverse path, and `recipients` or `to`
    needed, either of which can take the place of the other."""

    parameters = RedirectSettings


@dataclass(frozen=True, slots=True)
class ForwardSettings(RedirectionSettings):
    """Parameters of `Forward`."""

    forward_to: Annotated[
        Targets, Parsed("forwardTo", parse_targets, "addresses and words", older=("forwardto",), required=True)
    ] = ()
    """The recipients, in the place of `recipients`."""

    def completed(self, settings: Settings) -> Self:
        return replace(self, recipients=self.forward_to)


class Forward(Redirection):
    """Sends the mail unaltered to the addresses in `forwardTo`."""

    parameters = ForwardSettings


@dataclass(frozen=True, slots=True)
class NoticeSettings(RedirectionSettings):
    """Parameters of the notices."""

    sender: Sender = ("postmaster",)
    reverse_path: ReversePath = ("null",)
    prefix: Prefix = "Re:"
    message: Message = "We were unable to deliver the attached message because of an error in the mail server."
    """Text at the beginning of the notice. `[machine]` becomes the server's own name."""
    inline: Inline = Shown.NONE
    attachment: Attached = Shown.MESSAGE
    passes_through: PassesThrough = True
    is_reply: IsReply = True


@dataclass(frozen=True, slots=True)
class NotifyPostmasterSettings(NoticeSettings):
    """Parameters of `NotifyPostmaster`."""

    recipients: Recipients = ("postmaster",)
    to: To = ("postmaster",)


@dataclass(frozen=True, slots=True)
class NotifySenderSettings(NoticeSettings):
    """Parameters of `NotifySender`."""

    recipients: Recipients = ("sender",)
    to: To = ("sender",)


class _Notice(Redirection):
    """From the null sender, with the error and what was processed."""

    def _own_fields(self) -> dict[str, str]:
        return {"Auto-Submitted": "auto-replied"}

    def _text(self, mail: Mail) -> str:
        fields = Headers(mail.content.header)
        lines = [super()._text(mail).replace("[machine]", self.context.hello_name), ""]
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

    parameters = NotifyPostmasterSettings

    def _error(self, message: str) -> str:
        return message


class NotifySender(_Notice):
    """Tells the sender of the mail of its error; nothing when the reverse path is null."""

    parameters = NotifySenderSettings


@dataclass(frozen=True, slots=True)
class RequeueSettings:
    """Parameters of `Requeue`."""

    queue: Annotated[str, Text("queue")] = SPOOL
    """The queue, by default that of the pipeline."""
    processor: Annotated[str, Text("processor")] = ROOT
    """Where the mail starts again."""
    delay_seconds: Annotated[float, Duration("delay")] = 0.0
    """Time before that."""
    consume: Annotated[bool, Boolean("consume")] = True
    """Whether the mail ends here."""


class Requeue(Mailet):
    """Puts the mail on the queue `queue`, where it starts in `processor` after `delay`. With `consume` it ends here."""

    parameters = RequeueSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read(RequeueSettings, settings)
        if self._settings.queue == SPOOL:
            self.processors = (self._settings.processor,)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        made = self._settings
        effect = run.effect(f"requeue/{made.queue}", *mail.recipients)
        again = mail.copy(part_name(mail, effect), mail.recipients)
        again.state = made.processor
        await self.context.queues.queue(made.queue).enqueue(again, delay_seconds=made.delay_seconds, effect=effect)
        if made.consume:
            mail.state = GHOST


@dataclass(frozen=True, slots=True)
class FromRepositorySettings:
    """Parameters of `FromRepository`."""

    path: Annotated[str, Text("repositoryPath")]
    """The repository."""
    processor: Annotated[str, Text("processor")] = ROOT
    """Where its mails start."""
    delete: Annotated[bool, Boolean("delete")] = False
    """Whether they leave the repository."""


class FromRepository(Mailet):
    """Whatever mail comes, puts all mails of the repository `repositoryPath` into `processor`; with `delete` they leave the
    repository."""

    parameters = FromRepositorySettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(FromRepositorySettings, settings)
        self._url = context.repository_settings.url(made.path or "var/mail/error")
        self._processor, self._delete = made.processor, made.delete
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
