"""PLAIN (RFC 4616) and LOGIN: the password itself crosses the wire."""

from compostela.base.errors import InvalidArgument
from compostela.protocols.sasl.mechanism import Challenge, Mechanism, PasswordCredentials, Step


class Plain(Mechanism):
    """`[authzid] NUL authcid NUL password`; the first field and its NUL may be missing, and one NUL may trail."""

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        fields = _text(response).split("\x00")
        if len(fields) == 4 and not fields[3]:
            fields.pop()
        if len(fields) == 2:
            fields.insert(0, "")
        if len(fields) != 3 or not fields[1] or not fields[2]:
            raise InvalidArgument("the response is not of the form of PLAIN")
        return PasswordCredentials(fields[1], fields[2], fields[0] or None)


class Login(Mechanism):
    """Two prompts; an initial response is the user name."""

    def __init__(self) -> None:
        self._user: str | None = None

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"Username:")
        text = _text(response)
        if self._user is None:
            self._user = text
            return Challenge(b"Password:")
        if not self._user or not text:
            raise InvalidArgument("user name and password must not be empty")
        return PasswordCredentials(self._user, text)


def _text(response: bytes) -> str:
    try:
        return response.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("the response is not UTF-8") from None
