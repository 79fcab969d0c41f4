"""FETCH (RFC 3501 §6.4.5): rows first, messages only when something of them is asked for, large bodies streamed."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import Body
from compostela.core.blob.read_ahead import ReadAhead
from compostela.core.mailbox.model import FlagsRow, MessageRow, StoredMessage
from compostela.core.mailbox.view import MailboxView
from compostela.mime.scanner import describe
from compostela.mime.structure import Structure
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.numbers import ModSeq, Uid
from compostela.model.uid_set import UidSet
from compostela.net.gathered_replies import GATHERED_BYTES
from compostela.net.imap.reply import Context, ResponseCut
from compostela.net.imap.selecting import tell_keywords
from compostela.protocols.imap import commands
from compostela.protocols.imap.commands import BodySection
from compostela.protocols.imap.number_texts import number_texts
from compostela.protocols.imap.responses import body_structure, envelope, flags_text, internal_date
from compostela.protocols.imap.sections import HeaderOf, Slice, locate, select_fields

_log = logging.getLogger(__name__)

STREAM_BYTES = 256 * 1024
"""Longer sections are sent piece by piece, and no more than this is gathered between two pieces."""
MAX_CACHED_NOTES_BYTES = 8 * 1024
"""Longer notes are read anew each time."""
MESSAGE_BATCH = 50
_flags_of = itemgetter(2)
_SEEN = Flags(int(SystemFlag.SEEN))
_ROW_ITEMS = frozenset({"FLAGS", "INTERNALDATE", "RFC822.SIZE", "UID", "MODSEQ", "EMAILID", "THREADID", "SAVEDATE"})

_STRUCTURE_ITEMS = frozenset({"ENVELOPE", "BODY", "BODYSTRUCTURE"})
_KINDS_WITH_BODY = frozenset({"", "TEXT"})
"""Sections of the whole message for which its body is read."""

RowItem = Callable[[MessageRow, MailboxView], bytes]

_ROW_TEXTS: dict[str, RowItem] = {
    "FLAGS": lambda row, view: b"FLAGS (%s)" % flags_text(row.flags, view.is_recent(row.uid)),
    "INTERNALDATE": lambda row, _: b"INTERNALDATE " + internal_date(row.internal_date),
    "RFC822.SIZE": lambda row, _: b"RFC822.SIZE %d" % row.size,
    "UID": lambda row, _: b"UID %d" % row.uid,
    "MODSEQ": lambda row, _: b"MODSEQ (%d)" % row.modseq,
    "EMAILID": lambda row, _: b"EMAILID (%s)" % row.message_id.encode(),
    "THREADID": lambda _, __: b"THREADID NIL",
    "SAVEDATE": lambda row, _: b"SAVEDATE " + internal_date(row.save_date),
}


class LightForm(NamedTuple):
    """A listing that a client asks of all messages at once. `line` are the pieces of a line; those that differ between messages are empty, and
    the other fields tell which they are."""

    line: list[str]
    number: int
    flags: int
    uid: int | None = None
    modseq: int | None = None


_LIGHT = {
    frozenset({"FLAGS"}): LightForm(["* ", "", " FETCH (FLAGS (", "", "))\r\n"], number=1, flags=3),
    frozenset({"UID", "FLAGS"}): LightForm(
        ["* ", "", " FETCH (UID ", "", " FLAGS (", "", "))\r\n"], number=1, uid=3, flags=5
    ),
    frozenset({"UID", "FLAGS", "MODSEQ"}): LightForm(
        ["* ", "", " FETCH (UID ", "", " FLAGS (", "", ") MODSEQ (", "", "))\r\n"], number=1, uid=3, flags=5, modseq=7
    ),
}
"""The hottest listings: to format each line by itself would double their cost."""


class _FlagsTexts(dict[Flags, str]):
    """The text of these flags, made when it is first asked for."""

    def __init__(self, is_recent: bool) -> None:
        super().__init__()
        self._is_recent = is_recent

    def __missing__(self, flags: Flags) -> str:
        text = self[flags] = flags_text(flags, self._is_recent).decode()
        return text


async def fetch(context: Context, view: MailboxView, command: commands.Fetch) -> None:
    if command.changed_since is not None or "MODSEQ" in command.items:
        context.state.condstore = True
    wanted = command.messages.resolve(view.uids, uid=command.uid)
    plan = _plan_of(command.items)
    if plan.light is not None:
        await _fetch_flags(context, view, wanted, plan.light, command.changed_since)
    elif plan.is_of_rows:
        await _fetch_rows(context, view, wanted, command)
    elif plan.is_of_notes:
        await _fetch_structures(context, view, wanted, command)
    else:
        await _fetch_messages(context, view, wanted, command, plan)


class _Plan(NamedTuple):
    """What the items of a FETCH take."""

    light: LightForm | None
    is_of_rows: bool
    is_of_notes: bool
    """Of rows and of structure notes."""
    sets_seen: bool
    needs_body: bool


def _plan_of(items: tuple[str | BodySection, ...]) -> _Plan:
    sections = [item for item in items if isinstance(item, BodySection)]
    if not sections:
        return _plan_of_words(frozenset(item for item in items if isinstance(item, str)))
    return _Plan(
        None,
        is_of_rows=False,
        is_of_notes=False,
        sets_seen=any(not section.peek for section in sections),
        needs_body=any(map(_needs_body, sections)),
    )


@lru_cache(maxsize=512)
def _plan_of_words(words: frozenset[str]) -> _Plan:
    """Words alone are remembered: the parser knows a dozen, while a section may be as long as a line."""
    return _Plan(
        _LIGHT.get(words),
        is_of_rows=words <= _ROW_ITEMS,
        is_of_notes=words <= _ROW_ITEMS | _STRUCTURE_ITEMS,
        sets_seen=False,
        needs_body=False,
    )


async def _fetch_flags(
    context: Context, view: MailboxView, wanted: UidSet, form: LightForm, changed_since: ModSeq | None
) -> None:
    since = -1 if changed_since is None else changed_since
    async for rows in view.session.flags(view.mailbox, wanted):
        for run, offset in view.runs(rows):
            _write_flags(context, view, form, run, offset, since)
        await context.out.drain(GATHERED_BYTES)


async def _fetch_rows(context: Context, view: MailboxView, wanted: UidSet, command: commands.Fetch) -> None:
    items = [item for item in command.items if isinstance(item, str)]
    since = -1 if command.changed_since is None else command.changed_since
    out = context.out
    makers = [_ROW_TEXTS[item] for item in items]
    async for rows in view.session.rows(view.mailbox, wanted):
        _tell_keywords_of(context, view, rows)
        for whole_run, offset in view.runs(rows):
            for row in whole_run:
                if row.modseq > since:
                    texts = b" ".join([make(row, view) for make in makers])
                    out.write(b"* %d FETCH (%s)\r\n" % (row.uid - offset, texts))
        await out.drain(GATHERED_BYTES)


def _tell_keywords_of(context: Context, view: MailboxView, rows: Sequence[MessageRow]) -> None:
    """A keyword that another session has made is announced before FETCH shows it (RFC 3501 §7.2.6)."""
    for row in rows:
        if row.flags.keywords:
            tell_keywords(context, view, row.flags.keywords)


async def _fetch_structures(context: Context, view: MailboxView, wanted: UidSet, command: commands.Fetch) -> None:
    """Envelopes and structures come from the stored notes alone."""
    items = [item for item in command.items if isinstance(item, str)]
    since = -1 if command.changed_since is None else command.changed_since
    async for rows in view.session.rows(view.mailbox, wanted):
        chosen = [row for row in rows if row.modseq > since]
        _tell_keywords_of(context, view, chosen)
        notes: dict[Uid, bytes] = {}
        async for batch in view.session.structures(view.mailbox, UidSet.of(row.uid for row in chosen)):
            notes.update(batch)
        for run, offset in view.runs([row for row in chosen if row.uid in notes]):
            for row in run:
                texts = [
                    _ROW_TEXTS[item](row, view)
                    if item in _ROW_TEXTS
                    else item.encode() + b" " + await _rendered_of(view, row.uid, notes[row.uid], item)
                    for item in items
                ]
                context.out.write(b"* %d FETCH (%s)\r\n" % (row.uid - offset, b" ".join(texts)))
                await context.out.drain(STREAM_BYTES)
        await context.out.drain(GATHERED_BYTES)


async def _rendered_of(view: MailboxView, uid: Uid, notes: bytes, item: str) -> bytes:
    if _loads(notes) is not None:
        return _rendered_from(notes, item)
    message = await view.session.message(view.mailbox, uid)
    return b"NIL" if message is None else _render(await _structure(message), item)


def _write_flags(
    context: Context, view: MailboxView, form: LightForm, rows: Sequence[FlagsRow], offset: int, since: int
) -> None:
    """`offset` is what to take from a UID to get its message number."""
    if since >= 0:
        rows = [row for row in rows if row.modseq > since]
    step = len(form.line)
    for part, is_recent in view.by_recent(rows):
        texts = _FlagsTexts(is_recent)
        # the pieces of all lines in one list, filled place by place
        pieces = form.line * len(part)
        pieces[form.number :: step] = number_texts(_uids(part, offset))
        pieces[form.flags :: step] = map(texts.__getitem__, map(_flags_of, part))
        if form.uid is not None:
            pieces[form.uid :: step] = number_texts(_uids(part))
        if form.modseq is not None:
            pieces[form.modseq :: step] = [str(modseq) for _, modseq, _ in part]
        tell_keywords(context, view, frozenset[str]().union(*(flags.keywords for flags in texts)))
        context.out.write("".join(pieces).encode())


def _uids(rows: Sequence[FlagsRow], offset: int = 0) -> Sequence[int]:
    """The UIDs of some rows, or the message numbers `offset` below them."""
    first, last = rows[0].uid - offset, rows[-1].uid - offset
    if last - first == len(rows) - 1:
        return range(first, last + 1)
    return [uid - offset for uid, _, _ in rows]


async def _fetch_messages(
    context: Context, view: MailboxView, wanted: UidSet, command: commands.Fetch, plan: _Plan
) -> None:
    marks_seen = plan.sets_seen and not view.read_only
    async for rows in view.session.rows(view.mailbox, wanted):
        chosen = [row for row in rows if command.changed_since is None or row.modseq > command.changed_since]
        _tell_keywords_of(context, view, chosen)
        for start in range(0, len(chosen), MESSAGE_BATCH):
            batch = chosen[start : start + MESSAGE_BATCH]
            changed = await _mark_seen(view, batch) if marks_seen else {}
            messages = await view.session.messages(view.mailbox, [row.uid for row in batch])
            shown = [row.uid for row in batch if row.uid in messages] if plan.needs_body else []
            async with ReadAhead({uid: messages[uid].content.body for uid in shown}) as ahead:
                for row in batch:
                    number, message = view.number(row.uid), messages.get(row.uid)
                    if number is None or message is None:
                        continue
                    items = command.items
                    own = changed.get(row.uid)
                    if own is not None and "FLAGS" not in items:
                        items = (*items, "FLAGS")
                    if own is not None and context.state.condstore and "MODSEQ" not in items:
                        items = (*items, "MODSEQ")  # RFC 7162 §3.2
                    opened = partial(ahead.opened, row.uid)
                    await _write_message(context, view, number, own or row, message, items, opened)
                    if own is not None:
                        # not earlier: flags of a message that cannot be read are told with the other changes
                        view.note_own([FlagsRow(own.uid, own.modseq, own.flags)])
            await context.out.drain(GATHERED_BYTES)


def _needs_body(section: BodySection) -> bool:
    return bool(section.path) or section.kind in _KINDS_WITH_BODY


async def _mark_seen(view: MailboxView, rows: list[MessageRow]) -> dict[Uid, MessageRow]:
    """Set \\Seen where it is missing; return the changed rows by UID."""
    unseen = [row.uid for row in rows if not row.flags.system & SystemFlag.SEEN]
    if not unseen:
        return {}
    try:
        result = await view.session.store_flags(view.mailbox, UidSet.of(unseen), FlagsMode.ADD, _SEEN)
    except TemporaryFailure as failure:
        # a mail that is read and stays unseen is better than one that cannot be read, as on a full disk
        _log.error("messages could not be marked as seen", extra={"error": str(failure)})
        return {}
    before = {row.uid: row for row in rows}
    return {row.uid: before[row.uid]._replace(modseq=row.modseq, flags=row.flags) for row in result.updated}


async def _write_message(
    context: Context,
    view: MailboxView,
    number: int,
    row: MessageRow,
    message: StoredMessage,
    items: tuple[str | BodySection, ...],
    opened: Callable[[], Awaitable[Body]],
) -> None:
    """All that may fail is done before the response is begun: notes are read, the body is opened. Raises `TemporaryFailure`
    as long as nothing is written, and `ResponseCut` from then on."""
    texts: dict[str, bytes] = {}
    structure, body = _NO_STRUCTURE, message.content.body
    is_open = False
    for item in items:
        if isinstance(item, str):
            texts[item] = await _text(item, row, view, message)
            continue
        if item.path and structure is _NO_STRUCTURE:
            structure = await _structure(message)
        if not is_open and _needs_body(item):
            body, is_open = await opened(), True
    separator = b"* %d FETCH (" % number
    try:
        for item in items:
            context.out.write(separator)
            if isinstance(item, str):
                context.out.write(texts[item])
            else:
                await _write_section(context, item, message.content.header, body, structure)
            separator = b" "
        context.out.write(b")\r\n")
    except Exception as error:
        raise ResponseCut(f"the response for UID {row.uid} could not be ended") from error


async def _text(item: str, row: MessageRow, view: MailboxView, message: StoredMessage) -> bytes:
    if item in _ROW_TEXTS:
        return _ROW_TEXTS[item](row, view)
    return item.encode() + b" " + await _rendered(message, item)


async def _rendered(message: StoredMessage, item: str) -> bytes:
    if _loads(message.structure) is None:
        structure = await _structure(message)
        return _render(structure, item)
    return _rendered_from(message.structure, item)


def _rendered_from(notes: bytes, item: str) -> bytes:
    return _cached_rendering(notes, item) if len(notes) <= MAX_CACHED_NOTES_BYTES else _rendering(notes, item)


def _rendering(notes: bytes, item: str) -> bytes:
    structure = _loads(notes)
    assert structure is not None
    return _render(structure, item)


_cached_rendering = lru_cache(maxsize=2048)(_rendering)


def _render(structure: Structure, item: str) -> bytes:
    if item == "ENVELOPE":
        return envelope(structure.envelope)
    return body_structure(structure.root, extended=item == "BODYSTRUCTURE")


def _loads(notes: bytes) -> Structure | None:
    return _cached_structure(notes) if len(notes) <= MAX_CACHED_NOTES_BYTES else Structure.loads(notes)


_cached_structure = lru_cache(maxsize=512)(Structure.loads)


async def _structure(message: StoredMessage) -> Structure:
    """The notes; computed again when they are of an older form."""
    known = _loads(message.structure)
    if known is not None:
        return known
    header = message.content.header
    return await message.content.body.apply(lambda octets: describe(header, octets))


_NO_STRUCTURE = describe(b"", b"")
"""Sections of the whole message need no structure."""


def _without_nul(octets: bytes) -> bytes:
    """NUL is the one octet that a literal must not hold (RFC 3501 §9, CHAR8): 0x80 takes its place, so that lengths stay."""
    return octets.replace(b"\x00", b"\x80")


async def _write_section(
    context: Context, section: BodySection, header: bytes, body: Body, structure: Structure
) -> None:
    """The body is open."""
    out = context.out
    found = locate(section, structure, header, body.size)
    if isinstance(found, HeaderOf):
        block = await body.read(found.start, found.end - found.start)
        found = Slice(select_fields(section, block))
    if found is None:
        out.write(section.label + b" NIL")
        return
    if section.origin is not None:
        found = found.partial(section.origin, section.length or 0)
    out.write(b"%s {%d}\r\n%s" % (section.label, found.size, _without_nul(found.head)))
    left = found.end - found.start
    if left > STREAM_BYTES:
        async for chunk in body.chunks(found.start, left):
            left -= len(chunk)
            out.write(_without_nul(chunk))
            await out.drain(STREAM_BYTES)
    elif left:
        octets = await body.read(found.start, left)
        left -= len(octets)
        out.write(_without_nul(octets))
    await out.drain(STREAM_BYTES)
    if left:
        raise TemporaryFailure("a body is shorter than its notes say")
