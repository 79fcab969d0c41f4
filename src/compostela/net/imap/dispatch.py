"""The function that runs each command, once `protocols.imap.state` allows it (RFC 3501 §3). It is given the user and the selected mailbox,
which that state guarantees."""

from collections.abc import Callable, Coroutine

from compostela.core.mailbox.view import MailboxView
from compostela.model.username import Username
from compostela.net.authentication.logins import Exchange
from compostela.net.imap import changing, fetching, logging_in, mailbox_commands, searching, selecting
from compostela.net.imap.reply import Context, Refused
from compostela.net.imap.server import ImapState
from compostela.net.tls.channel import TlsChannel
from compostela.protocols.imap import commands
from compostela.protocols.imap.responses import string, untagged
from compostela.protocols.imap.state import is_allowed

_WRONG_STATE = "Command not valid in this state."
Then = Callable[[bytes], Coroutine[None, None, str | None]]
Ask = Callable[[bytes, Then], None]
"""Sends a challenge and goes on with the client's next line."""


async def execute(
    context: Context,
    name: str,
    command: commands.Command,
    *,
    tls: bool,
    channel: Callable[[], TlsChannel | None],
    ask: Ask,
) -> str | None:
    """Gives the response code of the tagged OK, None when the command goes on. `channel` tells of the TLS channel. Raises
    `Refused`."""
    require(context.state, name)
    user, view = context.state.user, context.state.view
    match command:
        case commands.Simple("NOOP"):
            return ""
        case commands.Id():
            return _identify(context)
        case commands.Login():
            await logging_in.login(context, command, tls=tls)
            return ""
        case commands.Authenticate():
            exchange = logging_in.begin(context, command, channel(), tls=tls)
            return await _authenticate(context, exchange, command.initial, ask)
    code = None if user is None else await _authenticated(context, user, command)
    if code is None and user is not None and view is not None:
        code = await _selected(context, user, view, command)
    if code is None:
        raise Refused(f"{name} is unknown here.", status="BAD")
    return code


def require(state: ImapState, name: str) -> None:
    """Raises `Refused` if the command of this name is not allowed now."""
    if not is_allowed(name, state.reached):
        raise Refused(_WRONG_STATE)


async def _authenticate(context: Context, exchange: Exchange, response: bytes | None, ask: Ask) -> str | None:
    challenge = await logging_in.respond(context, exchange, response)
    if challenge is None:
        return ""

    async def then(line: bytes) -> str | None:
        return await _authenticate(context, exchange, line, ask)

    ask(challenge, then)
    return None


async def _authenticated(context: Context, user: Username, command: commands.Command) -> str | None:
    """None for a command of a selected mailbox."""
    match command:
        case commands.Select():
            return await selecting.select(context, user, command)
        case commands.MailboxCommand("DELETE"):
            return await selecting.delete(context, user, command)
        case commands.MailboxCommand():
            return await mailbox_commands.run(context, user, command)
        case commands.Rename():
            await mailbox_commands.rename(context, user, command)
        case commands.List():
            await mailbox_commands.list_mailboxes(context, user, command)
        case commands.Status():
            await mailbox_commands.status(context, user, command)
        case commands.Enable():
            _enable(context, command)
        case commands.Simple("NAMESPACE"):
            mailbox_commands.namespace(context)
        case _:
            return None
    return ""


async def _selected(context: Context, user: Username, view: MailboxView, command: commands.Command) -> str | None:
    match command:
        case commands.Fetch():
            expunged = await selecting.names_expunged(context, view, command)
            await fetching.fetch(context, view, command)
            _need_all(expunged)
        case commands.Store():
            expunged = await selecting.names_expunged(context, view, command)
            code = await changing.store(context, view, command)
            _need_all(expunged)
            return code
        case commands.Copy():
            # COPY does all or nothing (RFC 3501 §6.4.7)
            _need_all(await selecting.names_expunged(context, view, command))
            return await changing.copy(context, user, view, command)
        case commands.Expunge():
            await changing.expunge(view, command)
        case commands.Search():
            await searching.run_search(context, view, command)
        case commands.Simple("CLOSE"):
            await selecting.close(context, view)
        case commands.Simple("UNSELECT"):
            await selecting.leave(context)
        case commands.Simple("CHECK"):
            pass
        case _:
            return None
    return ""


def _need_all(expunged: bool) -> None:
    """The other messages of a FETCH or STORE are answered for (RFC 2180 §4.1.2, §4.2.2)."""
    if expunged:
        raise Refused("Some of these messages were expunged by another session.", "EXPUNGEISSUED")


def _identify(context: Context) -> str:
    fields = context.server.settings.id_fields
    values = b" ".join(string(text.encode()) for one in fields for text in (one.name, one.value))
    context.out.write(b"* ID (%s)\r\n" % values if values else b"* ID NIL\r\n")
    return ""


def _enable(context: Context, command: commands.Enable) -> None:
    enabled = []
    for capability in command.capabilities:
        if capability == "CONDSTORE" and capability not in context.state.enabled:
            context.state.enabled.add(capability)
            context.state.condstore = True
            enabled.append(capability)
    context.out.write(untagged(f"ENABLED {' '.join(enabled)}".strip()))
