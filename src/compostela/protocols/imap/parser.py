"""From tokens to commands (RFC 3501 §6 and §9). Raises `SyntaxFault` for what is not of the grammar's form."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial

from compostela.base.errors import InvalidArgument
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.mailbox_path import MAX_MAILBOX_NAME_LENGTH
from compostela.model.numbers import ModSeq
from compostela.model.sequence_set import SequenceSet
from compostela.protocols.imap import commands, utf7
from compostela.protocols.imap.fetch_items import parse_items
from compostela.protocols.imap.lexer import ILLEGAL, String, SyntaxFault, Token, tokenise
from compostela.protocols.imap.search_keys import parse_search

SIMPLE = frozenset({
    "CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "CHECK", "CLOSE", "UNSELECT", "IDLE", "NAMESPACE",
})  # fmt: skip
SYSTEM_FLAGS = {
    b"\\seen": SystemFlag.SEEN,
    b"\\answered": SystemFlag.ANSWERED,
    b"\\flagged": SystemFlag.FLAGGED,
    b"\\deleted": SystemFlag.DELETED,
    b"\\draft": SystemFlag.DRAFT,
}
STATUS_ITEMS = frozenset({
    "MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ", "SIZE", "MAILBOXID", "DELETED",
    "DELETED-STORAGE", "APPENDLIMIT",
})  # fmt: skip
LIST_SELECTIONS = frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"})
LIST_RETURNS = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS"})
MAX_ID_FIELDS = 30
MAX_PATTERNS = 100
MAX_REMEMBERED_OCTETS = 512
"""The longest end of a FETCH or STORE that is remembered."""
MAX_REMEMBERED_ARGUMENTS = 128
"""The longest arguments of another command that are remembered. A key of SEARCH takes more memory than its octets."""
MAX_REMEMBERED_SET = 32
MAX_MODSEQ = 2**63 - 1
_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_FIRST_MOMENT = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
_LAST_MOMENT = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
_DATE_TIME = re.compile(
    rb"([ 0-3]?[0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-5][0-9])"
)
_KEYWORD = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")


def parse(name: str, tokens: list[Token]) -> commands.Command:
    """`name` in capitals, with its `UID `; raises `SyntaxFault`, `UnknownCommand` or `BadCharset`."""
    simple = _SIMPLE.get(name)
    if simple is not None:
        _end(tokens, 0)
        return simple
    parser = _PARSERS.get(name)
    if parser is None:
        raise UnknownCommand("Unknown command.")
    return parser(tokens)


def parse_line(name: str, arguments: bytes) -> commands.Command:
    """The same for a command on one line. What clients say again and again is remembered, with FETCH and STORE the messages and what follows
    them each by itself. Commands with a password are never remembered."""
    if not arguments and name in _SIMPLE:
        return _SIMPLE[name]
    if name in _REMEMBERED and len(arguments) <= MAX_REMEMBERED_ARGUMENTS:
        return _remembered(name, arguments)
    if name in _WITH_MESSAGES and len(arguments) <= MAX_REMEMBERED_OCTETS:
        messages, _, rest = arguments.partition(b" ")
        if name.endswith("FETCH"):
            return commands.Fetch(_set_of(messages), *_fetch_line(rest, name == "UID FETCH"))
        return commands.Store(_set_of(messages), *_store_line(rest, name == "UID STORE"))
    return parse(name, tokenise([arguments]))


@lru_cache(maxsize=1024)
def _remembered(name: str, arguments: bytes) -> commands.Command:
    return parse(name, tokenise([arguments]))


class UnknownCommand(SyntaxFault):
    """No command has this name."""


def parse_append(tokens: list[Token], size: int) -> commands.Append:
    """Parse the arguments before APPEND's literal."""
    mailbox = _mailbox(tokens, 0)
    flags, date, position = Flags(), None, 1
    if position < len(tokens) and isinstance(tokens[position], list):
        flags = flags_of(_list(tokens, position))
        position += 1
    if position < len(tokens):
        date = _date_time(_string(tokens, position))
        position += 1
    _end(tokens, position)
    return commands.Append(mailbox, flags, date, size)


