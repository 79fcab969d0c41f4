"""The stores as a dry run gives them to mailets: reading is real, writing is noted."""

from collections.abc import AsyncIterator, Callable, Sequence

from compostela.base.errors import InvalidArgument, NotFound
from compostela.core.blob.model import MessageContent
from compostela.core.idempotency import Effect
from compostela.core.mail.model import Mail
from compostela.core.mailbox.actor import SYSTEM
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.service import MailboxService
from compostela.core.mailbox.session import MailboxSession
from compostela.core.queue.model import EVERYTHING, NORMAL_PRIORITY, SPOOL, QueuedMail, Selection
from compostela.core.queue.ports import MailQueue, MailQueues, QueueItem, Turn
from compostela.core.rate_limits.ports import RateLimit
from compostela.core.repository.ports import MailRepository, MailRepositoryStore, RepositoryQuery, RepositoryUrl
from compostela.core.sieve.ports import SieveMarks
from compostela.core.vacation.model import Vacation
from compostela.core.vacation.ports import VacationStore
from compostela.model.flags import NO_FLAGS, Flags
from compostela.model.mail_address import MailAddress
from compostela.model.mailbox_path import MailboxPath, check_mailbox_name
from compostela.model.numbers import EntryId
from compostela.model.username import Username
from compostela.processing.explanation.model import names_of

Note = Callable[[str, Sequence[object]], None]
"""Takes what is done, and the recipients whose way ends with it (none if it goes on)."""


class NotInDryRun(InvalidArgument):
    """A mailet wants of a store what a dry run does not offer."""


class RecordingSession(MailboxSession):
    """Mailboxes: deliveries are noted."""

    def __init__(self, service: MailboxService, note: Note) -> None:
        super().__init__(service, SYSTEM)
        self._note = note

    async def deliver_to(
        self, path: MailboxPath, content: MessageContent, flags: Flags = NO_FLAGS, effect: Effect | None = None
    ) -> None:
        how = f"store in the mailbox {path.name} of {path.user}"
        try:
            await self.check_append(await self.find(path), flags, content.size)
        except NotFound:
            check_mailbox_name(path.name)
            how += ", which is made"
        self._note(how, [path.user])

    async def inbox(self, user: Username) -> Mailbox:
        """Raises `NotFound` before the first delivery to a user."""
        return await self.find(MailboxPath.inbox(user))


class RecordingQueues:
    """See `compostela.core.queue.ports.MailQueues`."""

    def __init__(self, queues: MailQueues, note: Note, spooled: Callable[[Mail], None]) -> None:
        self._queues = queues
        self._note = note
        self._spooled = spooled

    def queue(self, name: str) -> MailQueue:
        return RecordingQueue(name, self._note, self._spooled)

    async def names(self) -> list[str]:
        return await self._queues.names()


class RecordingQueue:
    """A queue that takes mails and gives none."""

    def __init__(self, name: str, note: Note, spooled: Callable[[Mail], None]) -> None:
        self._name = name
        self._note = note
        self._spooled = spooled

    @property
    def name(self) -> str:
        return self._name

    async def enqueue(
        self, mail: Mail, *, delay_seconds: float = 0.0, priority: int = NORMAL_PRIORITY, effect: Effect | None = None
    ) -> EntryId:
        later = f" for {delay_seconds:g} s" if delay_seconds else ""
        if self._name == SPOOL:
            self._note(f"send the mail {mail.name} to {', '.join(names_of(mail.recipients))}{later}", ())
            self._spooled(mail)
        else:
            self._note(f"put into the queue {self._name}{later}", mail.recipients)
        return EntryId(f"dry-run-{mail.name}")

    async def dequeue(self, turn: Turn | None = None) -> QueueItem:
        raise NotInDryRun("a dry run takes nothing from a queue")

    async def size(self) -> int:
        return 0

    async def browse(self, *, delayed: bool | None = None, limit: int | None = None) -> AsyncIterator[QueuedMail]:
        nothing: Sequence[QueuedMail] = ()
        for one in nothing:
            yield one

    async def delete(self, chosen: Selection = EVERYTHING) -> int:
        raise NotInDryRun("a dry run removes nothing from a queue")

    async def hold(self, chosen: Selection = EVERYTHING) -> int:
        raise NotInDryRun("a dry run holds nothing in a queue")

    async def release(self, chosen: Selection = EVERYTHING) -> int:
        raise NotInDryRun("a dry run releases nothing in a queue")

    async def flush(self, chosen: Selection = EVERYTHING) -> int:
        raise NotInDryRun("a dry run flushes no queue")


