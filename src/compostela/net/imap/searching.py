"""SEARCH: keys become sets of messages, tests of rows and tests of messages."""

from collections.abc import Callable, Iterator

from compostela.core.mailbox.model import MessageRow
from compostela.core.mailbox.search import AnyRow, Look, MessageTest, Needle, Query, RowTest, SearchedMessage
from compostela.core.mailbox.view import MailboxView
from compostela.model.flags import SystemFlag
from compostela.model.sequence_set import SequenceSet
from compostela.model.uid_set import UidSet
from compostela.net.imap.reply import Context
from compostela.net.imap.selecting import check_numbers
from compostela.protocols.imap import commands
from compostela.protocols.imap.commands import SearchKey
from compostela.protocols.imap.responses import search_line

_FLAG_KEYS = {
    "ANSWERED": SystemFlag.ANSWERED,
    "DELETED": SystemFlag.DELETED,
    "DRAFT": SystemFlag.DRAFT,
    "FLAGGED": SystemFlag.FLAGGED,
    "SEEN": SystemFlag.SEEN,
}
_OF_ROW = frozenset({"LARGER", "SMALLER", "BEFORE", "ON", "SINCE", "OLDER", "YOUNGER", "EMAILID"})
_OF_FLAGS = frozenset(
    {"AND", "OR", "NOT", "ALL", "KEYWORD", "UNKEYWORD", *_FLAG_KEYS, *(f"UN{name}" for name in _FLAG_KEYS)}
)
_OF_HEADER = frozenset({"HEADER", "SENTBEFORE", "SENTON", "SENTSINCE", "BCC", "CC", "FROM", "SUBJECT", "TO"})
_OF_BODY = frozenset({"BODY", "TEXT"})
_DAY = 86400

_FieldTest = Callable[[SearchedMessage], bool]


async def run_search(context: Context, view: MailboxView, command: commands.Search) -> str:
    key = command.key
    _check_numbers(view, key)
    with_modseq = _uses(key, "MODSEQ")
    if with_modseq:
        context.state.condstore = True
    uids, rest = _narrowed(view, key)
    if rest or with_modseq:
        key = SearchKey("AND", keys=tuple(rest))
        maker = _Tests(view, int(context.server.clock.now()))
        query = Query(_look(key), maker.of_rows(key), maker.of_messages(key), frozenset(_in_body(key)))
        rows = await view.session.search(view.mailbox, uids, query)
        found = [row[0] for row in rows]
    else:
        rows, found = (), list(uids)
    highest = max((row.modseq for row in rows), default=0) if with_modseq else None
    context.out.write(search_line(found if command.uid else view.numbers(found), highest))
    return ""


def _check_numbers(view: MailboxView, key: SearchKey) -> None:
    if key.name == "SEQUENCE" and isinstance(key.argument, SequenceSet):
        check_numbers(view, key.argument)
    for inner in key.keys:
        _check_numbers(view, inner)


def _narrowed(view: MailboxView, key: SearchKey) -> tuple[UidSet, list[SearchKey]]:
    """Keys that are sets of messages cut what is looked at; the others are left."""
    uids, rest = view.present, []
    for one in key.keys if key.name == "AND" else (key,):
        if isinstance(one.argument, SequenceSet):
            uids = uids & one.argument.resolve(view.uids, uid=one.name == "UID")
        elif one.name != "ALL":
            rest.append(one)
    return uids, rest


def _uses(key: SearchKey, name: str) -> bool:
    return key.name == name or any(_uses(inner, name) for inner in key.keys)


def _look(key: SearchKey) -> Look:
    """The deepest look that a key takes. Bodies are read by size, so their rows are whole ones."""
    if key.name in _OF_BODY:
        return Look.BODY
    if key.name in _OF_HEADER:
        return Look.HEADER
    if key.name in _OF_ROW:
        return Look.ROW
    own = Look.FLAGS if key.name in _OF_FLAGS else Look.FLAGS_ROW
    return max([own, *map(_look, key.keys)])


def _in_body(key: SearchKey) -> Iterator[str]:
    """The texts that are looked for in bodies."""
    if key.name in _OF_BODY:
        yield Needle(str(key.argument)).text
    for inner in key.keys:
        yield from _in_body(inner)


