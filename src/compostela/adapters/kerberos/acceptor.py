"""The acceptor's side of GSS-API (RFC 2743) with Kerberos (RFC 4121)."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from compostela.core.authentication.kerberos import KerberosError, KerberosSettings
from compostela.protocols.sasl.gssapi import ContextRefused

if TYPE_CHECKING:
    import gssapi

T = TypeVar("T")

SYSTEM_KEY_TAB = "the system's key table"
_SAYS_NOTHING = ("Success", "Unknown error")


class KerberosAcceptor:
    """A service of one realm, with its key from a key table, which is looked at anew for each ticket: a new key needs no new
    start."""

    def __init__(self, settings: KerberosSettings, key_tab: Path | None) -> None:
        """Without `key_tab`, the system's. Raises `KerberosError`."""
        try:
            import gssapi
        except (ImportError, OSError) as error:
            raise KerberosError(
                f"{settings.place}: gssapi needs the Kerberos library: run 'make kerberos' ({error})"
            ) from error
        if key_tab is not None and not key_tab.is_file():
            raise KerberosError(f"{settings.place}: there is no key table {key_tab}")
        try:
            self._credentials = gssapi.Credentials(
                name=gssapi.Name(settings.principal, gssapi.NameType.kerberos_principal),
                usage="accept",
                mechs=[gssapi.MechType.kerberos],
                store={"keytab": str(key_tab)} if key_tab is not None else None,
            )
        except gssapi.exceptions.GSSError as error:
            raise KerberosError(
                f"{settings.place}: {key_tab or SYSTEM_KEY_TAB} gives no key of {settings.principal}: {_reason(error)}"
            ) from error

    def begin(self) -> "AcceptorContext":
        """For one exchange."""
        return AcceptorContext(self._credentials)


class AcceptorContext:
    """Implements `compostela.protocols.sasl.gssapi.SecurityContext`."""

    def __init__(self, credentials: "gssapi.Credentials") -> None:
        import gssapi

        self._gssapi = gssapi
        self._context = gssapi.SecurityContext(creds=credentials, usage="accept")
        # else an error comes one call later, for the sake of a token that SASL has no place for
        self._context.__DEFER_STEP_ERRORS__ = False

    @property
    def complete(self) -> bool:
        return bool(self._context.complete)

    @property
    def initiator(self) -> str:
        return bytes(self._context.initiator_name).decode("utf-8", "replace")

    def accept(self, token: bytes) -> bytes:
        answer = self._checked(lambda: self._context.step(token) or b"")
        if self.complete and self._gssapi.RequirementFlag.integrity not in self._context.actual_flags:
            raise ContextRefused("the context does not protect integrity")
        return answer

    def wrap(self, octets: bytes) -> bytes:
        return self._checked(lambda: bytes(self._context.wrap(octets, False).message))

    def unwrap(self, message: bytes) -> bytes:
        return self._checked(lambda: bytes(self._context.unwrap(message).message))

    def _checked(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except self._gssapi.exceptions.GSSError as error:
            raise ContextRefused(_reason(error)) from error


def _reason(error: "gssapi.exceptions.GSSError") -> str:
    """What Kerberos says of it, else what GSS-API says."""
    kerberos = [text for text in error.get_all_statuses(error.min_code, False) if text not in _SAYS_NOTHING]
    return "; ".join(kerberos or error.get_all_statuses(error.maj_code, True))
