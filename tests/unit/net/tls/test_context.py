"""Contexts from every kind of file."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509 import load_pem_x509_certificate

from compostela.core.keystores import store_file
from compostela.core.keystores.store_file import StoreType, type_of
from compostela.net.tls.context import server_context
from compostela.net.tls.errors import TlsError
from compostela.net.tls.settings import ClientAuthSettings, TlsSettings
from tests.unit.net.tls.files import FOLDER, SECRET, read, resolve


def settings(store: str, **others: str) -> TlsSettings:
    return TlsSettings(starttls=True, keystore=f"file://{store}", **{"secret": SECRET, **others})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    ["rsa.jks", "ec.jks", "chain.jks", "rsa.p12", "ec.p12", "chain.p12", "named-jks.jks", "together.pem", "other.pem"],
)
def test_a_key_comes_from_every_kind_of_store(name: str) -> None:
    assert len(server_context(settings(name), resolve).in_force.certificates) == 1


def test_the_declared_type_does_not_matter() -> None:
    assert server_context(settings("rsa.p12", keystore_type="JKS"), resolve)
    assert server_context(settings("rsa.jks", keystore_type="PKCS12"), resolve)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rsa.jks", StoreType.JKS),
        ("named-jks.jks", StoreType.PKCS12),
        ("together.pem", StoreType.PEM),
        ("trust.der", StoreType.CERTIFICATE),
    ],
)
def test_the_type_is_told_by_the_first_octets(name: str, kind: StoreType) -> None:
    assert type_of((FOLDER / name).read_bytes()) is kind


@pytest.mark.parametrize("name", ["both.jks", "both.p12"])
def test_a_store_with_keys_of_two_kinds_offers_both_and_cannot_tell_which_was_chosen(name: str) -> None:
    context = server_context(settings(name), resolve).in_force
    assert len(context.certificates) == 2
    assert context.certificate is None


def test_a_key_with_a_password_of_its_own() -> None:
    read_settings, _ = read(
        "<keystore>file://two-passwords.jks</keystore><secret>store-secret</secret><keySecret>key-secret</keySecret>"
    )
    assert server_context(read_settings, resolve)


def test_an_encrypted_key_in_pem() -> None:
    pem = TlsSettings(private_key="file://encrypted-key.pem", certificates="file://certificate.pem", secret=SECRET)
    assert server_context(pem, resolve).in_force.certificate == ssl.PEM_cert_to_DER_cert(
        (FOLDER / "certificate.pem").read_text()
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (settings("rsa.jks", secret="wrong"), "password of the key store is wrong"),
        (settings("rsa.p12", secret="wrong"), "password of the key store is wrong"),
        (settings("two-passwords.jks", secret="store-secret"), "keySecret"),
        (settings("rsa.jceks"), "JCEKS: convert it with 'keytool -importkeystore"),
        (settings("trust.jks", secret="trusted"), "no private key"),
        (settings("trust.p12", secret="trusted"), "no private key"),
        (settings("trust.der"), "without a key"),
        (settings("trust.pem"), "no private key"),
        (settings("make.sh"), "neither JKS nor PKCS12 nor PEM"),
        (settings("missing"), "does not exist"),
        (TlsSettings(starttls=True), "needs a keystore"),
        (TlsSettings(private_key="key.pem", certificates="trust.pem"), "does not belong to the certificate"),
        (TlsSettings(private_key="encrypted-key.pem", certificates="certificate.pem", secret="wrong"), "encrypted-key.pem: "),
        (TlsSettings(private_key="encrypted-key.pem", certificates="certificate.pem"), "encrypted-key.pem: "),
        (TlsSettings(private_key="certificate.pem", certificates="certificate.pem"), "no private key in PEM"),
        (TlsSettings(private_key="key.pem", certificates="key.pem"), "no certificate in PEM"),
        (
            TlsSettings(private_key="key.pem", certificates="certificate.pem", client_auth=ClientAuthSettings(truststore="rsa.jks")),
            "no certificate",
        ),
        (
            TlsSettings(
                private_key="key.pem",
                certificates="certificate.pem",
                client_auth=ClientAuthSettings(truststore="trust.p12", truststore_secret="wrong"),
            ),
            "password of the trust store",
        ),
        (
            TlsSettings(
                private_key="key.pem",
                certificates="certificate.pem",
                client_auth=ClientAuthSettings(truststore="trust.pem", crls=("make.sh",)),
            ),
            "not a list of revoked certificates",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(given: TlsSettings, reason: str) -> None:
    with pytest.raises(TlsError) as told:
        server_context(given, resolve)
    assert reason in str(told.value)
    assert "wrong-secret" not in str(told.value)


@pytest.mark.parametrize(
    ("store", "secret"),
    [("trust.jks", "trusted"), ("trust.jks", None), ("trust.p12", "trusted"), ("trust.pem", None), ("trust.der", None)],
)
def test_authorities_come_from_every_kind_of_store(store: str, secret: str | None) -> None:
    auth = ClientAuthSettings(truststore=f"file://{store}", truststore_secret=secret)
    context = server_context(
        TlsSettings(private_key="key.pem", certificates="certificate.pem", client_auth=auth), resolve
    ).in_force
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.get_ca_certs(binary_form=True) == [(FOLDER / "trust.der").read_bytes()]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_file, "MAX_STORE_BYTES", 100)
    with pytest.raises(TlsError, match="larger than"):
        server_context(settings("rsa.jks"), resolve)


def test_a_password_that_costs_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_file, "MAX_ITERATIONS", 100)
    with pytest.raises(TlsError, match="rounds for its password"):
        server_context(settings("rsa.p12"), resolve)


def test_a_chain_that_pkcs12_keeps_in_disorder_is_put_in_order(tmp_path: Path) -> None:
    store = pkcs12.load_pkcs12((FOLDER / "chain.p12").read_bytes(), SECRET.encode())
    assert store.cert is not None
    root = load_pem_x509_certificate((FOLDER / "root.pem").read_bytes())
    middle = next(one.certificate for one in store.additional_certs if one.certificate != root)
    mixed = pkcs12.serialize_key_and_certificates(
        b"x", store.key, store.cert.certificate, [root, middle], BestAvailableEncryption(b"changeit")  # type: ignore[arg-type]
    )  # fmt: skip
    from compostela.core.keystores.keys import keys_of_pkcs12

    ((_, _, chain),) = keys_of_pkcs12(mixed, SECRET)
    assert chain == [store.cert.certificate, middle, root]


def test_the_key_is_in_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bytes]] = []
    load = ssl.SSLContext.load_cert_chain

    def look(self: ssl.SSLContext, name: str, *rest: object, **options: object) -> None:
        seen.append((name, Path(name).read_bytes()))
        load(self, name, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", look)
    server_context(settings("rsa.jks"), resolve)
    ((name, content),) = seen
    assert name.startswith("/proc/self/fd/")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert b"BEGIN PRIVATE KEY" not in content
    assert not Path(name).exists()


def test_a_broken_file_keeps_what_is_in_force(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.write_bytes((FOLDER / "rsa.jks").read_bytes())
    context = server_context(TlsSettings(keystore="x", secret=SECRET), lambda _: store)
    before = context.in_force
    store.write_bytes(b"nonsense")
    with pytest.raises(TlsError):
        context.reload()
    assert context.in_force is before
    store.write_bytes((FOLDER / "ec.jks").read_bytes())
    assert context.reload()
    assert context.in_force.certificate != before.certificate
    assert not context.reload()
