"""SELECT, EXAMINE, CLOSE, UNSELECT, and telling a session what has changed."""

import logging

from compostela.base.errors import NotFound, StorageFull, TemporaryFailure
from compostela.core.mailbox.view import MailboxView
from compostela.net.imap.mailbox_commands import path_of
from compostela.net.imap.reply import Context, Refused, mailboxes_of
from compostela.protocols.imap import commands
from compostela.protocols.imap.responses import SYSTEM_FLAGS, flags_text, untagged

_log = logging.getLogger(__name__)


async def select(context: Context, command: commands.Select) -> str:
    """Gives the response code. A failed SELECT leaves nothing selected (RFC 3501 §6.3.1)."""
    state = context.state
    assert state.user is not None
    await leave(context)
    if command.condstore:
        state.condstore = True
    path = path_of(state.user, command.mailbox)
    mailboxes = mailboxes_of(state)
    if path.is_inbox:
        await mailboxes.inbox(state.user)
    try:
        mailbox = await mailboxes.find(path)
        view, opened = await mailboxes.open(mailbox, read_only=command.read_only)
    except NotFound:
        raise Refused("Mailbox not found.") from None
    state.view = view
    out = context.out
    out.write(untagged(f"OK [MAILBOXID ({mailbox.id})] Ok"))
    out.write(_flags_line(view))
    out.write(untagged(f"{view.exists} EXISTS"))
    out.write(untagged(f"{view.recent} RECENT"))
    out.write(untagged(f"OK [UIDVALIDITY {mailbox.uid_validity}] UIDs valid"))
    number = None if opened.first_unseen is None else view.number(opened.first_unseen)
    if number is not None:
        out.write(untagged(f"OK [UNSEEN {number}] MailboxMessage {number} is first unseen"))
    out.write(_permanent_flags_line(context, view))
    out.write(untagged(f"OK [HIGHESTMODSEQ {view.modseq}] Highest"))
    out.write(untagged(f"OK [UIDNEXT {view.head.uid_next}] Predicted next UID"))
    return "READ-ONLY" if view.read_only else "READ-WRITE"


def _names(view: MailboxView) -> bytes:
    keywords = b" ".join(sorted(keyword.encode() for keyword in view.keywords))
    return SYSTEM_FLAGS + (b" " + keywords if keywords else b"")


def _flags_line(view: MailboxView) -> bytes:
    return b"* FLAGS (%s)\r\n" % _names(view)


def _permanent_flags_line(context: Context, view: MailboxView) -> bytes:
    """`\\*`: further keywords may be made (RFC 3501 §7.1)."""
    may_add = len(view.keywords) < context.server.settings.max_keywords_per_mailbox
    names = b"" if view.read_only else _names(view) + (b" \\*" if may_add else b"")
    return b"* OK [PERMANENTFLAGS (%s)] Limited\r\n" % names


async def leave(context: Context) -> None:
    """Deselects. What came in meanwhile was recent here, and is not elsewhere."""
    view, context.state.view = context.state.view, None
    if view is not None:
        view.close()
    if view is not None and not view.read_only and view.head.uid_next > view.first_recent:
        try:
            await view.session.take_recent(view.mailbox)
        except (NotFound, StorageFull):
            pass  # nobody needs it any more, or they are another session's recent messages too
        except TemporaryFailure:
            # the mailbox is left all the same, and CLOSE has expunged already
            _log.exception("could not update \\Recent when a mailbox was left")


async def close(context: Context) -> None:
    """CLOSE: expunges in silence."""
    view = context.state.view
    assert view is not None
    if not view.read_only:
        await view.session.expunge(view.mailbox)
    await leave(context)


def tell_keywords(context: Context, view: MailboxView, keywords: frozenset[str]) -> None:
    """Write FLAGS and PERMANENTFLAGS anew if the session does not know some of these keywords (RFC 3501 §7.2.6)."""
    if not keywords <= view.keywords:
        view.keywords |= keywords
        context.out.write(_flags_line(view))
        context.out.write(_permanent_flags_line(context, view))


async def tell_changes(context: Context, *, may_expunge: bool, always: bool = True) -> bool:
    """Brings the session up to date; False when its mailbox is gone. Unless `always`, nothing is read while the view is fresh. Raises `TemporaryFailure` as long as nothing is told and
    the view is as it was."""
    view = context.state.view
    if view is None:
        return True
    now = context.server.clock.monotonic()
    if not always and view.is_fresh(now, may_expunge=may_expunge):
        return True
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
    for number, row in difference.changed:
        text = flags_text(row.flags, view.is_recent(row.uid))
        if context.state.condstore:
            out.write(b"* %d FETCH (UID %d MODSEQ (%d) FLAGS (%s))\r\n" % (number, row.uid, row.modseq, text))
        else:
            out.write(b"* %d FETCH (FLAGS (%s))\r\n" % (number, text))
    return True
