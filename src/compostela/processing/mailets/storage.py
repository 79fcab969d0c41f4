"""Mailets that say where and how local delivery stores a mail."""

import random
from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Many, Text
from compostela.base.declared import Declared, read
from compostela.base.settings import Settings
from compostela.core.delivery.storage_directive import StorageDirective
from compostela.core.mail.model import Mail
from compostela.model.flags import NO_FLAGS
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

FEWEST_COPIES, MOST_COPIES = 4, 8
MOST_USERS = 1000
"""Users among whom `RandomStoring` chooses."""
USERS_SECONDS = 600.0
"""How long it remembers them and their mailboxes."""


@dataclass(frozen=True, slots=True)
class WithStorageDirectiveSettings(Declared):
    """Parameters of `WithStorageDirective`."""

    folder: Annotated[str, Text("targetFolderName")] = ""
    """The mailbox."""
    folders: Annotated[tuple[str, ...], Many("targetFolderNames")] = ()
    """Further mailboxes."""
    seen: Annotated[bool, Boolean("seen")] = False
    """Whether the mail is stored as read."""
    important: Annotated[bool, Boolean("important")] = False
    """Whether it gets the flag `\\Flagged`."""
    keywords: Annotated[tuple[str, ...], Many("keywords")] = ()
    """Keywords that it gets."""

    @property
    def directive(self) -> StorageDirective:
        """What is put on the mail."""
        folders = [*([self.folder] if self.folder else ()), *self.folders]
        return StorageDirective(folders, self.seen, self.important, list(self.keywords))

    def completed(self, settings: Settings) -> Self:
        if not self.directive.folders and self.directive.flags == NO_FLAGS:
            settings.error("one of targetFolderName, targetFolderNames, seen, important and keywords is needed")
        return self


class WithStorageDirective(Mailet):
    """Has local delivery store the mail in a mailbox (`targetFolderName`, or several in `targetFolderNames`), as read (`seen`), with the flag
    `\\Flagged` (`important`), with `keywords`. An earlier directive of the same kind is replaced."""

    parameters = WithStorageDirectiveSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._directive = read(WithStorageDirectiveSettings, settings).directive

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        for recipient in mail.recipients:
            self._directive.put(mail, recipient)


class RandomStoring(Mailet):
    """For load tests: replaces the recipients by four to eight users that are chosen at random, and has local delivery store the mail in a mailbox
    of each."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._targets: list[tuple[MailAddress, str]] = []
        self._until = 0.0

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        now = self.context.clock.monotonic()
        if not self._targets or self._until <= now:
            self._targets, self._until = await self._read(), now + USERS_SECONDS
        # a run that is done again chooses the same
        chance = random.Random(run.effect("random").token)
        count = min(chance.randint(FEWEST_COPIES, MOST_COPIES), len(self._targets))
        chosen = dict(chance.sample(self._targets, count))
        for recipient, folder in chosen.items():
            StorageDirective([folder]).put(mail, recipient)
        mail.recipients = list(chosen)

    async def _read(self) -> list[tuple[MailAddress, str]]:
        found: list[tuple[MailAddress, str]] = []
        count = 0
        async for user in self.context.users.names():
            address = self.context.users.address_of(user)
            if address is not None:
                found += [(address, mailbox.path.name) for mailbox in await self.context.mailboxes.list(user)]
            count += 1
            if count == MOST_USERS:
                break
        return found
