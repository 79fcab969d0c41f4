"""The names of mechanisms, as written in `saslMechanisms`, and mechanisms of an operator's own."""

import re
from typing import cast

from compostela.base.errors import InvalidArgument
from compostela.base.extensions import load_extension
from compostela.base.settings import Settings
from compostela.net.tls.channel import TlsChannel
from compostela.protocols.sasl.mechanism import Mechanism

PLAIN, LOGIN = "PLAIN", "LOGIN"
SCRAM, SCRAM_PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
EXTERNAL = "EXTERNAL"
GSSAPI = "GSSAPI"
TOKENS = ("OAUTHBEARER", "XOAUTH2")
CLEARTEXT = (PLAIN, LOGIN)

ENTRY_POINTS = "compostela.sasl_mechanisms"

_ELEMENTS = {GSSAPI: "gssapi", **dict.fromkeys(TOKENS, "oidc")}
"""What a mechanism needs to be configured."""
_MECHANISMS = (PLAIN, LOGIN, SCRAM, SCRAM_PLUS, *TOKENS, GSSAPI, EXTERNAL)
_SHORT = {name.lower().replace("-", ""): name for name in _MECHANISMS}
_FACTORY = "saslmechanismfactory"
_JAMES = "org.apache.james."
_NAME = re.compile(r"[A-Z0-9_-]{1,20}")
"""RFC 4422 §3.1."""


class SaslMechanismFactory:
    """A mechanism of one's own: `name` as clients see it, and what makes one exchange of it. The class is named in `saslMechanisms`
    by its dotted path, or by the name of an entry point in the group `compostela.sasl_mechanisms`."""

    name: str
    cleartext = False
    """Whether a password crosses the wire as it is: then `plainAuthEnabled` says whether the mechanism is there."""

    def __init__(self, auth: Settings) -> None:
        """`auth` is the server's element, in which the mechanism may have elements of its own; elements that are not read are
        reported as unknown. Report mistakes with `auth.error`."""

    def make(self, channel: TlsChannel | None) -> Mechanism:
        """For one exchange on that channel, None without TLS."""
        raise NotImplementedError


def read_mechanisms(auth: Settings, *, with_login: bool) -> tuple[tuple[str, ...], dict[str, SaslMechanismFactory]]:
    """Of `saslMechanisms`: the names in their order, none when nothing is chosen, and the operator's own among them."""
    found: dict[str, SaslMechanismFactory | None] = {}
    for text in auth.strings("saslMechanisms"):
        for word in text.replace(",", " ").split():
            name = _SHORT.get(_short(word))
            own = _own(auth, word) if name is None else None
            name = own.name if own is not None else name
            if name is None or (own is None and not _is_possible(auth, name, with_login=with_login)):
                continue
            if name in found and (own, found[name]) != (None, None):
                auth.error(f"duplicate mechanism {name}", "saslMechanisms")
            found[name] = own
    return tuple(found), {name: own for name, own in found.items() if own is not None}


def _short(word: str) -> str:
    """In lower case, without James's packages and the end of its classes' names."""
    name = word.rpartition(".")[2] if word.startswith(_JAMES) else word
    return name.lower().replace("-", "").removesuffix(_FACTORY)


def _is_possible(auth: Settings, name: str, *, with_login: bool) -> bool:
    if name == LOGIN and not with_login:
        auth.error("LOGIN is a mechanism of SMTP alone", "saslMechanisms")
        return False
    element = _ELEMENTS.get(name)
    if element is not None and not auth.has(element):
        auth.error(f"{name} needs the element {element!r}", "saslMechanisms")
        return False
    return True


def _own(auth: Settings, word: str) -> SaslMechanismFactory | None:
    make = load_extension(auth, "mechanism", SaslMechanismFactory, word, ENTRY_POINTS, _MECHANISMS, "saslMechanisms")
    if make is None:
        return None
    try:
        own = cast("SaslMechanismFactory", make(auth))
    except InvalidArgument as wrong:
        auth.error(str(wrong), "saslMechanisms")
        return None
    if _NAME.fullmatch(own.name) is None:
        auth.error(f"{own.name!r}, of {word!r}, cannot be the name of a mechanism", "saslMechanisms")
        return None
    return own
