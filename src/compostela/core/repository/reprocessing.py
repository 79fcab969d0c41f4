"""Giving mails of a repository another run through the pipeline."""

from dataclasses import dataclass

from compostela.base.errors import NotFound
from compostela.base.ids import new_id
from compostela.core.idempotency import Effect
from compostela.core.mail.attributes import REPROCESSED_FROM, REPROCESSING
from compostela.core.mail.model import Mail
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepository
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EffectKey


@dataclass(frozen=True, slots=True)
class Reprocessing:
    """How mails are put back: into which queue, from which processor on (None: the one whose state the mail has), for
    which one of their recipients (None: all), and whether they leave the repository (`consume`).

    A mail that is consumed is enqueued durably, as an effect of its storing, before it is removed: when the process dies
    in between and an operator starts the task again, it is removed only. So it is neither lost nor run twice, even when
    the run stores it here again at once. Recipients that were not asked for stay in the repository."""

    queues: MailQueues
    queue: str = "spool"
    processor: str | None = None
    recipient: str | None = None
    consume: bool = True
    task: str = ""
    """The task that does it: a mail that stays in the repository is run once by each task, however often that begins again."""

    async def reprocess(self, repository: MailRepository, key: str) -> None:
        """Nothing for a mail without the wanted recipient. Raises `NotFound`."""
        entry = await repository.entry(key)
        mail = await repository.retrieve(key)
        if mail is None or entry is None:
            raise NotFound(f"{key} is not in {repository.url}")
        chosen = [recipient for recipient in mail.recipients if self.recipient is None or recipient == self._wanted]
        if not chosen and self.recipient is not None:
            return
        others = [recipient for recipient in mail.recipients if recipient not in chosen]
        queue = self.queues.queue(self.queue)
        again = self._prepared(mail, repository, chosen)
        effect = Effect(entry, EffectKey(f"reprocess:{self.queue}:{self.recipient or ''}"))
        if not self.consume:
            once = Effect(entry, EffectKey(f"{effect.key}:{self.task}")) if self.task else None
            if others:
                again.name = f"{mail.name}-{once.token if once is not None else new_id()}"
            await queue.enqueue(again, effect=once)
            return
        if others:
            again.name = f"{mail.name}-{effect.token}"
        await queue.enqueue(again, effect=effect)
        if others:
            # the part that runs has a name of its own, so nothing that it stores here takes this one's place
            await repository.store(mail.copy(mail.name, others))
        else:
            await repository.remove(key, entry)

    @property
    def _wanted(self) -> MailAddress:
        return MailAddress.parse(self.recipient or "")

    def describe(self) -> dict[str, object]:
        """For a task's report."""
        return {
            "targetQueue": self.queue,
            "targetProcessor": self.processor,
            "forRecipient": self.recipient,
            "consume": self.consume,
        }

    def _prepared(self, mail: Mail, repository: MailRepository, recipients: list[MailAddress]) -> Mail:
        again = mail.copy(mail.name, recipients)
        again.attributes[REPROCESSING] = True
        again.attributes[REPROCESSED_FROM] = str(repository.url)
        if self.processor is not None:
            again.state = self.processor
        return again
