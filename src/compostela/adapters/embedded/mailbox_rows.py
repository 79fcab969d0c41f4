"""Rows of the mailbox tables as domain values."""

from functools import lru_cache, partial
from typing import Any, NamedTuple

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.packing import unpack
from compostela.core.mailbox.model import FlagsRow, Mailbox, MailboxHead, MessageRow
from compostela.model.flags import NO_KEYWORDS, Flags
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid, UidValidity
from compostela.model.username import Username

HEAD = (
    "uid_next, highest_modseq, messages, unseen, deleted, size_bytes, deleted_bytes, first_recent_uid, recent, keywords"
)
MAILBOX = "id, user, namespace, name, uid_validity"
PLACEMENT = "uid, modseq, flags, keywords, size, internal_date, save_date, message"

# a listing makes a hundred thousand of them: this is half the cost of calling the class
_make_row = partial(tuple.__new__, MessageRow)
_make_flags = partial(tuple.__new__, FlagsRow)
_OF_USER = f"SELECT {MAILBOX} FROM mailbox WHERE user = ? ORDER BY name"

REMEMBERED_NAMES = 4096
"""Names whose row ids are remembered: each command asks for that of its mailbox."""


class PlacementRow(NamedTuple):
    """The columns of `PLACEMENT`."""

    uid: int
    modseq: int
    flags: int
    keywords: str
    size: int
    internal_date: int
    save_date: int
    message: int


class Names:
    """Row ids as the ids that the outside sees: never the same in two stores."""

    def __init__(self, store_id: str) -> None:
        self._prefix = store_id + "-"
        self.row = lru_cache(REMEMBERED_NAMES)(self._row)
        """The row id of a name; 0, which no row has, for a name of another store."""

    def mailbox(self, row_id: int) -> MailboxId:
        return MailboxId(f"{self._prefix}{row_id}")

    def message(self, row_id: int) -> MessageId:
        return MessageId(f"{self._prefix}{row_id}")

    def _row(self, name: str) -> int:
        number = name.removeprefix(self._prefix)
        return int(number) if number.isascii() and number.isdigit() else 0

    def mailbox_of(self, row: tuple[int, str, str, str, int]) -> Mailbox:
        row_id, user, namespace, name, validity = row
        return Mailbox(self.mailbox(row_id), MailboxPath(namespace, Username(user), name), UidValidity(validity))

    def message_rows(self, rows: list[tuple[int, int, int, str, int, int, int, int]]) -> list[MessageRow]:
        """From the columns of `PLACEMENT`."""
        prefix = self._prefix
        return [
            _make_row((uid, modseq, flags_of(flags, keywords), size, internal_date, save_date, f"{prefix}{message}"))
            for uid, modseq, flags, keywords, size, internal_date, save_date, message in rows
        ]


def mailboxes_of(execute: Execute, names: Names, user: Username) -> list[Mailbox]:
    """All mailboxes of a user by name."""
    return [names.mailbox_of(row) for row in execute(_OF_USER, (user.value,)).fetchall()]


def flags_rows(rows: list[tuple[int, int, int, str]]) -> list[FlagsRow]:
    return [_make_flags((uid, modseq, flags_of(flags, keywords))) for uid, modseq, flags, keywords in rows]


def header_blocks(rows: list[tuple[int, int, bytes]]) -> list[tuple[Uid, bytes]]:
    return [(Uid(uid), unpack(coding, header)) for uid, coding, header in rows]


@lru_cache(maxsize=4096)
def head_of(row: tuple[Any, ...]) -> MailboxHead:
    """The columns of `HEAD`. Kept, as most looks at a mailbox find it unchanged: to make a head takes longer than to read it."""
    uid_next, modseq, messages, unseen, deleted, size, deleted_bytes, first_recent, recent, keywords = row
    return MailboxHead(
        Uid(uid_next),
        ModSeq(modseq),
        messages,
        unseen,
        deleted,
        size,
        deleted_bytes,
        Uid(first_recent),
        recent,
        keywords_of(keywords),
    )


@lru_cache(maxsize=4096)
def keywords_of(text: str) -> frozenset[str]:
    """Keywords are kept with blanks between them."""
    return frozenset(text.split()) if text else NO_KEYWORDS


@lru_cache(maxsize=4096)
def flags_of(system: int, keywords: str) -> Flags:
    """One object for each combination in use."""
    return Flags(system, frozenset(keywords.split()) if keywords else NO_KEYWORDS)


def keywords_text(flags: Flags) -> str:
    return " ".join(sorted(flags.keywords)) if flags.keywords else ""
