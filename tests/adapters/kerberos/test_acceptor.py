"""Tickets of a real KDC, and key tables that are of no use."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compostela.adapters.kerberos.acceptor import AcceptorContext, KerberosAcceptor
from compostela.base.settings import Place
from compostela.core.authentication.kerberos import KerberosError, KerberosSettings
from compostela.protocols.sasl.gssapi import ContextRefused
from tests.contracts.kerberos import SecurityContextContract
from tests.kerberos_realm import FOREIGN, REALM, Initiator, KerberosRealm, needs_kerberos, running_realm

pytestmark = needs_kerberos

SMTP = KerberosSettings(f"smtp/localhost@{REALM}", place=Place("smtpserver.xml", 7))


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KerberosRealm]:
    with running_realm(tmp_path_factory.mktemp("realm")) as running:
        yield running


@pytest.fixture
def context(realm: KerberosRealm) -> AcceptorContext:
    return KerberosAcceptor(SMTP, realm.key_tab).begin()


@pytest.fixture
def another(realm: KerberosRealm) -> AcceptorContext:
    return KerberosAcceptor(SMTP, realm.key_tab).begin()


@pytest.fixture
def initiator(realm: KerberosRealm) -> Initiator:
    return Initiator(realm, "bob", "smtp/localhost")


class TestAcceptorContext(SecurityContextContract):
    pass


def test_a_ticket_for_another_service_is_refused(realm: KerberosRealm, context: AcceptorContext) -> None:
    with pytest.raises(ContextRefused):
        context.accept(Initiator(realm, "bob", "imap/localhost").token())


def test_a_new_key_is_taken_without_a_new_start(realm: KerberosRealm) -> None:
    key_tab = realm.folder / "changing"
    realm.administer("addprinc -randkey pop/localhost", f"ktadd -k {key_tab} pop/localhost")
    acceptor = KerberosAcceptor(KerberosSettings(f"pop/localhost@{REALM}"), key_tab)
    realm.administer(f"ktadd -k {key_tab} pop/localhost")
    context = acceptor.begin()
    context.accept(Initiator(realm, "bob", "pop/localhost").token())
    assert context.initiator == "bob@EXAMPLE.ORG"


@pytest.mark.parametrize(
    ("principal", "name", "problem"),
    [
        ("smtp/localhost", "nowhere", "smtpserver.xml:7: there is no key table"),
        (FOREIGN, "keytab", f"gives no key of {FOREIGN}@{REALM}: .*No key table entry found"),
        ("smtp/localhost", "krb5.conf", "gives no key of smtp/localhost"),
    ],
)
def test_a_key_table_that_is_of_no_use(realm: KerberosRealm, principal: str, name: str, problem: str) -> None:
    settings = KerberosSettings(f"{principal}@{REALM}", place=SMTP.place)
    with pytest.raises(KerberosError, match=problem):
        KerberosAcceptor(settings, realm.folder / name)


def test_the_systems_key_table(realm: KerberosRealm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_KTNAME", str(realm.key_tab))
    context = KerberosAcceptor(SMTP, None).begin()
    context.accept(Initiator(realm, "bob", "smtp/localhost").token())
    assert context.complete
    monkeypatch.setenv("KRB5_KTNAME", str(Path("/nowhere")))
    with pytest.raises(KerberosError, match="the system's key table gives no key"):
        KerberosAcceptor(SMTP, None)


def test_a_machine_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    with pytest.raises(
        KerberosError, match=r"smtpserver.xml:7: gssapi needs the Kerberos library: run 'make kerberos'"
    ):
        KerberosAcceptor(SMTP, None)
