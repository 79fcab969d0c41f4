"""LOGIN and AUTHENTICATE."""

import contextlib

from compostela.base.errors import InvalidArgument, StorageFull
from compostela.core.authentication.service import Identity, LoginRefused, Refusal
from compostela.core.mailbox.actor import Actor
from compostela.model.mailbox_path import MailboxPath
from compostela.net.authentication.logins import Exchange, NotOffered
from compostela.net.imap.reply import Context, Refused
from compostela.protocols.imap import commands

_DISABLED = "Plain login / authentication are disabled."
_CODES = {
    Refusal.WRONG: "AUTHENTICATIONFAILED",
    Refusal.DELEGATION: "AUTHORIZATIONFAILED",
    Refusal.NO_TARGET: "AUTHORIZATIONFAILED",
    Refusal.BINDING: "AUTHENTICATIONFAILED",
    Refusal.NO_BINDING: "AUTHENTICATIONFAILED",
    Refusal.BINDING_LOST: "AUTHENTICATIONFAILED",
    Refusal.SHUT_OUT: "UNAVAILABLE",
}
"""RFC 5530."""


async def login(context: Context, command: commands.Login) -> str:
    """Gives the response code. Raises `Refused`."""
    if not context.server.logins.settings.takes_passwords(tls=context.tls):
        raise Refused(_DISABLED, "PRIVACYREQUIRED")
    try:
        name, password = command.user.decode(), command.password.decode()
    except UnicodeDecodeError:
        raise Refused("Invalid credentials.", "AUTHENTICATIONFAILED") from None
    try:
        identity = await context.server.logins.by_password(name, password, context.state.address)
    except LoginRefused as refused:
        raise _refused(context, refused, Refusal.WRONG.value) from None
    await _enter(context, identity)
    return ""


def begin(context: Context, command: commands.Authenticate) -> Exchange:
    """Raises `Refused` for what is not to be had on this channel."""
    name = command.mechanism.upper()
    try:
        return context.server.logins.begin(
            name, context.state.address, context.tls_channel, tls=context.tls, bound=context.state.bound_mechanisms
        )
    except NotOffered as refused:
        if refused.needs_tls:
            raise Refused(_DISABLED, "PRIVACYREQUIRED") from None
    raise Refused(_DISABLED if name == "PLAIN" else "Authentication mechanism is unsupported.")


async def respond(context: Context, exchange: Exchange, response: bytes | None) -> bytes | None:
    """`response` is base64, None without an initial one. Gives a challenge in base64, None when the client is logged in.
    Raises `Refused`."""
    if response == b"*":
        raise Refused("Authentication aborted.", status="BAD")
    try:
        step = await exchange.step_in_base64(response)
    except InvalidArgument:
        raise Refused("Illegal arguments.", status="BAD") from None
    except LoginRefused as refused:
        raise _refused(context, refused, "Authentication failed.") from None
    if isinstance(step, bytes):
        return step
    await _enter(context, step)
    return None


def _refused(context: Context, refused: LoginRefused, wrong: str) -> Refused:
    context.state.login_failures += 1
    text = wrong if refused.refusal is Refusal.WRONG else refused.refusal.value
    return Refused(text, _CODES[refused.refusal])


async def _enter(context: Context, identity: Identity) -> None:
    user, actor = identity.user, Actor.delegate(identity.login, identity.user)
    mailboxes = context.server.mailboxes.session(actor, context.server.settings.keyword_limits)
    # a login without them is better than none; there is always another
    with contextlib.suppress(StorageFull):
        if context.server.settings.provision:
            await mailboxes.provision(user)
        await mailboxes.find(MailboxPath.inbox(user))
    context.state.user = user
    context.state.mailboxes = mailboxes
