"""Certificates and keys for Cassandra come from every kind of store."""

import ssl
from pathlib import Path

import pytest

from compostela.adapters.cassandra.settings import CassandraTls
from compostela.adapters.cassandra.tls import load_tls
from compostela.core.keystores.errors import KeyStoreError

FOLDER = Path(__file__).parents[2] / "data" / "tls"
SECRET, TRUST_SECRET = "changeit", "trusted"


def loaded(name: str = "", trust: str = "", password: str = SECRET) -> tuple[str, str, str]:
    stores = [str(FOLDER / one) if one else "" for one in (trust, name)]
    found = load_tls(CassandraTls(stores[0], password, stores[1], password))
    return found.trusted, found.chain, found.key


@pytest.mark.parametrize("name", ["rsa.jks", "chain.jks", "rsa.p12", "chain.p12", "together.pem"])
def test_the_chain_belongs_to_the_key(name: str, tmp_path: Path) -> None:
    _, chain, key = loaded(name)
    both = tmp_path / "both.pem"
    both.write_text(chain + key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(both)


@pytest.mark.parametrize("name", ["trust.jks", "trust.p12", "trust.pem", "trust.der"])
def test_every_trust_store_gives_the_same_authority(name: str) -> None:
    trusted, chain, key = loaded(trust=name, password=TRUST_SECRET)
    authority = ssl.PEM_cert_to_DER_cert(trusted)
    assert authority == (FOLDER / "trust.der").read_bytes()
    assert (chain, key) == ("", "")


def test_without_a_trust_store_the_authorities_of_the_system_count() -> None:
    trusted = loaded()[0]
    expected = ssl.create_default_context().get_ca_certs(binary_form=True)
    assert trusted.count("BEGIN CERTIFICATE") == len(expected)


@pytest.mark.parametrize(
    ("name", "trust", "password", "complaint"),
    [
        ("missing.jks", "", SECRET, "does not exist"),
        ("rsa.p12", "", "wrong", "password of the store .*rsa.p12 is wrong"),
        ("rsa.jks", "", "wrong", "password"),
        ("trust.jks", "", TRUST_SECRET, "has no key"),
        ("trust.p12", "", TRUST_SECRET, "has no key"),
        ("trust.der", "", SECRET, "has no key"),
        ("", "rsa.jks", SECRET, "has no certificate"),
        ("rsa.jceks", "", SECRET, "JCEKS"),
    ],
)
def test_what_is_wrong_with_a_store_is_told(name: str, trust: str, password: str, complaint: str) -> None:
    with pytest.raises(KeyStoreError, match=complaint):
        loaded(name, trust, password)
