"""Certificates of clients: which authorities are trusted, and which certificates were revoked."""

import ssl

from compostela.core.keystores.errors import KeyStoreError
from compostela.core.keystores.keys import trusted_certificates
from compostela.core.keystores.store_file import pem_blocks, read_store
from compostela.net.tls.errors import TlsError
from compostela.net.tls.keys import ResolveUrl
from compostela.net.tls.secret_file import SecretFile
from compostela.net.tls.settings import ClientAuthSettings, ClientCertificate


def ask_for_certificates(context: ssl.SSLContext, settings: ClientAuthSettings, resolve: ResolveUrl) -> None:
    """Makes a context ask clients for a certificate and check it. Raises `TlsError`."""
    if settings.truststore:
        path = resolve(settings.truststore)
        try:
            trusted = trusted_certificates(read_store(path), settings.truststore_secret)
            if not trusted:
                raise TlsError("the trust store has no certificate")
            context.load_verify_locations(cadata=b"".join(trusted))
        except (TlsError, KeyStoreError, ssl.SSLError, ValueError) as error:
            raise TlsError(f"{path}: {error}") from error
    else:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    if settings.crls:
        for url in settings.crls:
            _load_revocations(context, url, resolve)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    needed = settings.certificate is ClientCertificate.NEED
    context.verify_mode = ssl.CERT_REQUIRED if needed else ssl.CERT_OPTIONAL


def _load_revocations(context: ssl.SSLContext, url: str, resolve: ResolveUrl) -> None:
    """A list of revoked certificates (RFC 5280 §5), PEM or DER."""
    path = resolve(url)
    data = read_store(path)
    lists = pem_blocks(data, b"X509 CRL") if b"-----BEGIN " in data else [_crl_to_pem(data)]
    try:
        with SecretFile(b"\n".join(lists)) as name:
            context.load_verify_locations(cafile=name)
    except (ssl.SSLError, OSError) as error:
        raise TlsError(f"{path}: this is not a list of revoked certificates, in PEM or DER") from error


def _crl_to_pem(encoded: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(encoded).replace("CERTIFICATE", "X509 CRL").encode()
