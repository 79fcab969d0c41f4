"""SASL mechanisms as exchanges of octets (RFC 4422): PLAIN (RFC 4616) and LOGIN. They know no protocol and no user store;
the host encodes and decodes base64."""

from dataclasses import dataclass
from typing import Protocol

from compostela.base.errors import InvalidArgument

MAX_RESPONSE = 12_288


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this to the client and feed its answer."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class PasswordCredentials:
    """The client's claim: check the password of `authentication_id`, then, when `authorization_id` is another, whether that
    user may act for it."""

    authentication_id: str
    password: str
    authorization_id: str | None = None


Step = Challenge | PasswordCredentials


class Mechanism(Protocol):
    """One exchange. `next` takes None at first when the client sent no initial response."""

    def next(self, response: bytes | None) -> Step:
        """Raises `InvalidArgument` for what is not of the mechanism's form."""
        ...


class Plain:
    """`[authzid] NUL authcid NUL password`; the first field and its NUL may be missing, and one NUL may trail."""

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        try:
            fields = response.decode().split("\x00")
        except UnicodeDecodeError:
            raise InvalidArgument("the response is not UTF-8") from None
        if len(fields) == 4 and not fields[3]:
            fields.pop()
        if len(fields) == 2:
            fields.insert(0, "")
        if len(fields) != 3 or not fields[1] or not fields[2]:
            raise InvalidArgument("the response is not of the form of PLAIN")
        return PasswordCredentials(fields[1], fields[2], fields[0] or None)


class Login:
    """Two prompts; an initial response is the user name."""

    def __init__(self) -> None:
        self._user: str | None = None

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"Username:")
        try:
            text = response.decode()
        except UnicodeDecodeError:
            raise InvalidArgument("the response is not UTF-8") from None
        if self._user is None:
            self._user = text
            return Challenge(b"Password:")
        if not self._user or not text:
            raise InvalidArgument("user name and password must not be empty")
        return PasswordCredentials(self._user, text)
