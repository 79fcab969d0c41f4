"""The client's side of STARTTLS: contexts, and whether a server is the one that its policy means."""

import ssl
from functools import cache

from compostela.base.errors import CompostelaError
from compostela.core.outbound.dane import is_end_entity, trust_anchor_of
from compostela.core.outbound.tls import Demand, TlsFailure, TlsFailureType, TlsPolicy

_FAILURES = {
    10: TlsFailureType.CERTIFICATE_EXPIRED,
    62: TlsFailureType.CERTIFICATE_HOST_MISMATCH,
    **dict.fromkeys((18, 19, 20, 21), TlsFailureType.CERTIFICATE_NOT_TRUSTED),
}
"""By OpenSSL's X509_V_ERR codes."""


class PolicyNotMet(CompostelaError):
    """The next hop is not as the policy of its domain demands."""

    def __init__(self, failure: TlsFailure) -> None:
        super().__init__(failure.text)
        self.failure = failure


class AnchorFound(Exception):
    """The chain holds the authority that a TLSA record of usage 2 names: verify with it, in another connection."""

    def __init__(self, anchor: bytes) -> None:
        super().__init__()
        self.anchor = anchor


@cache
def unverified_context() -> ssl.SSLContext:
    """Takes every certificate. Made once: it loads no authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def context_for(policy: TlsPolicy, anchor: bytes | None, *, verify: bool) -> ssl.SSLContext:
    """`anchor` is the authority of DANE (DER) if it is known; `verify` asks for known authorities where there is no DANE, which
    serves as well (RFC 8689 §4.2.1)."""
    if anchor is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=anchor)
        # the anchor may be an intermediate authority (RFC 7672 §3.1.2)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context
    if policy.demand is Demand.WEB_PKI or (verify and policy.demand is not Demand.DANE):
        return ssl.create_default_context()
    return unverified_context()


def check_dane(policy: TlsPolicy, tls: ssl.SSLObject, host: str) -> None:
    """After a handshake without verification. Raises `PolicyNotMet`, `AnchorFound`."""
    own = tls.getpeercert(binary_form=True)
    if own is None or not is_end_entity(policy.records, own):
        anchor = trust_anchor_of(policy.records, _presented_chain(tls))
        if anchor is not None:
            raise AnchorFound(anchor)
        text = f"the certificate of {host} is none that its TLSA records name"
        raise PolicyNotMet(TlsFailure(TlsFailureType.VALIDATION_FAILURE, text))


def failure_of(error: Exception, host: str) -> TlsFailure:
    """A handshake that failed, in the words of reports."""
    if isinstance(error, ssl.SSLCertVerificationError):
        kind = _FAILURES.get(error.verify_code, TlsFailureType.VALIDATION_FAILURE)
        return TlsFailure(kind, f"the certificate of {host} is not valid: {error.verify_message}")
    reason = str(error) or type(error).__name__
    return TlsFailure(TlsFailureType.VALIDATION_FAILURE, f"the TLS handshake with {host} failed: {reason}")


def _presented_chain(tls: ssl.SSLObject) -> list[bytes]:
    """The server's certificates in DER, its own first."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    # before Python 3.13 only the object inside has it
    inner = getattr(tls, "_sslobj", None)
    chain = inner.get_unverified_chain() if inner is not None else None
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain or ()]
