"""SELECT, EXAMINE, CLOSE, UNSELECT, and telling a session what has changed."""

import contextlib

from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.view import MailboxView
from compostela.model.sequence_set import SequenceSet
from compostela.model.username import Username
from compostela.net.imap import mailbox_commands
from compostela.net.imap.mailbox_commands import path_of
from compostela.net.imap.reply import Context, Refused, mailboxes_of
from compostela.protocols.imap import commands
from compostela.protocols.imap.responses import SYSTEM_FLAGS, flags_text


async def select(context: Context, user: Username, command: commands.Select) -> str:
    """Gives the response code. A failed SELECT leaves nothing selected (RFC 3501 §6.3.1)."""
    state = context.state
    await leave(context)
    if command.condstore:
        state.condstore = True
    path = path_of(user, command.mailbox)
    mailboxes = mailboxes_of(state)
    try:
        mailbox = await mailboxes.find(path)
        view, opened = await mailboxes.open(mailbox, read_only=command.read_only)
    except NotFound:
        raise Refused("Mailbox not found.", "NONEXISTENT") from None
    state.view = view
    number = None if opened.first_unseen is None else view.number(opened.first_unseen)
    unseen = "" if number is None else f"* OK [UNSEEN {number}] MailboxMessage {number} is first unseen\r\n"
    context.out.write(
        b"* OK [MAILBOXID (%b)] Ok\r\n%b* %d EXISTS\r\n* %d RECENT\r\n* OK [UIDVALIDITY %d] UIDs valid\r\n%b%b"
        b"* OK [HIGHESTMODSEQ %d] Highest\r\n* OK [UIDNEXT %d] Predicted next UID\r\n"
        % (
            mailbox.id.encode(),
            _flags_line(view),
            view.exists,
            view.recent,
            mailbox.uid_validity,
            unseen.encode(),
            _permanent_flags_line(context, view),
            view.modseq,
            view.head.uid_next,
        )
    )
    return "READ-ONLY" if view.read_only else "READ-WRITE"


def _names(view: MailboxView) -> bytes:
    if not view.keywords:
        return SYSTEM_FLAGS
    keywords = b" ".join(sorted(keyword.encode() for keyword in view.keywords))
    return SYSTEM_FLAGS + b" " + keywords


def _flags_line(view: MailboxView) -> bytes:
    return b"* FLAGS (%s)\r\n" % _names(view)


def _permanent_flags_line(context: Context, view: MailboxView) -> bytes:
    """`\\*`: further keywords may be made (RFC 3501 §7.1)."""
    may_add = len(view.keywords) < context.server.settings.max_keywords_per_mailbox
    names = b"" if view.read_only else _names(view) + (b" \\*" if may_add else b"")
    return b"* OK [PERMANENTFLAGS (%s)] Limited\r\n" % names


async def leave(context: Context) -> None:
    """Deselect. Messages that this session was not told of stay recent for the next one."""
    view, context.state.view = context.state.view, None
    context.state.repeats_exists = False
    if view is not None:
        view.close()


async def delete(context: Context, user: Username, command: commands.MailboxCommand) -> str:
    """DELETE. The session's own mailbox is deselected then."""
    state = context.state
    view, is_selected = state.view, False
    if view is not None:
        with contextlib.suppress(NotFound):
            found = await mailboxes_of(state).find(path_of(user, command.mailbox))
            is_selected = found.id == view.mailbox.id
    code = await mailbox_commands.run(context, user, command)
    if is_selected:
        await leave(context)
    return code


async def names_expunged(
    context: Context, view: MailboxView, command: commands.Fetch | commands.Store | commands.Copy
) -> bool:
    """Return whether a command names, by number, a message that another session expunged. Nothing is read while the view is fresh.
    Raises `Refused` with BAD for a number beyond the last (RFC 9051 §9, seq-number)."""
    if command.uid:
        return False
    check_numbers(view, command.messages)
    is_fresh = view.is_fresh(context.server.clock.monotonic(), may_expunge=False)
    if is_fresh and not view.pending:
        return False
    uids = command.messages.resolve(view.uids, uid=False)
    if uids & view.pending:
        return True
    if is_fresh:
        return False
    there = 0
    # a failure is not the command's: what it does may be done all the same
    with contextlib.suppress(NotFound, TemporaryFailure):
        async for rows in view.session.flags(view.mailbox, uids):
            there += len(rows)
        return there < len(uids)
    return False


def check_numbers(view: MailboxView, messages: SequenceSet) -> None:
    """Raises `Refused` with BAD for a message number beyond the last. A range up to `*` may begin there."""
    if messages.exceeds(view.exists):
        raise Refused("Invalid messageset.", status="BAD")


async def unselect(context: Context) -> str:
    await leave(context)
    return ""


async def close(context: Context, view: MailboxView) -> str:
    """CLOSE: expunges in silence."""
    if not view.read_only:
        await view.session.expunge(view.mailbox)
    await leave(context)
    return ""


def tell_keywords(context: Context, view: MailboxView, keywords: frozenset[str]) -> None:
    """Write FLAGS and PERMANENTFLAGS anew if the session does not know some of these keywords (RFC 3501 §7.2.6)."""
    if not keywords <= view.keywords:
        view.keywords |= keywords
        context.out.write(_flags_line(view))
        context.out.write(_permanent_flags_line(context, view))


def is_fresh(context: Context, *, may_expunge: bool) -> bool:
    """Whether `tell_changes` need not look: see `MailboxView.is_fresh`."""
    view = context.state.view
    return view is None or view.is_fresh(context.server.clock.monotonic(), may_expunge=may_expunge)


async def tell_changes(context: Context, *, may_expunge: bool, buried: bool = False) -> bool:
    """Bring the session up to date; return False when its mailbox is gone. `buried`: clients may ignore an EXISTS here, so IDLE repeats it.
    Raises `TemporaryFailure` as long as nothing is told and the view is as it was."""
    view = context.state.view
    if view is None:
        return True
    now = context.server.clock.monotonic()
    try:
        difference = await view.update(now, may_expunge=may_expunge)
        if difference.is_empty:
            return True
        if difference.changed or difference.exists:
            tell_keywords(context, view, view.head.keywords)
    except NotFound:
        return False
    out = context.out
    for number in difference.expunged:
        out.write(b"* %d EXPUNGE\r\n" % number)
    if difference.exists is not None:
        out.write(b"* %d EXISTS\r\n* %d RECENT\r\n" % (difference.exists, view.recent))
        context.state.repeats_exists |= buried
    for number, row in difference.changed:
        text = flags_text(row.flags, view.is_recent(row.uid))
        if context.state.condstore:
            out.write(b"* %d FETCH (UID %d MODSEQ (%d) FLAGS (%s))\r\n" % (number, row.uid, row.modseq, text))
        else:
            out.write(b"* %d FETCH (FLAGS (%s))\r\n" % (number, text))
    return True
