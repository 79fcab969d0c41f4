"""SASL mechanisms: the examples of the RFCs, and what is not of their form."""

import base64

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.users.scram import prepared, secrets_of_nobody
from compostela.model.scram import ScramSecrets
from compostela.model.username import Username
from compostela.protocols.sasl.external import External
from compostela.protocols.sasl.mechanism import (
    CertificateCredentials,
    Challenge,
    Mechanism,
    PasswordCredentials,
    Proved,
    Rejected,
    SecretsWanted,
    TokenCredentials,
)
from compostela.protocols.sasl.passwords import Login, Plain
from compostela.protocols.sasl.scram import Scram
from compostela.protocols.sasl.tokens import OauthBearer, XOauth2
from tests.unit.protocols.sasl import final

RFC_SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
RFC_SECRETS = ScramSecrets.derive(b"pencil", RFC_SALT, 4096)
RFC_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)


def test_the_exchange_of_rfc_7677() -> None:
    scram = Scram(nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    assert scram.next(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") == SecretsWanted("user")
    assert scram.secrets(RFC_SECRETS) == Challenge(
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert scram.next(RFC_FINAL) == Challenge(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert scram.next(b"") == Proved("user")


def run(scram: Scram, header: str, binding: bytes = b"", password: bytes = b"secret") -> object:
    first = "n=bob=2Cthe=3Dbuilder,r=clientnonce"
    assert scram.next((header + first).encode()) == SecretsWanted("bob,the=builder")
    challenge = scram.secrets(ScramSecrets.derive(b"secret", b"salt", 4096))
    assert isinstance(challenge, Challenge)
    step = scram.next(final(first, header, binding, challenge.octets, password))
    return scram.next(b"") if isinstance(step, Challenge) else step


def test_scram_acts_for_another() -> None:
    assert run(Scram(), "n,a=ann=2Cx,") == Proved("bob,the=builder", "ann,x")


def test_a_wrong_password_is_rejected() -> None:
    assert run(Scram(), "n,,", password=b"wrong") == Rejected("bob,the=builder")


def test_scram_plus_is_bound_to_its_channel() -> None:
    header = "p=tls-server-end-point,,"
    assert run(Scram(b"hash"), header, b"hash") == Proved("bob,the=builder")
    assert run(Scram(b"hash"), header, b"another hash") == Rejected("bob,the=builder")


def test_a_client_that_supports_binding_and_was_offered_none_is_let_in() -> None:
    assert run(Scram(), "y,,") == Proved("bob,the=builder")


@pytest.mark.parametrize(
    ("scram", "first"),
    [
        (Scram(plus_offered=True), b"y,,n=bob,r=clientnonce"),
        (Scram(), b"p=tls-server-end-point,,n=bob,r=clientnonce"),
        (Scram(b"hash"), b"n,,n=bob,r=clientnonce"),
        (Scram(b"hash"), b"p=tls-unique,,n=bob,r=clientnonce"),
        (Scram(), b"n,,m=ext,n=bob,r=clientnonce"),
        (Scram(), b"n,,n=,r=clientnonce"),
        (Scram(), b"n,,n=bob,r="),
        (Scram(), b"n,,n=bob=,r=clientnonce"),
        (Scram(), b"n,ann,n=bob,r=clientnonce"),
        (Scram(), b"n,,n=b\xff,r=clientnonce"),
        (Scram(), b""),
    ],
)
def test_first_messages_that_are_none(scram: Scram, first: bytes) -> None:
    with pytest.raises(InvalidArgument):
        scram.next(first)


@pytest.mark.parametrize("last", [b"", b"c=biws", b"c=!,r=x,p=AAAA", b"c=biws,r=x,p=!", b"p=AAAA", b"\xff"])
def test_last_messages_that_are_none(last: bytes) -> None:
    scram = Scram()
    scram.next(b"n,,n=bob,r=clientnonce")
    scram.secrets(RFC_SECRETS)
    try:
        assert isinstance(scram.next(last), Rejected)
    except InvalidArgument:
        pass


def test_secrets_are_kept_as_text() -> None:
    assert ScramSecrets.parse(str(RFC_SECRETS)) == RFC_SECRETS
    for wrong in ("", "x", "1:2:3", "a:b:c:d", "4096:!:!:!"):
        with pytest.raises(InvalidArgument):
            ScramSecrets.parse(wrong)


def test_nobody_has_the_same_salt_each_time_and_another_than_others() -> None:
    one, again, other = (secrets_of_nobody(Username(name), b"s") for name in ("a", "a", "b"))
    assert one.salt == again.salt != other.salt
    assert one.iterations == 65_536


def test_passwords_are_prepared() -> None:
    assert prepared("I\u00adX") == b"IX"
    assert prepared("\u00aa\u2168") == b"aIX"
    assert prepared("p\u00a0w") == b"p w"
    assert prepared("\u0007é") == "\u0007é".encode()


@pytest.mark.parametrize(
    ("responses", "prompts"), [([None, b"bob", b"pw"], [b"Username:", b"Password:"]), ([b"bob", b"pw"], [b"Password:"])]
)
def test_login_takes_the_name_with_or_before_its_prompt(responses: list[bytes | None], prompts: list[bytes]) -> None:
    login = Login()
    *asked, claim = [login.next(response) for response in responses]
    assert asked == [Challenge(prompt) for prompt in prompts]
    assert claim == PasswordCredentials("bob", "pw")


@pytest.mark.parametrize(("user", "password"), [(b"", b"pw"), (b"bob", b""), (b"bob", b"\xff")])
def test_login_wants_both(user: bytes, password: bytes) -> None:
    login = Login()
    login.next(user)
    with pytest.raises(InvalidArgument):
        login.next(password)


BEARER = b"n,a=ann@example.org,\x01host=h\x01port=1\x01auth=Bearer tok.en\x01\x01"


@pytest.mark.parametrize(
    ("mechanism", "response", "step"),
    [
        (OauthBearer(), BEARER, TokenCredentials("tok.en", "ann@example.org")),
        (OauthBearer(), b"n,,\x01auth=bearer t\x01\x01", TokenCredentials("t")),
        (XOauth2(), b"user=ann\x01auth=Bearer t\x01\x01", TokenCredentials("t", "ann")),
        (External(), b"", CertificateCredentials()),
        (External(), b"ann", CertificateCredentials("ann")),
        (Plain(), b"ann\x00bob\x00pw", PasswordCredentials("bob", "pw", "ann")),
        (Plain(), b"\x00bob\x00pw", PasswordCredentials("bob", "pw")),
        (Plain(), b"bob\x00pw", PasswordCredentials("bob", "pw")),
        (Plain(), b"\x00bob\x00pw\x00", PasswordCredentials("bob", "pw")),
        (Plain(), "ann\x00bób\x00p w\r\n".encode(), PasswordCredentials("bób", "p w\r\n", "ann")),
    ],
)
def test_claims(mechanism: Mechanism, response: bytes, step: object) -> None:
    assert mechanism.next(None) == Challenge(b"")
    assert mechanism.next(response) == step


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        (OauthBearer(), b""),
        (OauthBearer(), b"p=x,,\x01auth=Bearer t\x01\x01"),
        (OauthBearer(), b"n,,\x01auth=Bearer t\x01"),
        (OauthBearer(), b"n,,\x01auth=Basic t\x01\x01"),
        (OauthBearer(), b"n,,\x01auth=Bearer \x01\x01"),
        (OauthBearer(), b"n,,\x01auth=Bearer t\x01auth=Bearer u\x01\x01"),
        (OauthBearer(), b"n,,\x01host\x01auth=Bearer t\x01\x01"),
        (XOauth2(), b"user=ann"),
        (XOauth2(), b"user=ann\x01\x01"),
        (Plain(), b""),
        (Plain(), b"bob"),
        (Plain(), b"\x00\x00pw"),
        (Plain(), b"\x00bob\x00"),
        (Plain(), b"\x00bob\x00pw\x00\x00"),
        (Plain(), b"ann\x00bob\x00pw\x00x"),
        (Plain(), b"\x00bob\x00\xff"),
        (External(), b"\xff"),
        (External(), b"a\x00b"),
    ],
)
def test_what_is_no_claim(mechanism: Mechanism, response: bytes) -> None:
    with pytest.raises(InvalidArgument):
        mechanism.next(response)
