"""Giving mails of a repository another run through the pipeline."""

from dataclasses import dataclass

from compostela.base.errors import NotFound
from compostela.core.mail.attributes import REPROCESSED_FROM, REPROCESSING
from compostela.core.mail.model import Mail
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepository
from compostela.model.mail_address import MailAddress


@dataclass(frozen=True, slots=True)
class Reprocessing:
    """How mails are put back: into which queue, from which processor on (None: the one whose state the mail has), for
    which one of their recipients (None: all), and whether they leave the repository (`consume`).

    A mail is enqueued durably before it is removed: when the process dies in between, it is there twice, and an operator
    who starts the task again runs it twice. It is never lost."""

    queues: MailQueues
    queue: str = "spool"
    processor: str | None = None
    recipient: str | None = None
    consume: bool = True

    async def reprocess(self, repository: MailRepository, key: str) -> None:
        """Raises `NotFound`."""
        mail = await repository.retrieve(key)
        if mail is None:
            raise NotFound(f"{key} is not in {repository.url}")
        await self.queues.queue(self.queue).enqueue(self._prepared(mail, repository))
        if self.consume:
            await repository.remove(key)

    def describe(self) -> dict[str, object]:
        """For a task's report."""
        return {
            "targetQueue": self.queue,
            "targetProcessor": self.processor,
            "forRecipient": self.recipient,
            "consume": self.consume,
        }

    def _prepared(self, mail: Mail, repository: MailRepository) -> Mail:
        again = mail.copy(mail.name, mail.recipients)
        again.attributes[REPROCESSING] = True
        again.attributes[REPROCESSED_FROM] = str(repository.url)
        if self.processor is not None:
            again.state = self.processor
        if self.recipient is not None:
            wanted = MailAddress.parse(self.recipient)
            again.recipients = [recipient for recipient in mail.recipients if recipient == wanted]
        return again
