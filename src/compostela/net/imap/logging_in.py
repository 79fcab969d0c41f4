"""LOGIN and AUTHENTICATE."""

import base64
import binascii
import logging

from compostela.base.errors import InvalidArgument
from compostela.net.credentials import authenticate
from compostela.net.imap.reply import Context, Refused
from compostela.protocols.imap import commands
from compostela.protocols.sasl.mechanisms import Challenge, PasswordCredentials, Plain

_log = logging.getLogger(__name__)

_DISABLED = "Plain login / authentication are disabled."


async def login(context: Context, command: commands.Login, *, tls: bool) -> None:
    """Raises `Refused`."""
    if not context.server.may_log_in(tls):
        raise Refused(_DISABLED, "PRIVACYREQUIRED")
    try:
        credentials = PasswordCredentials(command.user.decode(), command.password.decode())
    except UnicodeDecodeError:
        raise Refused("Invalid credentials.", "AUTHENTICATIONFAILED") from None
    await _check(context, credentials, "Invalid credentials.")


def check_mechanism(context: Context, command: commands.Authenticate, *, tls: bool) -> None:
    """Raises `Refused` for what is not to be had on this channel."""
    if command.mechanism != "PLAIN":
        raise Refused("Authentication mechanism is unsupported.")
    if not context.server.may_log_in(tls):
        raise Refused(_DISABLED, "PRIVACYREQUIRED")


async def authenticate_plain(context: Context, response: bytes) -> None:
    """`response` is base64. Raises `Refused`."""
    if response == b"*":
        raise Refused("Authentication aborted.", status="BAD")
    try:
        step = Plain().next(base64.b64decode(b"" if response == b"=" else response, validate=True))
    except (binascii.Error, InvalidArgument):
        raise Refused("Illegal arguments.", status="BAD") from None
    if isinstance(step, Challenge):
        raise Refused("Illegal arguments.", status="BAD")
    await _check(context, step, "Authentication failed.")


async def _check(context: Context, credentials: PasswordCredentials, failure: str) -> None:
    user = await authenticate(context.server.users, credentials)
    if user is None:
        context.state.login_failures += 1
        _log.info("login failed", extra={"user": credentials.authentication_id[:255]})
        raise Refused(failure, "AUTHENTICATIONFAILED")
    if context.server.settings.provision:
        await context.server.mailboxes.provision(user)
    context.state.user = user
