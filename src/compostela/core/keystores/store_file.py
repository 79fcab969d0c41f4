"""What a file with keys or certificates is, told by its first octets: Java opens PKCS#12 under the name JKS, so do operators."""

import enum
import os
import re
import ssl
from pathlib import Path

from compostela.core.keystores import der
from compostela.core.keystores.jks import JKS_MAGIC
from compostela.net.tls.errors import TlsError

MAX_STORE_BYTES = 4 * 1024 * 1024
MAX_ITERATIONS = 10_000_000
"""Of a PKCS#12 store's password: a file that asks for more would keep a core busy for minutes."""
_JCEKS_MAGIC = b"\xce\xce\xce\xce"
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----[\s\S]*?-----END \1-----")


class StoreType(enum.Enum):
    """Forms of files."""

    JKS = "JKS"
    JCEKS = "JCEKS"
    PKCS12 = "PKCS12"
    PEM = "PEM"
    CERTIFICATE = "DER"
    """One certificate in DER."""


def read_store(path: Path) -> bytes:
    """A file of bounded size. Raises `TlsError`."""
    if not path.is_file():
        raise TlsError(f"the file {path} does not exist")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_STORE_BYTES + 1)
    except OSError as error:
        raise TlsError(f"the file {path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_STORE_BYTES:
        raise TlsError(f"the file {path} is larger than {MAX_STORE_BYTES >> 20} MiB")
    return data


def type_of(data: bytes) -> StoreType:
    """Raises `TlsError` for what is none of them, and for JCEKS, which must be converted."""
    if data.startswith(JKS_MAGIC):
        return StoreType.JKS
    if data.startswith(_JCEKS_MAGIC):
        raise TlsError(
            "this is a key store of the type JCEKS: convert it with 'keytool -importkeystore -srcstoretype JCEKS "
            "-srckeystore OLD -deststoretype PKCS12 -destkeystore NEW.p12'"
        )
    if b"-----BEGIN " in data:
        return StoreType.PEM
    try:
        first = der.expect(data, der.SEQUENCE).content
        tag = der.read(first).tag
    except der.DerError:
        raise TlsError("this is neither JKS nor PKCS12 nor PEM") from None
    if tag == der.INTEGER:
        _check_iterations(first)
        return StoreType.PKCS12
    if tag == der.SEQUENCE:
        return StoreType.CERTIFICATE
    raise TlsError("this is neither JKS nor PKCS12 nor PEM")


def _check_iterations(pfx: bytes) -> None:
    """How much work the password is (RFC 7292 §4, MacData): said in clear, and looked at before it is done."""
    try:
        mac = der.read(der.read(pfx).rest).rest
        if not mac:
            return
        data = der.expect(mac, der.SEQUENCE).content
        salt = der.read(der.read(data).rest)
        iterations = int.from_bytes(der.expect(salt.rest, der.INTEGER).content, "big") if salt.rest else 1
    except der.DerError:
        raise TlsError("the PKCS12 store is damaged") from None
    if iterations > MAX_ITERATIONS:
        raise TlsError(
            f"the PKCS12 store wants {iterations} rounds for its password; more than {MAX_ITERATIONS} are refused"
        )


def pem_blocks(data: bytes, label: bytes) -> list[bytes]:
    """The PEM blocks whose label ends so (`CERTIFICATE`, `X509 CRL`, `PRIVATE KEY`), as they stand."""
    return [block[0] for block in _PEM.finditer(data) if block[1].endswith(label)]


def to_pem(encoded: bytes, label: str) -> bytes:
    """DER in PEM."""
    certificate = ssl.DER_cert_to_PEM_cert(encoded)
    return certificate.replace("CERTIFICATE", label).encode()


class SecretFile:
    """A file in memory, for libraries that read nothing else; its name is good within the `with` block.

    On Linux it never has a place in any folder (memfd). Elsewhere it is an ordinary temporary file: what is put into it must not
    be worth reading, so keys go into it encrypted under a password that is nowhere but in this process."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._path: str | None = None
        self._descriptor = -1

    def __enter__(self) -> str:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
            name = f"/proc/self/fd/{self._descriptor}"
        else:
            import tempfile

            self._descriptor, self._path = tempfile.mkstemp()
            name = self._path
        with os.fdopen(self._descriptor, "wb", closefd=False) as file:
            file.write(self._content)
        return name

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        if self._path is not None:
            os.unlink(self._path)
