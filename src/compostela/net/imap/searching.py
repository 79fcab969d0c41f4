"""SEARCH: keys become tests of rows and of messages."""

from compostela.core.mailbox.model import MessageRow
from compostela.core.mailbox.search import SearchedMessage, search
from compostela.core.mailbox.view import MailboxView
from compostela.model.flags import SystemFlag
from compostela.model.sequence_set import SequenceSet
from compostela.model.uid_set import UidSet
from compostela.net.imap.reply import Context
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
_DAY = 86400


async def run_search(context: Context, command: commands.Search) -> None:
    view = context.state.view
    assert view is not None
    evaluation = _Evaluation(view, int(context.server.clock.now()))
    if evaluation.uses(command.key, "MODSEQ"):
        context.state.condstore = True
    key = command.key
    rows = await search(
        view.store,
        view.mailbox.id,
        view.uids,
        lambda row: evaluation.by_row(key, row),
        lambda row, message: evaluation.by_message(key, row, message),
    )
    numbers = [row.uid if command.uid else view.number(row.uid) or 0 for row in rows]
    highest = max((row.modseq for row in rows), default=0) if evaluation.uses(key, "MODSEQ") else None
    context.out.write(search_line((number for number in numbers if number), highest))


class _Evaluation:
    """Truth of keys: a row gives True, False, or None when the message must be read."""

    def __init__(self, view: MailboxView, now: int) -> None:
        self._view = view
        self._now = now
        self._sets: dict[int, UidSet] = {}

    def uses(self, key: SearchKey, name: str) -> bool:
        return key.name == name or any(self.uses(inner, name) for inner in key.keys)

    def by_row(self, key: SearchKey, row: MessageRow) -> bool | None:
        match key.name:
            case "AND":
                return _all([self.by_row(inner, row) for inner in key.keys])
            case "OR":
                return _any([self.by_row(inner, row) for inner in key.keys])
            case "NOT":
                verdict = self.by_row(key.keys[0], row)
                return None if verdict is None else not verdict
            case _:
                return self._leaf(key, row)

    def by_message(self, key: SearchKey, row: MessageRow, message: SearchedMessage) -> bool:
        match key.name:
            case "AND":
                return all(self.by_message(inner, row, message) for inner in key.keys)
            case "OR":
                return any(self.by_message(inner, row, message) for inner in key.keys)
            case "NOT":
                return not self.by_message(key.keys[0], row, message)
            case _:
                verdict = self._leaf(key, row)
                return _in_message(key, message) if verdict is None else verdict

    def _leaf(self, key: SearchKey, row: MessageRow) -> bool | None:
        name, argument = key.name, key.argument
        if name in _FLAG_KEYS:
            return bool(row.flags.system & _FLAG_KEYS[name])
        if name.startswith("UN") and name[2:] in _FLAG_KEYS:
            return not row.flags.system & _FLAG_KEYS[name[2:]]
        if isinstance(argument, SequenceSet):
            return self._in_set(key, argument, row)
        if isinstance(argument, int):
            return self._by_number(name, argument, row)
        match name:
            case "ALL":
                return True
            case "RECENT":
                return self._view.is_recent(row.uid)
            case "OLD":
                return not self._view.is_recent(row.uid)
            case "NEW":
                return self._view.is_recent(row.uid) and not row.flags.system & SystemFlag.SEEN
            case "KEYWORD":
                return argument in row.flags.keywords
            case "UNKEYWORD":
                return argument not in row.flags.keywords
            case _:
                return None

    def _in_set(self, key: SearchKey, given: SequenceSet, row: MessageRow) -> bool:
        known = self._sets.get(id(key))
        if known is None:
            known = self._sets[id(key)] = given.resolve(self._view.uids, uid=key.name == "UID")
        return row.uid in known

    def _by_number(self, name: str, number: int, row: MessageRow) -> bool | None:
        match name:
            case "LARGER":
                return row.size > number
            case "SMALLER":
                return row.size < number
            case "MODSEQ":
                return row.modseq >= number
            case "BEFORE":
                return row.internal_date < number
            case "ON":
                return number <= row.internal_date < number + _DAY
            case "SINCE":
                return row.internal_date >= number
            case "OLDER":
                return row.internal_date <= self._now - number
            case "YOUNGER":
                return row.internal_date >= self._now - number
            case _:
                return None


def _in_message(key: SearchKey, message: SearchedMessage) -> bool:
    argument = key.argument
    match key.name:
        case "HEADER":
            assert isinstance(argument, tuple)
            name, text = argument
            return any(text.casefold() in value for value in message.values(name))
        case "BODY":
            return str(argument).casefold() in message.body_text
        case "TEXT":
            wanted = str(argument).casefold()
            return wanted in message.header_text or wanted in message.body_text
        case "SENTBEFORE" | "SENTON" | "SENTSINCE":
            assert isinstance(argument, int)
            return _sent(key.name, argument, message)
        case name:
            return any(str(argument).casefold() in value for value in message.values(name.encode()))


def _sent(name: str, day: int, message: SearchedMessage) -> bool:
    sent = message.sent_at
    if sent is None:
        return False
    match name:
        case "SENTBEFORE":
            return sent < day
        case "SENTON":
            return day <= sent < day + _DAY
        case _:
            return sent >= day


def _all(verdicts: list[bool | None]) -> bool | None:
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _any(verdicts: list[bool | None]) -> bool | None:
    if True in verdicts:
        return True
    return None if None in verdicts else False
