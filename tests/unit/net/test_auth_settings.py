"""The `auth` element: which mechanisms it names, and what is wrong with it."""

import pytest

from compostela.app.configuration.files import Reader
from compostela.base.settings import Problems, Settings
from compostela.core.authentication.kerberos import KerberosSettings
from compostela.net.authentication.mechanisms import SaslMechanismFactory
from compostela.net.authentication.settings import AuthSettings, read_auth_settings
from compostela.net.tls.channel import TlsChannel
from compostela.protocols.sasl.mechanism import Mechanism
from compostela.protocols.sasl.passwords import Plain

OIDC = "<oidc><jwksURL>https://id.example.org/jwks</jwksURL><aud>mail</aud></oidc>"


class Passwords(SaslMechanismFactory):
    name = "X-PASSWORDS"
    cleartext = True

    def make(self, channel: TlsChannel | None) -> Mechanism:
        return Plain()


class OwnPlain(Passwords):
    name = "PLAIN"


class Misnamed(Passwords):
    name = "lower case"


def read(elements: str, *, with_login: bool = True) -> tuple[AuthSettings, list[str]]:
    problems = Problems()
    node = Reader(problems).parse("smtpserver.xml", f"<auth>{elements}</auth>".encode())
    assert node is not None
    settings = Settings(node, problems)
    auth = read_auth_settings(settings, ("LOGIN", "PLAIN"), with_login=with_login)
    settings.finish()
    return auth, [problem.message for problem in problems.found]


def chosen(names: str) -> str:
    return f"<saslMechanisms>{names}</saslMechanisms>"


def test_a_list_replaces_the_defaults() -> None:
    assert read("") == (AuthSettings(("LOGIN", "PLAIN", "EXTERNAL")), [])
    auth, problems = read(OIDC)
    assert (auth.mechanisms, problems) == (("LOGIN", "PLAIN", "OAUTHBEARER", "XOAUTH2", "EXTERNAL"), [])
    auth, problems = read(OIDC + chosen("PLAIN,xoauth2"))
    assert (auth.mechanisms, problems) == (("PLAIN", "XOAUTH2"), [])


@pytest.mark.parametrize("package", ["", "org.apache.james.protocols.sasl.plain."])
def test_factories_of_james_are_known(package: str) -> None:
    auth, problems = read(chosen(f"{package}PlainSaslMechanismFactory, {package}LoginSaslMechanismFactory, PLAIN"))
    assert (auth.mechanisms, problems) == (("PLAIN", "LOGIN"), [])


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("PLIAN", "there is no mechanism 'PLIAN'"),
        ("com.example.PlainSaslMechanismFactory", "there is no mechanism 'com.example.PlainSaslMechanismFactory'"),
        ("GssapiSaslMechanismFactory", "GSSAPI needs the element 'gssapi'"),
        ("XOAUTH2", "XOAUTH2 needs the element 'oidc'"),
        ("compostela.protocols.sasl.passwords.Plain", "is no class of SaslMechanismFactory"),
        (f"{__name__}.Misnamed", "cannot be the name of a mechanism"),
        (f"PLAIN {__name__}.OwnPlain", "duplicate mechanism PLAIN"),
        (f"{__name__}.OwnPlain PLAIN", "duplicate mechanism PLAIN"),
    ],
)
def test_what_cannot_be_chosen(names: str, problem: str) -> None:
    _, problems = read(chosen(names))
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("elements", "problems"),
    [
        ("", ["oidc needs 'oidcConfigurationURL' or 'jwksURL'", "oidc needs 'aud': a token for another service must not log in here ('any' takes all)"]),
        ("<aud>any</aud><jwksURL>id.example.org/jwks</jwksURL>", ["jwksURL must be a URL such as https://id.example.org/…"]),
        ("<aud>a</aud><oidcConfigurationURL>ftp://x/</oidcConfigurationURL>", ["oidcConfigurationURL must be a URL such as https://id.example.org/…"]),
        ("<aud>a</aud><jwksURL>https://x/</jwksURL><introspection><url>/a</url></introspection><userinfo><url>http:///</url></userinfo>", ["introspection/url must be a URL such as https://id.example.org/…", "userinfo/url must be a URL such as https://id.example.org/…"]),
        ("<aud>a</aud><jwksURL>https://x/</jwksURL><clam>email</clam>", ["unknown 'clam' in <oidc>; did you mean 'claim'?"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_provider(elements: str, problems: list[str]) -> None:
    assert sorted(read(f"<oidc>{elements}</oidc>")[1]) == sorted(problems)


def test_kerberos_is_added_to_the_defaults_or_named() -> None:
    element = (
        "<gssapi><principal>imap/mail.example.org@EXAMPLE.ORG</principal><keyTab>file://conf/keytab</keyTab></gssapi>"
    )
    auth, problems = read(element)
    assert (auth.mechanisms, problems) == (("LOGIN", "PLAIN", "GSSAPI", "EXTERNAL"), [])
    assert auth.kerberos == KerberosSettings("imap/mail.example.org@EXAMPLE.ORG", "file://conf/keytab")
    assert auth.kerberos.realm == "EXAMPLE.ORG"
    james = chosen("PlainSaslMechanismFactory,org.apache.james.protocols.sasl.kerberos.GssApiSaslMechanismFactory")
    auth, problems = read(element + james)
    assert (auth.mechanisms, problems) == (("PLAIN", "GSSAPI"), [])


@pytest.mark.parametrize(
    ("elements", "problem"),
    [
        ("", "gssapi needs its 'principal' in full, as in smtp/mail.example.org@EXAMPLE.ORG"),
        ("<serviceName>imap</serviceName><serverName>a.example</serverName>", "as in imap/a.example@EXAMPLE.ORG"),
        ("<principal>imap/a.example</principal>", "in full"),
        ("<principal>imap@EXAMPLE.ORG</principal>", "in full"),
        ("<principal>imap/a@A</principal><serviceName>smtp</serviceName>", "it is not the service of imap/a@A"),
        ("<principal>imap/a@A</principal><serverName>b</serverName>", "it is not the server of imap/a@A"),
        ("<principal>imap/a@A</principal><keytab2>x</keytab2>", "keytab2"),
    ],
)
def test_what_is_wrong_with_kerberos(elements: str, problem: str) -> None:
    _, problems = read(f"<gssapi>{elements}</gssapi>")
    assert len(problems) == 1
    assert problem in problems[0]


def test_login_is_of_smtp() -> None:
    _, problems = read(chosen("LOGIN"), with_login=False)
    assert problems == ["LOGIN is a mechanism of SMTP alone"]


def test_own_passwords_are_there_with_plain_auth() -> None:
    auth, problems = read(chosen(f"{__name__}.Passwords"))
    assert problems == []
    assert auth.available(tls=True, bound=frozenset()) == ["X-PASSWORDS"]
    auth, _ = read(chosen(f"{__name__}.Passwords") + "<plainAuthEnabled>false</plainAuthEnabled>")
    assert auth.available(tls=True, bound=frozenset()) == []


def test_an_own_class_may_stand_for_ours() -> None:
    auth, problems = read(chosen(f"{__name__}:OwnPlain"))
    assert (auth.mechanisms, problems) == (("PLAIN",), [])
    assert isinstance(auth.own["PLAIN"], OwnPlain)