class _Tests:
    """Makes functions of keys, once for a command."""

    def __init__(self, view: MailboxView, now: int) -> None:
        self._view = view
        self._now = now

    def of_rows(self, key: SearchKey) -> RowTest:
        """True, False, or None when the message must be read."""
        if key.name in ("AND", "OR"):
            tests = [self.of_rows(inner) for inner in key.keys]
            if len(tests) == 1:
                return tests[0]
            decisive = key.name == "OR"
            return lambda row: _combined(tests, row, decisive)
        if key.name == "NOT":
            inner = self.of_rows(key.keys[0])
            return lambda row: None if (verdict := inner(row)) is None else not verdict
        return self._row_leaf(key)

    def of_messages(self, key: SearchKey) -> MessageTest:
        if key.name == "AND":
            every = [self.of_messages(inner) for inner in key.keys]
            return lambda row, message: all(test(row, message) for test in every)
        if key.name == "OR":
            some = [self.of_messages(inner) for inner in key.keys]
            return lambda row, message: any(test(row, message) for test in some)
        if key.name == "NOT":
            inner = self.of_messages(key.keys[0])
            return lambda row, message: not inner(row, message)
        if key.name in _OF_HEADER or key.name in _OF_BODY:
            in_message = _message_leaf(key)
            return lambda _, message: in_message(message)
        by_row = self._row_leaf(key)
        return lambda row, _: bool(by_row(row))

    def _row_leaf(self, key: SearchKey) -> RowTest:
        name, argument = key.name, key.argument
        if name in _FLAG_KEYS:
            bit = int(_FLAG_KEYS[name])
            return lambda row: bool(row[2].system & bit)
        if name.removeprefix("UN") in _FLAG_KEYS:
            missing = int(_FLAG_KEYS[name.removeprefix("UN")])
            return lambda row: not row[2].system & missing
        if isinstance(argument, SequenceSet):
            known = argument.resolve(self._view.uids, uid=name == "UID")
            return lambda row: row.uid in known
        if isinstance(argument, int):
            return self._number_leaf(name, argument)
        is_recent = self._view.is_recent
        match name:
            case "ALL":
                return lambda _: True
            case "RECENT":
                return lambda row: is_recent(row.uid)
            case "OLD":
                return lambda row: not is_recent(row.uid)
            case "NEW":
                return lambda row: is_recent(row.uid) and not row.flags.system & SystemFlag.SEEN
            case "EMAILID":
                return lambda row: str(row.message_id) == argument if isinstance(row, MessageRow) else None
            case "THREADID":
                return lambda _: False  # no message has one
            case "KEYWORD":
                return _has_keyword(str(argument))
            case "UNKEYWORD":
                has_keyword = _has_keyword(str(argument))
                return lambda row: not has_keyword(row)
            case _:
                return lambda _: None

    def _number_leaf(self, name: str, number: int) -> RowTest:
        if name == "MODSEQ":
            return lambda row: row.modseq >= number
        test = self._row_test(name, number)
        return lambda row: test(row) if test is not None and isinstance(row, MessageRow) else None

    def _row_test(self, name: str, number: int) -> Callable[[MessageRow], bool] | None:
        """None for a date that is read from the message."""
        then = self._now - number
        match name:
            case "LARGER":
                return lambda row: row.size > number
            case "SMALLER":
                return lambda row: row.size < number
            case "BEFORE":
                return lambda row: row.internal_date < number
            case "ON":
                return lambda row: number <= row.internal_date < number + _DAY
            case "SINCE":
                return lambda row: row.internal_date >= number
            case "OLDER":
                return lambda row: row.internal_date <= then
            case "YOUNGER":
                return lambda row: row.internal_date >= then
            case _:
                return None


def _has_keyword(wanted: str) -> Callable[[AnyRow], bool]:
    """In any case (RFC 3501 §2.3.2)."""
    lowered = wanted.lower()
    return lambda row: any(keyword.lower() == lowered for keyword in row.flags.keywords)


def _combined(tests: list[RowTest], row: AnyRow, decisive: bool) -> bool | None:
    """AND (`decisive` is False) or OR of three-valued verdicts."""
    verdict: bool | None = not decisive
    for test in tests:
        one = test(row)
        if one is decisive:
            return decisive
        if one is None:
            verdict = None
    return verdict


def _message_leaf(key: SearchKey) -> _FieldTest:
    argument = key.argument
    match key.name:
        case "SENTBEFORE" | "SENTON" | "SENTSINCE":
            assert isinstance(argument, int)
            return _sent(key.name, argument)
        case "HEADER":
            assert isinstance(argument, tuple)
            name, needle = argument[0], Needle(argument[1])
            return lambda message: message.has_in_field(name, needle)
    needle = Needle(str(argument))
    match key.name:
        case "BODY":
            return lambda message: message.has_in_body(needle)
        case "TEXT":
            return lambda message: message.has_in_body(needle) or needle.text in message.header_text
        case field:
            octets = field.encode()
            return lambda message: message.has_in_field(octets, needle)


def _sent(name: str, day: int) -> _FieldTest:
    def test(message: SearchedMessage) -> bool:
        sent = message.sent_on
        if sent is None:
            return False
        match name:
            case "SENTBEFORE":
                return sent < day
            case "SENTON":
                return sent == day
            case _:
                return sent >= day

    return test
