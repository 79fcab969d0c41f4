"""Mail repositories: where mails are put aside for an operator (James's mailrepository)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from compostela.base.errors import InvalidArgument
from compostela.core.idempotency import Effect
from compostela.core.mail.model import Mail
from compostela.model.numbers import EntryId


@dataclass(frozen=True, slots=True, order=True)
class RepositoryUrl:
    """`protocol://path`, the path without slashes at its ends (`var/mail/error`), so that James's spellings are one."""

    protocol: str
    path: str

    @classmethod
    def parse(cls, text: str, default_protocol: str = "embedded") -> "RepositoryUrl":
        protocol, separator, path = text.strip().partition("://")
        if not separator:
            protocol, path = default_protocol, text.strip()
        path = path.strip("/")
        if not protocol or not path:
            raise InvalidArgument(f"{text!r} is not a mail repository URL")
        return cls(protocol, path)

    def __str__(self) -> str:
        return f"{self.protocol}://{self.path}/"


@dataclass(frozen=True, slots=True)
class RepositoryQuery:
    """Which mails to list. Times are epoch seconds; `sender` and `recipient` take `*@domain`."""

    updated_before: float | None = None
    updated_after: float | None = None
    sender: str | None = None
    recipient: str | None = None
    remote_address: str | None = None
    remote_host: str | None = None


class MailRepository(Protocol):
    """A set of mails by key (the mail's name). Storing is durable when it returns and idempotent by key and by effect.

    Embedded: one transaction with the body. Distributed: blobs first, then content row, then key row; listing goes by
    key rows, so a half-stored mail is not seen and storing again completes it."""

    @property
    def url(self) -> RepositoryUrl: ...

    async def store(self, mail: Mail, effect: Effect | None = None) -> str:
        """Gives the key. Raises `StorageFull`, and `TemporaryFailure` when the mail is not known to be stored; storing it again
        replaces it. With an effect already seen, or of an entry that is done, nothing is stored."""
        ...

    def keys(self, query: RepositoryQuery | None = None) -> AsyncIterator[str]:
        """In the order of storing, in bounded batches."""
        ...

    async def retrieve(self, key: str) -> Mail | None: ...

    async def entry(self, key: str) -> EntryId | None:
        """Names this storing of the mail: another each time it is stored under the key. A caller that moves the mail
        elsewhere takes it for the effect there. After the mail was removed or stored again no effect under it changes anything."""
        ...

    async def remove(self, key: str, entry: EntryId | None = None) -> bool:
        """False when it was not there, or was stored again since `entry` named it."""
        ...

    async def remove_all(self) -> int: ...

    async def size(self) -> int: ...


class MailRepositoryStore(Protocol):
    """All repositories. One is recorded at its first use, so that an operator can list it.

    Embedded: a row for each URL. Distributed: likewise, written before the first mail; writing it again changes nothing."""

    async def select(self, url: RepositoryUrl) -> MailRepository:
        """The repository, recorded durably if it is new. Which protocols may be named is a matter of the configuration
        (`RepositorySettings.url`); the store keeps any."""
        ...

    async def find(self, url: RepositoryUrl) -> MailRepository | None: ...

    async def by_path(self, path: str) -> Sequence[MailRepository]:
        """Every repository with this path, whatever its protocol."""
        ...

    async def urls(self) -> list[RepositoryUrl]: ...
