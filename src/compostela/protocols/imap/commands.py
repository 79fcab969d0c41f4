"""The commands of IMAP as values."""

from dataclasses import dataclass, field

from compostela.model.flags import Flags, FlagsMode
from compostela.model.numbers import ModSeq
from compostela.model.sequence_set import SequenceSet


@dataclass(frozen=True, slots=True)
class Simple:
    """A command without arguments; `name` in capitals."""

    name: str


@dataclass(frozen=True, slots=True)
class Id:
    fields: tuple[tuple[bytes, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Login:
    user: bytes = field(repr=False)
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """`initial` is base64 as sent (RFC 4959), `=` for nothing."""

    mechanism: str = field(repr=False)
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Enable:
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Select:
    mailbox: str
    read_only: bool
    condstore: bool = False


@dataclass(frozen=True, slots=True)
class MailboxCommand:
    """CREATE, DELETE, SUBSCRIBE, UNSUBSCRIBE."""

    name: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class List:
    """LIST, LSUB. `special_use` selects, `returns` are the options asked for."""

    reference: str
    patterns: tuple[str, ...]
    subscribed: bool = False
    special_use: bool = False
    returns: frozenset[str] = frozenset()
    status_items: tuple[str, ...] = ()
    is_lsub: bool = False
    is_recursive: bool = False
    """RECURSIVEMATCH (RFC 5258 §3.1)."""


@dataclass(frozen=True, slots=True)
class Status:
    mailbox: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Append:
    """The arguments before the literal. `date` in epoch seconds."""

    mailbox: str
    flags: Flags
    date: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Expunge:
    uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class SearchKey:
    """One key: a word and its argument; AND, OR and NOT have keys inside."""

    name: str
    argument: object = None
    keys: tuple["SearchKey", ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    key: SearchKey
    uid: bool
    charset: str = "US-ASCII"


@dataclass(frozen=True, slots=True)
class BodySection:
    """`BODY[path.kind (names)]<origin.length>`; `kind` is "", HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME.
    `label` is what the response shows."""

    path: tuple[int, ...]
    kind: str
    names: tuple[bytes, ...] = ()
    peek: bool = False
    origin: int | None = None
    length: int | None = None
    label: bytes = b""


@dataclass(frozen=True, slots=True)
class Fetch:
    """`items` are plain words and sections, in the order asked for."""

    messages: SequenceSet
    items: tuple[str | BodySection, ...]
    uid: bool
    changed_since: ModSeq | None = None


@dataclass(frozen=True, slots=True)
class Store:
    messages: SequenceSet
    mode: FlagsMode
    flags: Flags
    silent: bool
    uid: bool
    unchanged_since: ModSeq | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY, or MOVE."""

    messages: SequenceSet
    mailbox: str
    uid: bool
    move: bool


Command = (
    Simple | Id | Login | Authenticate | Enable | Select | MailboxCommand | Rename | List | Status | Append | Expunge
    | Search | Fetch | Store | Copy
)  # fmt: skip
