"""Certificates as they are served, read without a running server: a handshake in memory with the server's own TLS context
gives what a client would see, whatever kind of key store it comes from."""

import ssl

from compostela.doctor.subject import Certificate

_ROUNDS = 10


def certificate_of(context: ssl.SSLContext) -> Certificate | None:
    """None when the context has no certificate that a usual client could be shown."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = unverified_context().wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_ROUNDS):
        finished = []
        for side in (client, server):
            try:
                side.do_handshake()
                finished.append(side)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return None
        if client in finished:
            der = client.getpeercert(binary_form=True)
            return None if der is None else read_certificate(der)
    return None


def unverified_context() -> ssl.SSLContext:
    """For looking at a certificate whatever it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def read_certificate(der: bytes) -> Certificate:
    """Raises ValueError."""
    # imported late: only an examination needs the library
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = x509.load_der_x509_certificate(der)
    try:
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names: list[str] = []
    else:
        names = [name.lower() for name in alternative.get_values_for_type(x509.DNSName)]
        names += [str(one) for one in alternative.get_values_for_type(x509.IPAddress)]
    return Certificate(
        names=tuple(names),
        not_before=found.not_valid_before_utc.timestamp(),
        not_after=found.not_valid_after_utc.timestamp(),
        self_signed=found.issuer == found.subject,
        der=der,
        public_key=found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
