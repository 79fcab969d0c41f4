"""STORE, EXPUNGE, COPY, MOVE."""

from compostela.base.errors import NotFound
from compostela.core.mailbox.view import MailboxView
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from compostela.net.imap.mailbox_commands import path_of, target_of
from compostela.net.imap.reply import Context, Refused
from compostela.net.imap.selecting import tell_keywords
from compostela.protocols.imap import commands
from compostela.protocols.imap.responses import flags_text, untagged

_READ_ONLY = "Mailbox is read only."


async def store(context: Context, view: MailboxView, command: commands.Store) -> str:
    """Gives the response code (RFC 7162 §3.1.3)."""
    _need_writable(view)
    if command.unchanged_since is not None:
        context.state.condstore = True
    uids = command.messages.resolve(view.uids, uid=command.uid)
    if not uids:
        return ""
    result = await view.session.store_flags(view.mailbox, uids, command.mode, command.flags, command.unchanged_since)
    if command.silent:
        # what others changed meanwhile is told all the same (RFC 3501 §6.4.6): the client cannot reckon it from its own change
        known = view.modseq
        view.note_own([row for row, before in zip(result.updated, result.before, strict=True) if before <= known])
    else:
        view.note_own(result.updated)
    tell_keywords(context, view, frozenset[str]().union(*(row.flags.keywords for row in result.updated)))
    out, condstore = context.out, context.state.condstore
    for row in result.updated:
        number = view.number(row.uid)
        if number is None or (command.silent and not condstore):
            continue
        parts = [b"UID %d" % row.uid] if command.uid else []
        if condstore:
            parts.append(b"MODSEQ (%d)" % row.modseq)
        if not command.silent:
            parts.append(b"FLAGS (%s)" % flags_text(row.flags, view.is_recent(row.uid)))
        out.write(b"* %d FETCH (%s)\r\n" % (number, b" ".join(parts)))
    if not result.modified:
        return ""
    if command.uid:
        return f"MODIFIED {result.modified}"
    numbers = [number for uid in result.modified if (number := view.number(uid)) is not None]
    return f"MODIFIED {UidSet.of(numbers)}"


async def expunge(view: MailboxView, command: commands.Expunge) -> str:
    """The EXPUNGE responses come with the other changes."""
    _need_writable(view)
    uids = None if command.uids is None else command.uids.uids(view.uids)
    if uids is None or uids:
        await view.session.expunge(view.mailbox, uids)
    return ""


async def copy(context: Context, user: Username, view: MailboxView, command: commands.Copy) -> str:
    """COPY and MOVE; gives the response code of the tagged OK (RFC 4315 §3, RFC 6851)."""
    if command.move:
        _need_writable(view)
    path = path_of(user, command.mailbox)
    target = await target_of(context, path)
    uids = command.messages.resolve(view.uids, uid=command.uid)
    if not uids:
        return ""
    act = view.session.move if command.move else view.session.copy
    try:
        copied = await act(view.mailbox, uids, target)
    except NotFound:
        raise Refused("Mailbox not found.", "TRYCREATE") from None
    if not copied.source:
        return ""
    code = f"COPYUID {target.uid_validity} {copied.source} {copied.target}"
    if command.move:
        context.out.write(untagged(f"OK [{code}] Moved"))
        return ""
    return code


def _need_writable(view: MailboxView) -> None:
    if view.read_only:
        raise Refused(_READ_ONLY)
