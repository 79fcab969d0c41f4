"""What a session, and a SASL mechanism in it, may know of the TLS channel that it runs in."""

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from typing import Any, cast

from compostela.net.tls.context import KeyedContext

_WEAK = ("md5", "sha1")


@dataclass(frozen=True, slots=True)
class TlsChannel:
    """A TLS channel after its handshake. `Connection.tls_channel` gives it to every session; None there means no TLS.

    `peer_certificate` is there only when the server asked for one (`clientAuth`), the client gave one, and it was checked
    against the trust store; so EXTERNAL (RFC 4422 §A) may trust its contents."""

    protocol: str
    """`TLSv1.2` or `TLSv1.3`."""
    cipher: str
    """OpenSSL's name of the suite."""
    peer_certificate: bytes | None = None
    """The client's certificate in DER."""
    peer_common_names: tuple[str, ...] = ()
    """The common names in the subject of the client's certificate."""
    peer_addresses: tuple[str, ...] = ()
    """The mail addresses among its alternative names (rfc822Name, RFC 5280 §4.2.1.6)."""
    server_certificate: bytes | None = None
    """The certificate in DER that the server showed in this very handshake; None when it has several keys and so cannot
    tell which one the client chose."""

    def server_end_point(self) -> bytes | None:
        """The channel binding `tls-server-end-point` (RFC 5929 §4.1): a hash of the server's certificate, by the hash of its
        signature, or by SHA-256 where that is MD5 or SHA-1. None when it is not defined: several keys, or a signature
        without a hash of its own (Ed25519); mechanisms with -PLUS must not be offered then."""
        if self.server_certificate is None:
            return None
        # asked for by few logins, and slow to import
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.x509 import load_der_x509_certificate

        try:
            algorithm = load_der_x509_certificate(self.server_certificate).signature_hash_algorithm
        except (UnsupportedAlgorithm, ValueError):
            return None
        if algorithm is None:
            return None
        name = "sha256" if algorithm.name in _WEAK else algorithm.name
        return hashlib.new(name.replace("sha3-", "sha3_"), self.server_certificate).digest()


def channel_of(transport: asyncio.BaseTransport) -> TlsChannel | None:
    """The TLS channel of a transport, None when there is none."""
    tls = cast("ssl.SSLObject | None", transport.get_extra_info("ssl_object"))
    if tls is None:
        return None
    cipher = tls.cipher()
    # the library's type of the decoded form is looser than what it gives
    named: dict[str, Any] = tls.getpeercert() or {}
    context = tls.context
    return TlsChannel(
        protocol=tls.version() or "TLS",
        cipher=cipher[0] if cipher else "unknown",
        peer_certificate=tls.getpeercert(binary_form=True),
        peer_common_names=tuple(
            value for names in named.get("subject", ()) for name, value in names if name == "commonName"
        ),
        peer_addresses=tuple(value for kind, value in named.get("subjectAltName", ()) if kind == "email"),
        server_certificate=context.certificate if isinstance(context, KeyedContext) else None,
    )
