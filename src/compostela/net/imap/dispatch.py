"""In which state each command is allowed, and the method that runs it (RFC 3501 §3)."""

from collections.abc import Callable, Coroutine

from compostela.net.authentication.logins import Exchange
from compostela.net.imap import changing, fetching, logging_in, mailbox_commands, searching, selecting
from compostela.net.imap.reply import Context, Refused
from compostela.net.tls.channel import TlsChannel
from compostela.protocols.imap import commands
from compostela.protocols.imap.responses import string, untagged

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
    match command:
        case commands.Simple("NOOP"):
            return ""
        case commands.Id():
            return _identify(context)
        case commands.Login():
            _need(context.state.user is None)
            await logging_in.login(context, command, tls=tls)
            return ""
        case commands.Authenticate():
            _need(context.state.user is None)
            exchange = logging_in.begin(context, command, channel(), tls=tls)
            return await _authenticate(context, exchange, command.initial, ask)
        case _:
            _need(context.state.user is not None)
            return await _authenticated(context, name, command)


async def _authenticate(context: Context, exchange: Exchange, response: bytes | None, ask: Ask) -> str | None:
    challenge = await logging_in.respond(context, exchange, response)
    if challenge is None:
        return ""

    async def then(line: bytes) -> str | None:
        return await _authenticate(context, exchange, line, ask)

    ask(challenge, then)
    return None


async def _authenticated(context: Context, name: str, command: commands.Command) -> str:
    match command:
        case commands.Select():
            return await selecting.select(context, command)
        case commands.MailboxCommand("DELETE"):
            return await selecting.delete(context, command)
        case commands.MailboxCommand():
            return await mailbox_commands.run(context, command)
        case commands.Rename():
            await mailbox_commands.rename(context, command)
        case commands.List():
            await mailbox_commands.list_mailboxes(context, command)
        case commands.Status():
            await mailbox_commands.status(context, command)
        case commands.Enable():
            _enable(context, command)
        case commands.Simple("NAMESPACE"):
            mailbox_commands.namespace(context)
        case _:
            _need(context.state.view is not None)
            return await _selected(context, name, command)
    return ""


async def _selected(context: Context, name: str, command: commands.Command) -> str:
    match command:
        case commands.Fetch():
            expunged = await selecting.names_expunged(context, command)
            await fetching.fetch(context, command)
            _need_all(expunged)
        case commands.Store():
            expunged = await selecting.names_expunged(context, command)
            code = await changing.store(context, command)
            _need_all(expunged)
            return code
        case commands.Copy():
            # COPY does all or nothing (RFC 3501 §6.4.7)
            _need_all(await selecting.names_expunged(context, command))
            return await changing.copy(context, command)
        case commands.Expunge():
            await changing.expunge(context, command)
        case commands.Search():
            await searching.run_search(context, command)
        case commands.Simple("CLOSE"):
            await selecting.close(context)
        case commands.Simple("UNSELECT"):
            await selecting.leave(context)
        case commands.Simple("CHECK"):
            pass
        case _:
            raise Refused(f"{name} is unknown here.", status="BAD")
    return ""


def _need(condition: bool) -> None:
    if not condition:
        raise Refused(_WRONG_STATE)


def _need_all(expunged: bool) -> None:
    """The other messages of a FETCH or STORE are answered for (RFC 2180 §4.1.2, §4.2.2)."""
    if expunged:
        raise Refused("Some of these messages were expunged by another session.", "EXPUNGEISSUED")


def _identify(context: Context) -> str:
    fields = context.server.settings.id_fields
    values = b" ".join(string(text.encode()) for pair in fields for text in pair)
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
