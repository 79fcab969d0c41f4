"""USER, PASS and AUTH: from the client's words to a user, or a refusal."""

import logging

from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.authentication.service import Identity, LoginRefused, Refusal
from compostela.net.authentication.logins import Exchange, Logins
from compostela.protocols.pop3 import replies
from compostela.protocols.pop3.replies import Reply

_log = logging.getLogger(__name__)

_REFUSALS = {one: replies.error(one.value, replies.AUTH) for one in Refusal} | {
    Refusal.WRONG: replies.LOGIN_FAILED,
    Refusal.SHUT_OUT: replies.error(Refusal.SHUT_OUT.value, replies.SYS_TEMP),
}
"""A refusal of credentials says so (RFC 3206), so that clients ask for others; one of the address must not."""


class Refused(Exception):
    """Not logged in. `is_failure`: a wrong guess, of which a session has few."""

    def __init__(self, reply: Reply, *, is_failure: bool = False) -> None:
        super().__init__(reply.octets.decode())
        self.reply = reply
        self.is_failure = is_failure


async def by_password(logins: Logins, name: bytes, password: bytes, address: str) -> Identity:
    """USER and PASS, in UTF-8 (RFC 6856 §2.2). Raises `Refused`."""
    try:
        return await logins.by_password(name.decode(), password.decode(), address)
    except UnicodeDecodeError:
        raise Refused(replies.LOGIN_FAILED, is_failure=True) from None
    except LoginRefused as refused:
        raise _refused(refused) from None
    except TemporaryFailure:
        raise _unable() from None


async def respond(exchange: Exchange, response: bytes | None) -> bytes | Identity:
    """A step of AUTH (RFC 5034 §4). `response` is base64, None without an initial one. Gives the next challenge in base64, or the
    client's identity. Raises `Refused`."""
    if response == b"*":
        raise Refused(replies.AUTH_ABORTED)
    try:
        return await exchange.step_in_base64(response)
    except InvalidArgument:
        raise Refused(replies.AUTH_INVALID, is_failure=True) from None
    except LoginRefused as refused:
        raise _refused(refused) from None
    except TemporaryFailure:
        raise _unable() from None


def _refused(refused: LoginRefused) -> Refused:
    return Refused(_REFUSALS[refused.refusal], is_failure=True)


def _unable() -> Refused:
    _log.exception("a login could not be checked")
    return Refused(replies.UNABLE)