def flags_of(tokens: list[Token]) -> Flags:
    """System flags and keywords; `\\Recent` cannot be set. How many keywords and how long is the domain's to limit."""
    system, keywords = 0, dict[str, str]()
    for token in tokens:
        if isinstance(token, (list, String)):
            raise SyntaxFault(ILLEGAL)
        if token.startswith(b"\\"):
            flag = SYSTEM_FLAGS.get(token.lower())
            if flag is None:
                if token.lower() != b"\\recent":
                    raise SyntaxFault(ILLEGAL)
                continue
            system |= flag
        elif not _KEYWORD.fullmatch(token):
            raise SyntaxFault(ILLEGAL)
        else:
            keyword = token.decode("ascii")
            keywords.setdefault(keyword.lower(), keyword)
    return Flags(system, frozenset(keywords.values()))


# one function a command


def _id(tokens: list[Token]) -> commands.Id:
    _end(tokens, 1)
    if isinstance(tokens[0], list):
        values = [_nstring(tokens[0], n) for n in range(len(tokens[0]))]
        if len(values) % 2 or len(values) > 2 * MAX_ID_FIELDS:
            raise SyntaxFault(ILLEGAL)
        return commands.Id(tuple((values[n] or b"", values[n + 1]) for n in range(0, len(values), 2)))
    if _atom(tokens, 0).upper() != "NIL":
        raise SyntaxFault(ILLEGAL)
    return commands.Id(())


def _login(tokens: list[Token]) -> commands.Login:
    _end(tokens, 2)
    return commands.Login(_string(tokens, 0), _string(tokens, 1))


def _authenticate(tokens: list[Token]) -> commands.Authenticate:
    if len(tokens) == 1:
        return commands.Authenticate(_atom(tokens, 0).upper())
    _end(tokens, 2)
    return commands.Authenticate(_atom(tokens, 0).upper(), _string(tokens, 1))


def _enable(tokens: list[Token]) -> commands.Enable:
    if not tokens:
        raise SyntaxFault(ILLEGAL)
    return commands.Enable(tuple(_words(tokens)))


def _select(read_only: bool, tokens: list[Token]) -> commands.Select:
    condstore = len(tokens) == 2
    if condstore:
        if _words(_list(tokens, 1)) != ["CONDSTORE"]:
            raise SyntaxFault(ILLEGAL)
    else:
        _end(tokens, 1)
    return commands.Select(_mailbox(tokens, 0), read_only, condstore)


def _on_mailbox(name: str, tokens: list[Token]) -> commands.MailboxCommand:
    _end(tokens, 1)
    return commands.MailboxCommand(name, _mailbox(tokens, 0))


def _rename(tokens: list[Token]) -> commands.Rename:
    _end(tokens, 2)
    return commands.Rename(_mailbox(tokens, 0), _mailbox(tokens, 1))


def _lsub(tokens: list[Token]) -> commands.List:
    _end(tokens, 2)
    return commands.List(_mailbox(tokens, 0), (_mailbox(tokens, 1),), subscribed=True, is_lsub=True)


def _list_command(tokens: list[Token]) -> commands.List:
    """With the options of RFC 5258 §6. RECURSIVEMATCH needs another selection beside it."""
    selections = frozenset[str]()
    if tokens and isinstance(tokens[0], list):
        selections = _options(_words(tokens[0]), LIST_SELECTIONS)
        tokens = tokens[1:]
    if "RECURSIVEMATCH" in selections and not selections & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise SyntaxFault(ILLEGAL)
    reference = _mailbox(tokens, 0)
    given = _list(tokens, 1) if len(tokens) > 1 and isinstance(tokens[1], list) else tokens[1:2]
    if not 0 < len(given) <= MAX_PATTERNS:
        raise SyntaxFault(ILLEGAL)
    patterns = tuple(_mailbox(given, n) for n in range(len(given)))
    returns, items = _returns(tokens[2:])
    return commands.List(
        reference, patterns, "SUBSCRIBED" in selections, "SPECIAL-USE" in selections, returns, items,
        is_recursive="RECURSIVEMATCH" in selections,
    )  # fmt: skip


def _returns(tokens: list[Token]) -> tuple[frozenset[str], tuple[str, ...]]:
    if not tokens:
        return frozenset(), ()
    _end(tokens, 2)
    if _atom(tokens, 0).upper() != "RETURN":
        raise SyntaxFault(ILLEGAL)
    inside = _list(tokens, 1)
    words: list[str] = []
    items: tuple[str, ...] = ()
    position = 0
    while position < len(inside):
        words.append(_atom(inside, position).upper())
        position += 1
        if words[-1] == "STATUS":
            items = _status_items(inside, position)
            position += 1
    return _options(words, LIST_RETURNS), items


