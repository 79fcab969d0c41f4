"""Mailets that send a mail elsewhere: to a processor, to a repository, to the postmaster."""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.concurrency import side_by_side
from compostela.base.declarations import Boolean, Text
from compostela.base.declared import Declared, read
from compostela.base.metrics import counter
from compostela.base.settings import Settings
from compostela.core.mail.model import GHOST, Mail
from compostela.core.repository.ports import MailRepository
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

_POSTMASTER = "postmaster"


@dataclass(frozen=True, slots=True)
class ToProcessorSettings(Declared):
    """Parameters of `ToProcessor`."""

    WITHOUT_EFFECT = ("debug",)

    processor: Annotated[str, Text("processor")]
    """The other processor."""
    notice: Annotated[str, Text("notice")] = ""
    """Text that is added to the mail's error message."""


class ToProcessor(Mailet):
    """Hands the mail to another processor, adding `notice` to its error message."""

    parameters = ToProcessorSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(ToProcessorSettings, settings)
        self._processor, self._notice = made.processor, made.notice
        self.processors = (self._processor,)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.state = self._processor
        if self._notice:
            mail.error_message = f"{mail.error_message}\r\n{self._notice}" if mail.error_message else self._notice


@dataclass(frozen=True, slots=True)
class ToRepositorySettings(Declared):
    """Parameters of `ToRepository`."""

    WITHOUT_EFFECT = ("notice", "debug")

    path: Annotated[str, Text("repositoryPath")]
    """The repository."""
    passes_through: Annotated[bool, Boolean("passThrough")] = False
    """Whether the mail goes on."""


class ToRepository(Mailet):
    """Stores the mail in a repository, where an operator can look at it and process it again."""

    parameters = ToRepositorySettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(ToRepositorySettings, settings)
        self._url = context.repository_settings.url(made.path or "var/mail/error")
        self._passes_through = made.passes_through
        self._repository: MailRepository | None = None

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if self._repository is None:
            self._repository = await self.context.repositories.select(self._url)
        mail.last_updated_at = self.context.clock.now()
        await self._repository.store(mail, run.effect(str(self._url), *mail.recipients))
        if not self._passes_through:
            mail.state = GHOST


@dataclass(frozen=True, slots=True)
class ToSenderDomainRepositorySettings:
    """Parameters of `ToSenderDomainRepository`."""

    prefix: Annotated[str, Text("urlPrefix")]
    """The beginning of the repository's URL, which the domain follows."""
    passes_through: Annotated[bool, Boolean("passThrough")] = False
    """Whether a mail that was stored goes on."""
    may_create: Annotated[bool, Boolean("allowRepositoryCreation")] = True
    """Whether a repository that does not exist is made."""


class ToSenderDomainRepository(Mailet):
    """Stores the mail in the repository of its sender's domain, `<urlPrefix><domain>`. A mail without sender goes on, and without
    `allowRepositoryCreation` one whose repository does not exist."""

    parameters = ToSenderDomainRepositorySettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read(ToSenderDomainRepositorySettings, settings)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if mail.sender is None:
            return
        url = self.context.repository_settings.url(f"{self._settings.prefix}{mail.sender.domain}")
        repositories = self.context.repositories
        repository = await (repositories.select(url) if self._settings.may_create else repositories.find(url))
        if repository is not None:
            await repository.store(mail, run.effect(str(url), *mail.recipients))
            if not self._settings.passes_through:
                mail.state = GHOST


@dataclass(frozen=True, slots=True)
class MetricsMailetSettings:
    """Parameters of `MetricsMailet`."""

    name: Annotated[str, Text("metricName")]
    """Name of the metric."""


class MetricsMailet(Mailet):
    """Counts the mails that pass."""

    parameters = MetricsMailetSettings
    acts_outside = True

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._counter = counter(
            read(MetricsMailetSettings, settings).name or "mails", "Mails that passed a MetricsMailet"
        )

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        self._counter.inc()


class PostmasterAlias(Mailet):
    """Mail for postmaster of a managed domain goes to the configured postmaster, unless there is a user or a mapping of that name."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        for recipient in mail.recipients:
            if recipient.local_part.lower() == _POSTMASTER and recipient != self.context.postmaster:
                break
        else:
            return
        targets = await side_by_side(mail.recipients, self._target)
        mail.recipients = list(dict.fromkeys(targets))

    async def _target(self, recipient: MailAddress) -> MailAddress:
        is_alias = (
            recipient.local_part.lower() == _POSTMASTER
            and await self.context.domains.contains(recipient.domain)
            and not await self.context.is_local_user(recipient)
            and not await self.context.rewriting.is_mapped(recipient)
        )
        return self.context.postmaster if is_alias else recipient


class RecipientToLowerCase(Mailet):
    """Local parts in lower case."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.recipients = [type(one)(one.local_part.lower(), one.domain) for one in mail.recipients]


@dataclass(frozen=True, slots=True)
class SetErrorMessageSettings:
    """Parameters of `SetErrorMessage`."""

    message: Annotated[str, Text("errorMessage")]
    """The text."""


class SetErrorMessage(Mailet):
    """Sets the mail's error text."""

    parameters = SetErrorMessageSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._message = read(SetErrorMessageSettings, settings).message

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.error_message = self._message
