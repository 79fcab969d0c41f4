"""What the engine asks its caller: the message, its envelope, and the world around the script."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from compostela.mime.headers import header_end
from compostela.mime.scanner import describe
from compostela.mime.structure import Structure

if TYPE_CHECKING:
    from compostela.sieve.program import Program


class SieveMessage(Protocol):
    """The message as it was received."""

    @property
    def header(self) -> bytes:
        """The header block with the empty line."""

    @property
    def size(self) -> int:
        """Octets of header block and body together."""

    def body(self) -> bytes:
        """All octets after the header block. Asked only if the script needs them; called again and again."""

    def structure(self) -> Structure:
        """As `compostela.mime.scanner.describe` gives it."""


class MessageBytes:
    """A message in memory."""

    def __init__(self, header: bytes, body: bytes) -> None:
        self.header = header
        self._body = body
        self._structure: Structure | None = None

    @classmethod
    def of(cls, message: bytes) -> "MessageBytes":
        end = header_end(message)
        return cls(message[:end], message[end:])

    @property
    def size(self) -> int:
        return len(self.header) + len(self._body)

    def body(self) -> bytes:
        return self._body

    def structure(self) -> Structure:
        if self._structure is None:
            self._structure = describe(self.header, self._body)
        return self._structure


@dataclass(frozen=True, slots=True)
class Envelope:
    """Addresses without angle brackets; `mail_from` is empty for a bounce. `auth` is that of the AUTH parameter of MAIL."""

    mail_from: str
    rcpt_to: str
    auth: str | None = None


@dataclass(frozen=True, slots=True)
class SpamVerdict:
    """`score` from 0 (clean) to 1 (spam), None if not tested; `virus` from 0 (not tested) over 1 (clean) to 5 (infected)."""

    score: float | None = None
    virus: int = 0


class SieveHost(Protocol):
    """What a script asks about the world. All calls are synchronous and return at once: the caller prefetches the answers, or runs
    the whole script in a thread. An exception of a call ends the run and passes through to the caller."""

    def own_addresses(self) -> Collection[str]:
        """All addresses of the script's owner, in any case; `vacation` answers mail to them only (RFC 5230 §4.5)."""

    def mailbox_exists(self, mailbox: str) -> bool:
        """True if the mailbox exists and the owner may store messages there (RFC 5490 §3.1)."""

    def special_use_exists(self, mailbox: str | None, attribute: str) -> bool:
        """True if the mailbox, or any mailbox for None, has the special use, such as `\\Junk` (RFC 8579 §3)."""

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        """The value of a mailbox's annotation, or of the server's for None; None if there is none (RFC 5490)."""

    def list_exists(self, list_name: str) -> bool:
        """True for a known external list (RFC 6134 §2.5)."""

    def list_contains(self, list_name: str, value: str) -> bool:
        """False too for an unknown list (RFC 6134 §2.4)."""

    def is_duplicate(self, key: str) -> bool:
        """True if the key was marked (`Outcome.duplicates`) by a run before and has not expired (RFC 7352)."""

    def script(self, name: str, is_global: bool) -> "Program | None":
        """The script for `include`; None if there is none (RFC 6609 §3.2)."""

    def environment(self, item: str) -> str | None:
        """The value of an item of RFC 5183 §4.1, in lower case; None if unknown."""

    def spam_verdict(self) -> SpamVerdict:
        """What the spam and virus filters said (RFC 5235)."""

    def notify_online(self, method: str) -> bool | None:
        """Whether the owner of a notification address is online; None if not known (RFC 5435 §5)."""


@dataclass(frozen=True, slots=True)
class PlainHost:
    """Answers from values; a base for hosts that know more."""

    addresses: Collection[str] = ()
    mailboxes: frozenset[str] = frozenset({"INBOX"})
    special_uses: dict[str, frozenset[str]] = field(default_factory=dict)
    """Attributes in lower case by mailbox."""
    annotations: dict[tuple[str | None, str], str] = field(default_factory=dict)
    lists: dict[str, frozenset[str]] = field(default_factory=dict)
    duplicates: frozenset[str] = frozenset()
    scripts: dict[tuple[str, bool], "Program"] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    verdict: SpamVerdict = SpamVerdict()
    online: dict[str, bool] = field(default_factory=dict)

    def own_addresses(self) -> Collection[str]:
        return self.addresses

    def mailbox_exists(self, mailbox: str) -> bool:
        return mailbox in self.mailboxes

    def special_use_exists(self, mailbox: str | None, attribute: str) -> bool:
        if mailbox is not None:
            return attribute.lower() in self.special_uses.get(mailbox, ())
        return any(attribute.lower() in attributes for attributes in self.special_uses.values())

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        return self.annotations.get((mailbox, annotation))

    def list_exists(self, list_name: str) -> bool:
        return list_name in self.lists

    def list_contains(self, list_name: str, value: str) -> bool:
        return value in self.lists.get(list_name, ())

    def is_duplicate(self, key: str) -> bool:
        return key in self.duplicates

    def script(self, name: str, is_global: bool) -> "Program | None":
        return self.scripts.get((name, is_global))

    def environment(self, item: str) -> str | None:
        return self.items.get(item)

    def spam_verdict(self) -> SpamVerdict:
        return self.verdict

    def notify_online(self, method: str) -> bool | None:
        return self.online.get(method)