class RecordingRepositories:
    """See `compostela.core.repository.ports.MailRepositoryStore`."""

    def __init__(self, repositories: MailRepositoryStore, note: Note) -> None:
        self._repositories = repositories
        self._note = note

    async def select(self, url: RepositoryUrl) -> MailRepository:
        return RecordingRepository(url, await self._repositories.find(url), self._note)

    async def find(self, url: RepositoryUrl) -> MailRepository | None:
        found = await self._repositories.find(url)
        return None if found is None else RecordingRepository(url, found, self._note)

    async def by_path(self, path: str) -> Sequence[MailRepository]:
        found = await self._repositories.by_path(path)
        return [RecordingRepository(one.url, one, self._note) for one in found]

    async def urls(self) -> list[RepositoryUrl]:
        return await self._repositories.urls()


class RecordingRepository:
    """A repository that is read, if it is there, and keeps what it has."""

    def __init__(self, url: RepositoryUrl, real: MailRepository | None, note: Note) -> None:
        self._url = url
        self._real = real
        self._note = note

    @property
    def url(self) -> RepositoryUrl:
        return self._url

    async def store(self, mail: Mail, effect: Effect | None = None) -> str:
        self._note(f"put into the repository {self._url}", mail.recipients)
        return mail.name

    async def keys(self, query: RepositoryQuery | None = None) -> AsyncIterator[str]:
        if self._real is not None:
            async for key in self._real.keys(query):
                yield key

    async def retrieve(self, key: str) -> Mail | None:
        return None if self._real is None else await self._real.retrieve(key)

    async def entry(self, key: str) -> EntryId | None:
        return None if self._real is None else await self._real.entry(key)

    async def remove(self, key: str, entry: EntryId | None = None) -> bool:
        self._note(f"remove the mail {key} from the repository {self._url}", ())
        return True

    async def remove_all(self) -> int:
        raise NotInDryRun("a dry run empties no repository")

    async def size(self) -> int:
        return 0 if self._real is None else await self._real.size()


class RecordingMarks:
    """Marks of Sieve scripts: those that are there count, none is set."""

    def __init__(self, marks: SieveMarks) -> None:
        self._marks = marks

    async def is_marked(self, user: Username, key: bytes, by: str, now: float) -> bool:
        return await self._marks.is_marked(user, key, by, now)

    async def mark(self, user: Username, key: bytes, by: str, now: float, until: float) -> bool:
        return not await self._marks.is_marked(user, key, by, now)

    async def clear(self, user: Username, prefix: bytes) -> None:
        raise NotInDryRun("a dry run clears no marks")


class RecordingVacations:
    """Vacations: the settings are read; earlier answers are ignored, since a lookup would also claim the right to answer."""

    def __init__(self, vacations: VacationStore, note: Note) -> None:
        self._vacations = vacations
        self._note = note

    async def get(self, user: Username) -> Vacation:
        return await self._vacations.get(user)

    async def claim(self, user: Username, sender: MailAddress, entry: EntryId, now: float, until: float) -> bool:
        self._note(f"answer {sender} for {user}, unless that was done lately", ())
        return True

    async def set(self, user: Username, vacation: Vacation) -> None:
        raise NotInDryRun("a dry run sets no vacation")

    async def clear(self, user: Username) -> None:
        raise NotInDryRun("a dry run ends no vacation")

    async def move(self, user: Username, new: Username) -> None:
        raise NotInDryRun("a dry run moves no vacation")


class UntouchedRateLimits:
    """Rate limits: nothing is taken, so none is passed."""

    def __init__(self, note: Note) -> None:
        self._note = note

    async def take(self, key: str, quantity: int, limit: RateLimit) -> bool:
        self._note(f"take {quantity} of the rate limit {key} ({limit.quantity} in {limit.window_seconds:g} s)", ())
        return True
