"""What a file with keys or certificates is, told by its first octets: Java opens PKCS#12 under the name JKS, so do operators."""

import enum
import re
from pathlib import Path

from compostela.core.keystores import der
from compostela.core.keystores.errors import KeyStoreError
from compostela.core.keystores.jks import JKS_MAGIC

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
    """A file of bounded size. Raises `KeyStoreError`."""
    if not path.is_file():
        raise KeyStoreError(f"the file {path} does not exist")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_STORE_BYTES + 1)
    except OSError as error:
        raise KeyStoreError(f"the file {path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_STORE_BYTES:
        raise KeyStoreError(f"the file {path} is larger than {MAX_STORE_BYTES >> 20} MiB")
    return data


def type_of(data: bytes) -> StoreType:
    """Raises `KeyStoreError` for what is none of them, and for JCEKS, which must be converted."""
    if data.startswith(JKS_MAGIC):
        return StoreType.JKS
    if data.startswith(_JCEKS_MAGIC):
        raise KeyStoreError(
            "this is a key store of the type JCEKS: convert it with 'keytool -importkeystore -srcstoretype JCEKS "
            "-srckeystore OLD -deststoretype PKCS12 -destkeystore NEW.p12'"
        )
    if b"-----BEGIN " in data:
        return StoreType.PEM
    try:
        first = der.expect(data, der.SEQUENCE).content
        tag = der.read(first).tag
    except der.DerError:
        raise KeyStoreError("this is neither JKS nor PKCS12 nor PEM") from None
    if tag == der.INTEGER:
        _check_iterations(first)
        return StoreType.PKCS12
    if tag == der.SEQUENCE:
        return StoreType.CERTIFICATE
    raise KeyStoreError("this is neither JKS nor PKCS12 nor PEM")


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
        raise KeyStoreError("the PKCS12 store is damaged") from None
    if iterations > MAX_ITERATIONS:
        raise KeyStoreError(
            f"the PKCS12 store wants {iterations} rounds for its password; more than {MAX_ITERATIONS} are refused"
        )


def pem_blocks(data: bytes, label: bytes) -> list[bytes]:
    """The PEM blocks whose label ends so (`CERTIFICATE`, `X509 CRL`, `PRIVATE KEY`), unchanged."""
    return [block[0] for block in _PEM.finditer(data) if block[1].endswith(label)]
