"""The function that runs each command, once `protocols.imap.state` allows it (RFC 3501 §3). It is given the user and the selected mailbox,
which that state guarantees."""

from collections.abc import Coroutine

from compostela.core.mailbox.view import MailboxView
from compostela.model.username import Username
from compostela.net.authentication.logins import Exchange
from compostela.net.imap import changing, fetching, logging_in, mailbox_commands, searching, selecting
from compostela.net.imap.reply import Context, Refused
from compostela.net.imap.server import ImapState
from compostela.protocols.imap import commands
from compostela.protocols.imap.responses import string, untagged
from compostela.protocols.imap.state import is_allowed

_WRONG_STATE = "Command not valid in this state."
Work = Coroutine[None, None, str | None]


async def execute(context: Context, name: str, command: commands.Command) -> str | None:
    """Gives the response code of the tagged OK, None when the command goes on. Raises `Refused`."""
    state = context.state
    require(state, name)
    if isinstance(command, commands.Simple) and name == "NOOP":
        return ""
    user, view, work = state.user, state.view, None
    if user is None:
        work = _before_login(context, command)
    elif view is not None:
        work = _selected(context, user, view, command)
    if user is not None and work is None:
        work = _authenticated(context, user, command)
    if work is None:
        raise Refused(f"{name} is unknown here.", status="BAD")
    return await work


def require(state: ImapState, name: str) -> None:
    """Raises `Refused` if the command of this name is not allowed now."""
    if not is_allowed(name, state.reached):
        raise Refused(_WRONG_STATE)


def _before_login(context: Context, command: commands.Command) -> Work | None:
    match command:
        case commands.Login():
            return logging_in.login(context, command)
        case commands.Authenticate():
            return _begin_authentication(context, command)
        case commands.Id():
            return _identify(context)
        case _:
            return None


async def _begin_authentication(context: Context, command: commands.Authenticate) -> str | None:
    return await _authenticate(context, logging_in.begin(context, command), command.initial)


async def _authenticate(context: Context, exchange: Exchange, response: bytes | None) -> str | None:
    challenge = await logging_in.respond(context, exchange, response)
    if challenge is None:
        return ""
    context.ask(challenge, lambda line: _authenticate(context, exchange, line))
    return None


def _authenticated(context: Context, user: Username, command: commands.Command) -> Work | None:
    """None for a command of a selected mailbox."""
    match command:
        case commands.Select():
            return selecting.select(context, user, command)
        case commands.MailboxCommand("DELETE"):
            return selecting.delete(context, user, command)
        case commands.MailboxCommand():
            return mailbox_commands.run(context, user, command)
        case commands.Rename():
            return mailbox_commands.rename(context, user, command)
        case commands.List():
            return mailbox_commands.list_mailboxes(context, user, command)
        case commands.Status():
            return mailbox_commands.status(context, user, command)
        case commands.Enable():
            return _enable(context, command)
        case commands.Id():
            return _identify(context)
        case commands.Simple("NAMESPACE"):
            return mailbox_commands.namespace(context)
        case _:
            return None


def _selected(context: Context, user: Username, view: MailboxView, command: commands.Command) -> Work | None:
    match command:
        case commands.Fetch():
            return _fetch(context, view, command)
        case commands.Store():
            return _store(context, view, command)
        case commands.Search():
            return searching.run_search(context, view, command)
        case commands.Copy():
            return _copy(context, user, view, command)
        case commands.Expunge():
            return changing.expunge(view, command)
        case commands.Simple("CLOSE"):
            return selecting.close(context, view)
        case commands.Simple("UNSELECT"):
            return selecting.unselect(context)
        case commands.Simple("CHECK"):
            return _check()
        case _:
            return None


async def _fetch(context: Context, view: MailboxView, command: commands.Fetch) -> str:
    expunged = await selecting.names_expunged(context, view, command)
    await fetching.fetch(context, view, command)
    _need_all(expunged)
    return ""


async def _store(context: Context, view: MailboxView, command: commands.Store) -> str:
    expunged = await selecting.names_expunged(context, view, command)
    code = await changing.store(context, view, command)
    _need_all(expunged)
    return code


async def _copy(context: Context, user: Username, view: MailboxView, command: commands.Copy) -> str:
    # COPY does all or nothing (RFC 3501 §6.4.7)
    _need_all(await selecting.names_expunged(context, view, command))
    return await changing.copy(context, user, view, command)


async def _check() -> str:
    """What is new is told after every command."""
    return ""


def _need_all(expunged: bool) -> None:
    """The other messages of a FETCH or STORE are answered for (RFC 2180 §4.1.2, §4.2.2)."""
    if expunged:
        raise Refused("Some of these messages were expunged by another session.", "EXPUNGEISSUED")


async def _identify(context: Context) -> str:
    fields = context.server.settings.id_fields
    values = b" ".join(string(text.encode()) for one in fields for text in (one.name, one.value))
    context.out.write(b"* ID (%s)\r\n" % values if values else b"* ID NIL\r\n")
    return ""


async def _enable(context: Context, command: commands.Enable) -> str:
    enabled = []
    for capability in command.capabilities:
        if capability == "CONDSTORE" and capability not in context.state.enabled:
            context.state.enabled.add(capability)
            context.state.condstore = True
            enabled.append(capability)
    context.out.write(untagged(f"ENABLED {' '.join(enabled)}".strip()))
    return ""
