"""A SASL mechanism of one's own: tickets of a web application whose users are logged in already, so that it needs no passwords.

In smtpserver.xml and imapserver.xml:

    <auth>
        <saslMechanisms>PLAIN,LOGIN,examples.mechanisms.WebTickets</saslMechanisms>
        <ticketSecret>${env:TICKET_SECRET}</ticketSecret>
    </auth>
"""

import hashlib
import hmac
import time

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.net.authentication.mechanisms import SaslMechanismFactory
from compostela.net.tls.channel import TlsChannel
from compostela.protocols.sasl.mechanism import Challenge, Mechanism, Proved, Rejected, Step

SHORTEST_SECRET = 32
"""Characters."""


def ticket(secret: bytes, user: str, until: int) -> bytes:
    """What the web application sends: user, seconds since 1970, and the HMAC of both, with NUL between."""
    claim = f"{user}\0{until}".encode()
    return claim + b"\0" + hmac.digest(secret, claim, hashlib.sha256).hex().encode()


class WebTickets(SaslMechanismFactory):
    name = "X-WEB-TICKET"

    def __init__(self, auth: Settings) -> None:
        super().__init__(auth)
        self._secret = auth.required("ticketSecret").encode()
        if 0 < len(self._secret) < SHORTEST_SECRET:
            auth.error(f"a secret has at least {SHORTEST_SECRET} characters", "ticketSecret")

    def make(self, channel: TlsChannel | None) -> Mechanism:
        return WebTicket(self._secret)


class WebTicket(Mechanism):
    """One exchange: the client speaks first."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        parts = response.split(b"\0")
        try:
            user, until = parts[0].decode(), int(parts[1])
        except (IndexError, ValueError) as error:
            raise InvalidArgument("this is no ticket") from error
        if not hmac.compare_digest(response, ticket(self._secret, user, until)) or until < time.time():
            return Rejected(user)
        return Proved(user)
