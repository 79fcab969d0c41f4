"""From tokens to commands (RFC 3501 §6 and §9). Raises `SyntaxFault` for what is not of the grammar's form."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from compostela.base.errors import InvalidArgument
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.mailbox_path import MAX_MAILBOX_NAME_LENGTH
from compostela.model.numbers import ModSeq
from compostela.model.sequence_set import SequenceSet
from compostela.protocols.imap import commands, utf7
from compostela.protocols.imap.fetch_items import parse_items
from compostela.protocols.imap.lexer import String, SyntaxFault, Token
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
    "DELETED-STORAGE",
})  # fmt: skip
MAX_KEYWORD = 255
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE_TIME = re.compile(rb"[ ]?(\d{1,2})-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_KEYWORD = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")


def parse(name: str, tokens: list[Token]) -> commands.Command:
    """`name` in capitals; UID forms come as `UID` with the rest in the tokens."""
    if name in SIMPLE:
        _end(tokens, 0)
        return commands.Simple(name)
    if name == "UID":
        inner = _atom(tokens, 0).upper()
        if inner not in ("FETCH", "STORE", "COPY", "MOVE", "SEARCH", "EXPUNGE"):
            raise SyntaxFault("Unknown command.")
        return _PARSERS[inner](tokens[1:], True)
    parser = _PARSERS.get(name)
    if parser is None:
        raise UnknownCommand("Unknown command.")
    return parser(tokens, False)


class UnknownCommand(SyntaxFault):
    """No command has this name."""


def parse_append(tokens: list[Token], size: int) -> commands.Append:
    """What stands before APPEND's literal."""
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
    """System flags and keywords; `\\Recent` cannot be set."""
    system, keywords = 0, set()
    for token in tokens:
        if isinstance(token, (list, String)):
            raise SyntaxFault("Illegal arguments.")
        if token.startswith(b"\\"):
            flag = SYSTEM_FLAGS.get(token.lower())
            if flag is None:
                if token.lower() != b"\\recent":
                    raise SyntaxFault("Illegal arguments.")
                continue
            system |= flag
        elif len(token) > MAX_KEYWORD or not _KEYWORD.fullmatch(token):
            raise SyntaxFault("Illegal arguments.")
        else:
            keywords.add(token.decode("ascii"))
    return Flags(system, frozenset(keywords))


# one function a command


def _id(tokens: list[Token], _: bool) -> commands.Id:
    if len(tokens) == 1 and isinstance(tokens[0], list):
        values = [None if token == b"NIL" else token for token in tokens[0]]
        if len(values) % 2 or len(values) > 60 or any(isinstance(value, list) for value in values):
            raise SyntaxFault("Illegal arguments.")
        texts = [value if isinstance(value, bytes) else None for value in values]
        return commands.Id(tuple((texts[n] or b"", texts[n + 1]) for n in range(0, len(texts), 2)))
    return commands.Id(())


def _login(tokens: list[Token], _: bool) -> commands.Login:
    _end(tokens, 2)
    return commands.Login(_string(tokens, 0), _string(tokens, 1))


def _authenticate(tokens: list[Token], _: bool) -> commands.Authenticate:
    if len(tokens) not in (1, 2):
        raise SyntaxFault("Illegal arguments.")
    return commands.Authenticate(_atom(tokens, 0).upper(), _string(tokens, 1) if len(tokens) == 2 else None)


def _enable(tokens: list[Token], _: bool) -> commands.Enable:
    if not tokens:
        raise SyntaxFault("Illegal arguments.")
    return commands.Enable(tuple(_atom(tokens, n).upper() for n in range(len(tokens))))


def _select(read_only: bool) -> Callable[[list[Token], bool], commands.Select]:
    def parse_select(tokens: list[Token], _: bool) -> commands.Select:
        condstore = False
        if len(tokens) == 2:
            options = [token.upper() if isinstance(token, bytes) else b"" for token in _list(tokens, 1)]
            if options != [b"CONDSTORE"]:
                raise SyntaxFault("Illegal arguments.")
            condstore = True
        else:
            _end(tokens, 1)
        return commands.Select(_mailbox(tokens, 0), read_only, condstore)

    return parse_select