def _options(words: list[str], known: frozenset[str]) -> frozenset[str]:
    if not known.issuperset(words):
        raise SyntaxFault(ILLEGAL)
    return frozenset(words)


def _status(tokens: list[Token]) -> commands.Status:
    _end(tokens, 2)
    return commands.Status(_mailbox(tokens, 0), _status_items(tokens, 1))


def _status_items(tokens: list[Token], position: int) -> tuple[str, ...]:
    items = tuple(dict.fromkeys(_words(_list(tokens, position))))
    if not items or not STATUS_ITEMS.issuperset(items):
        raise SyntaxFault(ILLEGAL)
    return items


def _expunge(tokens: list[Token]) -> commands.Expunge:
    _end(tokens, 0)
    return commands.Expunge()


def _uid_expunge(tokens: list[Token]) -> commands.Expunge:
    _end(tokens, 1)
    return commands.Expunge(_set(tokens, 0))


FetchTail = tuple[tuple[str | commands.BodySection, ...], bool, ModSeq | None]
StoreTail = tuple[FlagsMode, Flags, bool, bool, ModSeq | None]


def _fetch(uid: bool, tokens: list[Token]) -> commands.Fetch:
    return commands.Fetch(_set(tokens, 0), *_fetch_tail(tokens[1:], uid))


def _fetch_tail(tokens: list[Token], uid: bool) -> FetchTail:
    """Parse the arguments after the messages: the fields of `Fetch` after the first."""
    changed_since = None
    if len(tokens) == 2:
        changed_since = _modifier(_list(tokens, 1), "CHANGEDSINCE")
    else:
        _end(tokens, 1)
    items = parse_items(tokens[0])
    if uid and "UID" not in items:
        items = ("UID", *items)
    if changed_since is not None and "MODSEQ" not in items:
        items = (*items, "MODSEQ")
    return items, uid, changed_since


@lru_cache(maxsize=1024)
def _fetch_line(rest: bytes, uid: bool) -> FetchTail:
    return _fetch_tail(tokenise([rest]), uid)


def _store(uid: bool, tokens: list[Token]) -> commands.Store:
    return commands.Store(_set(tokens, 0), *_store_tail(tokens[1:], uid))


def _store_tail(tokens: list[Token], uid: bool) -> StoreTail:
    """Parse the arguments after the messages: the fields of `Store` after the first."""
    position, unchanged = 0, None
    if tokens and isinstance(tokens[0], list):
        unchanged, position = _modifier(tokens[0], "UNCHANGEDSINCE"), 1
    word, dot, suffix = _atom(tokens, position).upper().partition(".")
    mode = _STORE_MODES.get(word)
    if mode is None or suffix != ("SILENT" if dot else ""):
        raise SyntaxFault(ILLEGAL)
    rest = tokens[position + 1 :]
    if not rest:
        raise SyntaxFault(ILLEGAL)
    flags = rest[0] if len(rest) == 1 and isinstance(rest[0], list) else rest
    return mode, flags_of(flags), bool(dot), uid, unchanged


@lru_cache(maxsize=1024)
def _store_line(rest: bytes, uid: bool) -> StoreTail:
    return _store_tail(tokenise([rest]), uid)


_STORE_MODES = {"FLAGS": FlagsMode.REPLACE, "+FLAGS": FlagsMode.ADD, "-FLAGS": FlagsMode.REMOVE}


def _modifier(tokens: list[Token], word: str) -> ModSeq:
    """`(CHANGEDSINCE n)`, `(UNCHANGEDSINCE n)`."""
    _end(tokens, 2)
    if _atom(tokens, 0).upper() != word:
        raise SyntaxFault(ILLEGAL)
    return _modseq_of(_atom(tokens, 1))


def _copy(move: bool, uid: bool, tokens: list[Token]) -> commands.Copy:
    _end(tokens, 2)
    return commands.Copy(_set(tokens, 0), _mailbox(tokens, 1), uid, move)


