"""Mailets that send a mail elsewhere: to a processor, to a repository, to the postmaster."""

from compostela.base.concurrency import side_by_side
from compostela.base.metrics import counter
from compostela.base.settings import Settings
from compostela.core.mail.model import GHOST, Mail
from compostela.core.repository.ports import MailRepository
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

_POSTMASTER = "postmaster"


class ToProcessor(Mailet):
    """Hands the mail to another processor, adding `notice` to its error message."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._processor = settings.required("processor")
        self._notice = settings.text("notice", "")
        settings.ignored("debug")
        self.processors = (self._processor,)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.state = self._processor
        if self._notice:
            mail.error_message = f"{mail.error_message}\r\n{self._notice}" if mail.error_message else self._notice


class ToRepository(Mailet):
    """Stores the mail in a repository, where an operator can look at it and process it again."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._url = context.repository_settings.url(settings.required("repositoryPath") or "var/mail/error")
        self._pass_through = settings.boolean("passThrough", False)
        settings.ignored("notice", "debug")
        self._repository: MailRepository | None = None

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if self._repository is None:
            self._repository = await self.context.repositories.select(self._url)
        mail.last_updated_at = self.context.clock.now()
        await self._repository.store(mail, run.effect(str(self._url), *mail.recipients))
        if not self._pass_through:
            mail.state = GHOST


class ToSenderDomainRepository(Mailet):
    """Stores the mail in the repository of its sender's domain, `<urlPrefix><domain>`. A mail without sender goes on, and without
    `allowRepositoryCreation` one whose repository does not exist."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._prefix = settings.required("urlPrefix")
        self._pass_through = settings.boolean("passThrough", False)
        self._may_create = settings.boolean("allowRepositoryCreation", True)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if mail.sender is None:
            return
        url = self.context.repository_settings.url(f"{self._prefix}{mail.sender.domain}")
        repositories = self.context.repositories
        repository = await (repositories.select(url) if self._may_create else repositories.find(url))
        if repository is not None:
            await repository.store(mail, run.effect(str(url), *mail.recipients))
            if not self._pass_through:
                mail.state = GHOST


class MetricsMailet(Mailet):
    """Counts the mails that pass."""

    acts_outside = True

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._counter = counter(settings.required("metricName") or "mails", "Mails that passed a MetricsMailet")

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


class SetErrorMessage(Mailet):
    """Sets the mail's error text."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._message = settings.required("errorMessage")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.error_message = self._message