def _on_mailbox(name: str) -> Callable[[list[Token], bool], commands.MailboxCommand]:
    def parse_command(tokens: list[Token], _: bool) -> commands.MailboxCommand:
        _end(tokens, 1)
        return commands.MailboxCommand(name, _mailbox(tokens, 0))

    return parse_command


def _rename(tokens: list[Token], _: bool) -> commands.Rename:
    _end(tokens, 2)
    return commands.Rename(_mailbox(tokens, 0), _mailbox(tokens, 1))


def _lsub(tokens: list[Token], _: bool) -> commands.List:
    _end(tokens, 2)
    return commands.List(_mailbox(tokens, 0), (_mailbox(tokens, 1),), subscribed=True, is_lsub=True)


def _list_command(tokens: list[Token], _: bool) -> commands.List:
    position, select = 0, frozenset[str]()
    if tokens and isinstance(tokens[0], list):
        select = frozenset(_words(tokens[0]))
        position = 1
    reference = _mailbox(tokens, position)
    given = tokens[position + 1] if position + 1 < len(tokens) else None
    if isinstance(given, list):
        patterns = tuple(_mailbox(given, n) for n in range(len(given)))
    else:
        patterns = (_mailbox(tokens, position + 1),)
    returns, items = _returns(tokens, position + 2)
    if unknown := select - {"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"}:
        raise SyntaxFault(f"Unknown option {min(unknown)}.")
    return commands.List(reference, patterns, "SUBSCRIBED" in select, "SPECIAL-USE" in select, returns, items)


def _returns(tokens: list[Token], position: int) -> tuple[frozenset[str], tuple[str, ...]]:
    if position >= len(tokens):
        return frozenset(), ()
    if _atom(tokens, position).upper() != "RETURN":
        raise SyntaxFault("Illegal arguments.")
    found: set[str] = set()
    items: tuple[str, ...] = ()
    inside = _list(tokens, position + 1)
    _end(tokens, position + 2)
    n = 0
    while n < len(inside):
        word = _atom(inside, n).upper()
        found.add(word)
        n += 1
        if word == "STATUS":
            items = _status_items(inside, n)
            n += 1
    return frozenset(found), items


def _status(tokens: list[Token], _: bool) -> commands.Status:
    _end(tokens, 2)
    return commands.Status(_mailbox(tokens, 0), _status_items(tokens, 1))


def _status_items(tokens: list[Token], position: int) -> tuple[str, ...]:
    items = tuple(_words(_list(tokens, position)))
    if not items or any(item not in STATUS_ITEMS for item in items):
        raise SyntaxFault("Illegal arguments.")
    return items


def _expunge(tokens: list[Token], uid: bool) -> commands.Expunge:
    _end(tokens, 1 if uid else 0)
    return commands.Expunge(_set(tokens, 0) if uid else None)


def _search(tokens: list[Token], uid: bool) -> commands.Search:
    return parse_search(tokens, uid)


def _fetch(tokens: list[Token], uid: bool) -> commands.Fetch:
    if len(tokens) not in (2, 3):
        raise SyntaxFault("Illegal arguments.")
    changed_since = None
    if len(tokens) == 3:
        modifiers = _list(tokens, 2)
        if len(modifiers) != 2 or _atom(modifiers, 0).upper() != "CHANGEDSINCE":
            raise SyntaxFault("Illegal arguments.")
        changed_since = _modseq(modifiers, 1)
    items = parse_items(tokens[1])
    if uid and "UID" not in items:
        items = ("UID", *items)
    if changed_since is not None and "MODSEQ" not in items:
        items = (*items, "MODSEQ")
    return commands.Fetch(_set(tokens, 0), items, uid, changed_since)


