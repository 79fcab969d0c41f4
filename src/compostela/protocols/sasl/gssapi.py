"""GSSAPI (RFC 4752): a Kerberos ticket identifies the user. There is no security layer: TLS protects the channel."""

from typing import Protocol

from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.protocols.sasl.mechanism import Challenge, Mechanism, PrincipalCredentials, Rejected, Step

NO_SECURITY_LAYER = 1
"""RFC 4752 §3.3."""
_OFFER = bytes([NO_SECURITY_LAYER, 0, 0, 0])
"""The layers that there are, and no octets that could be received through one."""


class ContextRefused(CompostelaError):
    """A ticket or a protected message that is not accepted, with the reason for the log."""


class SecurityContext(Protocol):
    """The acceptor's side of a GSS-API security context of Kerberos (RFC 2743, RFC 4121). Calls may block, and raise
    `ContextRefused`.

    Embedded and distributed alike: it lives as long as one exchange on one node; replays are told from first uses by the cache
    of the node's host."""

    @property
    def complete(self) -> bool:
        """Whether the initiator is known."""
        ...

    @property
    def initiator(self) -> str:
        """Its principal, `name@REALM`, once the context is complete."""
        ...

    def accept(self, token: bytes) -> bytes:
        """Takes the initiator's token, gives the one for it; empty for none."""
        ...

    def wrap(self, octets: bytes) -> bytes:
        """Protects the octets' integrity."""
        ...

    def unwrap(self, message: bytes) -> bytes:
        """What the initiator has wrapped."""
        ...


class Gssapi(Mechanism):
    """One exchange: tokens until the context is complete, then the choice of the security layer."""

    blocking = True

    def __init__(self, context: SecurityContext) -> None:
        self._context = context
        self._offered = False

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        try:
            if self._offered:
                return self._chosen(self._context.unwrap(response))
            if not self._context.complete:
                token = self._context.accept(response)
                if token or not self._context.complete:
                    return Challenge(token)
            elif response:
                raise InvalidArgument("a complete context takes no more tokens")
            self._offered = True
            return Challenge(self._context.wrap(_OFFER))
        except ContextRefused as refused:
            return Rejected(self._context.initiator if self._context.complete else "", str(refused))

    def _chosen(self, octets: bytes) -> Step:
        """RFC 4752 §3.1: the layer, the octets that the client could receive through one, and the authorisation identity."""
        if len(octets) < len(_OFFER) or octets[0] != NO_SECURITY_LAYER:
            raise InvalidArgument("the client asks for a security layer that is not offered")
        try:
            identity = octets[len(_OFFER) :].decode()
        except UnicodeDecodeError:
            raise InvalidArgument("the identity is not UTF-8") from None
        return PrincipalCredentials(self._context.initiator, identity or None)
