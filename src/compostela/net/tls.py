"""TLS contexts of servers, from PEM files or PKCS#12 key stores."""

import os
import ssl
from collections.abc import Callable
from pathlib import Path

from compostela.base.errors import CompostelaError
from compostela.net.settings import TlsSettings

_JKS_MAGIC = b"\xfe\xed\xfe\xed"
_VERSIONS = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
ResolveUrl = Callable[[str], Path]


class TlsError(CompostelaError):
    """The key or the certificate cannot be used; the text tells the operator why."""


def server_context(settings: TlsSettings, resolve: ResolveUrl) -> ssl.SSLContext:
    """A context for a server; `resolve` turns `file://conf/x` into a path. Raises `TlsError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context, settings)
    try:
        if settings.private_key and settings.certificates:
            chain, key = resolve(settings.certificates), resolve(settings.private_key)
            _check_readable(chain, key)
            context.load_cert_chain(chain, key, settings.secret or "")
        elif settings.keystore:
            path = resolve(settings.keystore)
            _check_readable(path)
            _load_keystore(context, path.read_bytes(), settings.secret or "", path)
        else:
            raise TlsError("TLS needs a keystore, or privateKey and certificates")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TlsError(f"the key or certificate cannot be used: {error}") from error
    context.set_alpn_protocols([])
    return context


def _check_readable(*paths: Path) -> None:
    for path in paths:
        if not path.is_file():
            raise TlsError(f"the file {path} does not exist")
        if not os.access(path, os.R_OK):
            raise TlsError(f"the file {path} cannot be read")


def _restrict(context: ssl.SSLContext, settings: TlsSettings) -> None:
    unknown = [name for name in settings.protocols if name not in _VERSIONS]
    if unknown:
        raise TlsError(f"the TLS protocol {unknown[0]} is not supported; supported are {', '.join(_VERSIONS)}")
    versions = [_VERSIONS[name] for name in settings.protocols] or [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
    context.minimum_version, context.maximum_version = min(versions), max(versions)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION


def _load_keystore(context: ssl.SSLContext, data: bytes, secret: str, path: Path) -> None:
    if data.startswith(_JKS_MAGIC):
        raise TlsError(
            f"{path} is a key store in the old JKS format: convert it with "
            f"'keytool -importkeystore -srckeystore {path.name} -destkeystore {path.name}.p12 -deststoretype PKCS12'"
        )
    # only a server with such a key store pays for the library
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        pkcs12,
    )

    store = pkcs12.load_pkcs12(data, secret.encode() or None)
    if store.key is None or store.cert is None:
        raise TlsError(f"{path} holds no key with a certificate")
    passphrase = os.urandom(32).hex()
    chain = [store.cert, *store.additional_certs]
    pem = store.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
    ) + b"".join(one.certificate.public_bytes(Encoding.PEM) for one in chain)
    # the library reads files only: an anonymous one in memory, encrypted under a passphrase that nobody else has
    descriptor = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=passphrase)
    finally:
        os.close(descriptor)