def _store(tokens: list[Token], uid: bool) -> commands.Store:
    messages, position, unchanged = _set(tokens, 0), 1, None
    if len(tokens) > 2 and isinstance(tokens[1], list):
        modifiers = tokens[1]
        if len(modifiers) != 2 or _atom(modifiers, 0).upper() != "UNCHANGEDSINCE":
            raise SyntaxFault("Illegal arguments.")
        unchanged, position = _modseq(modifiers, 1), 2
    word, _, suffix = _atom(tokens, position).upper().partition(".")
    modes = {"FLAGS": FlagsMode.REPLACE, "+FLAGS": FlagsMode.ADD, "-FLAGS": FlagsMode.REMOVE}
    if word not in modes or suffix not in ("", "SILENT"):
        raise SyntaxFault("Illegal arguments.")
    rest = tokens[position + 1 :]
    flags = rest[0] if len(rest) == 1 and isinstance(rest[0], list) else rest
    return commands.Store(messages, modes[word], flags_of(flags), bool(suffix), uid, unchanged)


def _copy(move: bool) -> Callable[[list[Token], bool], commands.Copy]:
    def parse_copy(tokens: list[Token], uid: bool) -> commands.Copy:
        _end(tokens, 2)
        return commands.Copy(_set(tokens, 0), _mailbox(tokens, 1), uid, move)

    return parse_copy


_PARSERS: dict[str, Callable[[list[Token], bool], commands.Command]] = {
    "ID": _id,
    "LOGIN": _login,
    "AUTHENTICATE": _authenticate,
    "ENABLE": _enable,
    "SELECT": _select(False),
    "EXAMINE": _select(True),
    "CREATE": _on_mailbox("CREATE"),
    "DELETE": _on_mailbox("DELETE"),
    "SUBSCRIBE": _on_mailbox("SUBSCRIBE"),
    "UNSUBSCRIBE": _on_mailbox("UNSUBSCRIBE"),
    "RENAME": _rename,
    "LIST": _list_command,
    "LSUB": _lsub,
    "STATUS": _status,
    "EXPUNGE": _expunge,
    "SEARCH": _search,
    "FETCH": _fetch,
    "STORE": _store,
    "COPY": _copy(False),
    "MOVE": _copy(True),
}


# pieces


def _end(tokens: list[Token], count: int) -> None:
    if len(tokens) != count:
        raise SyntaxFault("Illegal arguments.")


def _atom(tokens: list[Token], position: int) -> str:
    if position >= len(tokens) or not isinstance(token := tokens[position], bytes):
        raise SyntaxFault("Illegal arguments.")
    return token.decode("ascii", "replace")


def _string(tokens: list[Token], position: int) -> bytes:
    if position >= len(tokens) or not isinstance(token := tokens[position], bytes):
        raise SyntaxFault("Illegal arguments.")
    return bytes(token)


def _list(tokens: list[Token], position: int) -> list[Token]:
    if position >= len(tokens) or not isinstance(token := tokens[position], list):
        raise SyntaxFault("Illegal arguments.")
    return token


def _words(tokens: list[Token]) -> list[str]:
    return [_atom(tokens, n).upper() for n in range(len(tokens))]


def _set(tokens: list[Token], position: int) -> SequenceSet:
    try:
        return SequenceSet.parse(_string(tokens, position))
    except SyntaxFault:
        raise
    except InvalidArgument as wrong:
        raise SyntaxFault(str(wrong)) from wrong


def _modseq(tokens: list[Token], position: int) -> ModSeq:
    text = _string(tokens, position)
    if not text.isdigit() or len(text) > 19:
        raise SyntaxFault("Illegal arguments.")
    return ModSeq(int(text))


def _mailbox(tokens: list[Token], position: int) -> str:
    name = _string(tokens, position)
    if len(name) > MAX_MAILBOX_NAME_LENGTH * 4:
        raise SyntaxFault("too long mailbox name. Illegal arguments.")
    try:
        return utf7.decode(name)
    except InvalidArgument as wrong:
        raise SyntaxFault(str(wrong)) from wrong


def _date_time(text: bytes) -> int:
    match = _DATE_TIME.fullmatch(text)
    if match is None or match.group(2).decode().lower() not in _MONTHS:
        raise SyntaxFault("Illegal arguments.")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes)) * (1 if sign == b"+" else -1)
    try:
        moment = datetime(
            int(year), _MONTHS.index(month.decode().lower()) + 1, int(day), int(hour), int(minute), int(second),
            tzinfo=timezone(offset),
        )  # fmt: skip
    except ValueError as wrong:
        raise SyntaxFault("Illegal arguments.") from wrong
    return int(moment.astimezone(UTC).timestamp())
