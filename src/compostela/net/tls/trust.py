"""Certificates of clients: which authorities are trusted, and which certificates were revoked."""

import ssl

from compostela.core.keystores.errors import KeyStoreError
from compostela.core.keystores.jks import read_jks
from compostela.core.keystores.store_file import StoreType, pem_blocks, read_store, type_of
from compostela.net.tls.errors import TlsError
from compostela.net.tls.keys import ResolveUrl
from compostela.net.tls.secret_file import SecretFile
from compostela.net.tls.settings import ClientAuthSettings, ClientCertificate


def ask_for_certificates(context: ssl.SSLContext, settings: ClientAuthSettings, resolve: ResolveUrl) -> None:
    """Makes a context ask clients for a certificate and check it. Raises `TlsError`."""
    if settings.truststore:
        path = resolve(settings.truststore)
        try:
            trusted = _trusted(read_store(path), settings.truststore_secret)
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


def _trusted(data: bytes, secret: str | None) -> list[bytes]:
    """Certificates in DER. In a store of the type JKS the chains of keys are not trusted, as in Java; in PKCS#12, where the library
    does not tell them apart, all certificates but the key's own are."""
    match type_of(data):
        case StoreType.JKS:
            return list(read_jks(data, secret).trusted)
        case StoreType.PKCS12:
            return _trusted_of_pkcs12(data, secret)
        case StoreType.CERTIFICATE:
            return [data]
        case _:
            blocks = pem_blocks(data, b"CERTIFICATE")
            return [ssl.PEM_cert_to_DER_cert(one.decode("ascii", "replace")) for one in blocks]


def _trusted_of_pkcs12(data: bytes, secret: str | None) -> list[bytes]:
    # only a server with such a trust store pays for the library
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

    try:
        store = pkcs12.load_pkcs12(data, secret.encode() if secret else None)
    except Exception as error:  # the library has many
        raise TlsError("the password of the trust store is wrong, or the file is damaged") from error
    return [one.certificate.public_bytes(Encoding.DER) for one in store.additional_certs]


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