_SIMPLE = {name: commands.Simple(name) for name in SIMPLE}
_REMEMBERED = frozenset({"SELECT", "EXAMINE", "STATUS", "LIST", "LSUB", "SEARCH", "UID SEARCH"})
_WITH_MESSAGES = frozenset({"FETCH", "UID FETCH", "STORE", "UID STORE"})
_PARSERS: dict[str, Callable[[list[Token]], commands.Command]] = {
    "ID": _id,
    "LOGIN": _login,
    "AUTHENTICATE": _authenticate,
    "ENABLE": _enable,
    "SELECT": partial(_select, False),
    "EXAMINE": partial(_select, True),
    "CREATE": partial(_on_mailbox, "CREATE"),
    "DELETE": partial(_on_mailbox, "DELETE"),
    "SUBSCRIBE": partial(_on_mailbox, "SUBSCRIBE"),
    "UNSUBSCRIBE": partial(_on_mailbox, "UNSUBSCRIBE"),
    "RENAME": _rename,
    "LIST": _list_command,
    "LSUB": _lsub,
    "STATUS": _status,
    "EXPUNGE": _expunge,
    "UID EXPUNGE": _uid_expunge,
    "SEARCH": partial(parse_search, uid=False),
    "UID SEARCH": partial(parse_search, uid=True),
    "FETCH": partial(_fetch, False),
    "UID FETCH": partial(_fetch, True),
    "STORE": partial(_store, False),
    "UID STORE": partial(_store, True),
    "COPY": partial(_copy, False, False),
    "UID COPY": partial(_copy, False, True),
    "MOVE": partial(_copy, True, False),
    "UID MOVE": partial(_copy, True, True),
}
NAMES = SIMPLE | _PARSERS.keys()
"""Every command that `parse` knows."""


# pieces


def _end(tokens: list[Token], count: int) -> None:
    if len(tokens) != count:
        raise SyntaxFault(ILLEGAL)


def _atom(tokens: list[Token], position: int) -> str:
    if position >= len(tokens) or isinstance(token := tokens[position], (list, String)):
        raise SyntaxFault(ILLEGAL)
    return token.decode("ascii", "replace")


def _string(tokens: list[Token], position: int) -> bytes:
    """An atom, a quoted string or a literal."""
    if position >= len(tokens) or isinstance(token := tokens[position], list) or b"\x00" in token:
        raise SyntaxFault(ILLEGAL)
    return bytes(token)


def _nstring(tokens: list[Token], position: int) -> bytes | None:
    text = _string(tokens, position)
    return None if not isinstance(tokens[position], String) and text.upper() == b"NIL" else text


def _list(tokens: list[Token], position: int) -> list[Token]:
    if position >= len(tokens) or not isinstance(token := tokens[position], list):
        raise SyntaxFault(ILLEGAL)
    return token


def _words(tokens: list[Token]) -> list[str]:
    return [_atom(tokens, n).upper() for n in range(len(tokens))]


def _set(tokens: list[Token], position: int) -> SequenceSet:
    return _set_of(_atom(tokens, position).encode("ascii", "replace"))


def _set_of(text: bytes) -> SequenceSet:
    return _short_set(text) if len(text) <= MAX_REMEMBERED_SET else _parsed_set(text)


def _parsed_set(text: bytes) -> SequenceSet:
    try:
        return SequenceSet.parse(text)
    except InvalidArgument as wrong:
        raise SyntaxFault(str(wrong)) from wrong


_short_set = lru_cache(maxsize=1024)(_parsed_set)


def _modseq_of(text: str) -> ModSeq:
    """Raises `SyntaxFault`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > MAX_MODSEQ:
        raise SyntaxFault(ILLEGAL)
    return ModSeq(int(text))


def _mailbox(tokens: list[Token], position: int) -> str:
    try:
        name = utf7.decode(_string(tokens, position))
    except SyntaxFault:
        raise
    except InvalidArgument as wrong:
        raise SyntaxFault(ILLEGAL) from wrong
    if len(name) > MAX_MAILBOX_NAME_LENGTH:
        raise SyntaxFault(f"too long mailbox name. {ILLEGAL}")
    return name


def _date_time(text: bytes) -> int:
    """Epoch seconds (RFC 3501 §9, `date-time`)."""
    match = _DATE_TIME.fullmatch(text)
    if match is None or (name := match.group(2).lower()) not in _MONTHS:
        raise SyntaxFault(ILLEGAL)
    day, _, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    try:
        local = datetime(
            int(year), _MONTHS.index(name) + 1, int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC
        )
    except ValueError as wrong:
        raise SyntaxFault(ILLEGAL) from wrong
    offset = int(zone_hours) * 3600 + int(zone_minutes) * 60
    moment = int(local.timestamp()) + (-offset if sign == b"+" else offset)
    if not _FIRST_MOMENT <= moment <= _LAST_MOMENT:
        # it is told in UTC, where its year would not have four digits
        raise SyntaxFault(ILLEGAL)
    return moment
