"""SMIMECheckSignature, SMIMEDecrypt, SMIMESign and Sign, with OpenSSL as the other side's mail program."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from compostela.base.errors import InvalidArgument
from compostela.core.mail.attributes import SMTP_AUTH_USER
from compostela.core.mail.model import Mail
from compostela.mime.editing import text_of as text_of_part
from compostela.mime.headers import Headers
from compostela.mime.scanner import describe
from compostela.processing.mailet import MailetContext
from compostela.testing.pipeline import ANN, BOB, mail_of, mailet, matcher, served, server_context, text_of
from tests.smime_parties import SECRET, OpenSsl, Party, needs_openssl, party

TLS = Path(__file__).parents[2] / "data" / "tls"
SIGNERS, KEY = "org.apache.james.SMIMECheckSignature", "org.apache.james.SMIMEDecrypt"
ENTITY = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ncafé\r\n"
HEADER = f"Received: from a\r\nFrom: Ann <{ANN}>\r\nSubject: news\r\nMIME-Version: 1.0\r\n"
PLAIN = HEADER + ENTITY


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MailetContext]:
    """One for all: these mailets change nothing but the mail."""
    async with server_context(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="module")
def authority() -> Party:
    return party("Authority", is_authority=True)


@pytest.fixture(scope="module")
def signer(authority: Party) -> Party:
    return party("Mail Server", authority, address="server@example.org")


def opaque(octets: bytes, kind: str) -> str:
    text = base64.encodebytes(octets).decode().replace("\n", "\r\n")
    return (
        f"{HEADER}Content-Type: application/pkcs7-mime; smime-type={kind}; name=smime.p7m\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{text}"
    )


def detached(entity: str, signature: bytes) -> str:
    text = base64.encodebytes(signature).decode().replace("\n", "\r\n")
    return (
        f'{HEADER}Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b\r\n\r\npreamble\r\n'
        f"--b\r\n{entity}\r\n--b\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{text}\r\n--b--\r\n"
    )


def signature(folder: Path, one: Party, *how: str) -> bytes:
    program = OpenSsl(folder, one=one)
    sign = ("-sign", "-binary", "-signer", "one.pem", "-inkey", "one.key", "-outform", "DER")
    return program.cms(ENTITY.encode(), *sign, *how)


def status(mail: Mail) -> list[bytes]:
    return Headers(mail.content.header).get_all(b"X-SMIME-Status")


def by(login: str, message: str = PLAIN, sender: str | None = ANN) -> Mail:
    mail = mail_of(message, sender)
    if login:
        mail.attributes[SMTP_AUTH_USER] = login
    return mail


@needs_openssl
@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize("is_detached", [False, True])
async def test_a_good_signature_is_noted(
    context: MailetContext, tmp_path: Path, authority: Party, signer: Party, is_detached: bool, strip: bool
) -> None:
    (tmp_path / "trusted.pem").write_bytes(authority.pem)
    made = mailet(
        "SMIMECheckSignature",
        context,
        pemFileName=str(tmp_path / "trusted.pem"),
        fileType="pem",
        strip=str(strip).lower().lower(),
    )
    if is_detached:
        message = detached(ENTITY, signature(tmp_path, signer))
    else:
        message = opaque(signature(tmp_path, signer, "-nodetach"), "signed-data")
    mail = await served(made, mail_of(message))
    assert status(mail) == [b"Good signature"]
    assert mail.attributes[SIGNERS] == [signer.der]
    assert await matcher(f"IsX509CertificateSubject={SIGNERS};Mail Server", context).match(mail)
    if strip:
        body = await mail.content.body.read()
        assert text_of_part(describe(mail.content.header, body).root, body) == "café\r\n"
        assert Headers(mail.content.header).get(b"Subject") == b"news"
        assert Headers(mail.content.header).count(b"Content-Type") == 1
    else:
        assert (await text_of(mail)).replace("X-SMIME-Status: Good signature\r\n", "") == message


@needs_openssl
async def test_a_signature_that_is_changed_or_foreign_is_bad(
    context: MailetContext, tmp_path: Path, authority: Party, signer: Party
) -> None:
    made = mailet(
        "SMIMECheckSignature",
        context,
        keyStoreFileName=signer.store(tmp_path / "trusted.p12", authority),
        keyStorePassword=SECRET,
        keyStoreType="PKCS12",
    )
    message = detached(ENTITY, signature(tmp_path, signer))
    for wrong in (
        message.replace("café", "cafe"),
        detached(ENTITY, signature(tmp_path, party("Stranger"))),
        detached(ENTITY, b"nothing"),
        detached(ENTITY, b""),
        opaque(b"nothing", "signed-data"),
        HEADER
        + "Content-Type: multipart/signed; protocol=application/pkcs7-signature; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n",
    ):
        mail = mail_of("X-SMIME-Status: Good signature\r\n" + wrong)
        mail.attributes[SIGNERS] = [signer.der]
        mail = await served(made, mail)
        assert status(mail) == [b"Bad signature"]
        assert SIGNERS not in mail.attributes
    assert status(await served(made, mail_of(message))) == [b"Good signature"]


@needs_openssl
async def test_without_only_trusted_every_valid_signature_counts(context: MailetContext, tmp_path: Path) -> None:
    made = mailet("SMIMECheckSignature", context, onlyTrusted="false", mailAttribute="signers")
    stranger = party("Stranger")
    mail = await served(made, mail_of(detached(ENTITY, signature(tmp_path, stranger))))
    assert status(mail) == [b"Good signature"]
    assert mail.attributes["signers"] == [stranger.der]


async def test_an_unsigned_message_loses_a_forged_status(context: MailetContext) -> None:
    made = mailet("SMIMECheckSignature", context, onlyTrusted="false")
    mail = await served(made, mail_of("X-SMIME-Status: Good signature\r\n" + PLAIN))
    assert await text_of(mail) == PLAIN


@needs_openssl
@pytest.mark.parametrize("cipher", ["-aes256", "-des3", "-aes-256-gcm"])
async def test_a_message_is_decrypted(context: MailetContext, tmp_path: Path, signer: Party, cipher: str) -> None:
    store = signer.store(tmp_path / "key.p12")
    made = mailet("SMIMEDecrypt", context, keyStoreFileName=store, keyStorePassword=SECRET, keyAlias="ONE")
    encrypt = ("-encrypt", "-binary", "-outform", "DER", cipher, "one.pem")
    octets = OpenSsl(tmp_path, one=signer).cms(ENTITY.encode(), *encrypt)
    mail = await served(made, mail_of(opaque(octets, "enveloped-data")))
    assert await text_of(mail) == PLAIN
    assert mail.attributes[KEY] == signer.der


@needs_openssl
async def test_what_cannot_be_decrypted_stays(context: MailetContext, tmp_path: Path, signer: Party) -> None:
    made = mailet("SMIMEDecrypt", context, keyStoreFileName=signer.store(tmp_path / "k.p12"), keyStorePassword=SECRET)
    encrypt = ("-encrypt", "-binary", "-outform", "DER", "-aes256", "one.pem")
    foreign = OpenSsl(tmp_path, one=party("Other")).cms(ENTITY.encode(), *encrypt)
    for message in (opaque(foreign, "enveloped-data"), opaque(b"nothing", "enveloped-data"), PLAIN):
        mail = await served(made, mail_of(message))
        assert await text_of(mail) == message
        assert KEY not in mail.attributes


@needs_openssl
@pytest.mark.parametrize("kind", ["RSA", "EC"])
@pytest.mark.parametrize("message", [PLAIN, HEADER + "\r\nbare\r\n", HEADER + "Content-Type: multipart/mixed; boundary=c\r\n\r\n"
                         "--c\r\n\r\none\r\n--c\r\nContent-Type: image/png\r\n\r\n\xff\r\n--c--\r\n"])  # fmt: skip
async def test_openssl_and_we_verify_what_is_signed(
    context: MailetContext, tmp_path: Path, authority: Party, kind: str, message: str
) -> None:
    one = party("Mail Server", authority, address="server@example.org", kind=kind)
    made = mailet("SMIMESign", context, keyStoreFileName=one.store(tmp_path / "k.p12"), keyStorePassword=SECRET)
    mail = await served(made, by(ANN, message))
    octets = await mail.content.read()
    assert octets.isascii()
    program = OpenSsl(tmp_path, authority=authority)
    verified = program.cms(octets, "-verify", "-CAfile", "authority.pem", "-purpose", "any")
    assert b"SignatureExplanation.txt" in verified
    check = mailet("SMIMECheckSignature", context, pemFileName=str(tmp_path / "authority.pem"), strip="true")
    mail = await served(check, mail)
    assert status(mail) == [b"Good signature"]
    assert Headers(mail.content.header).get(b"From") == f'"{ANN}" <server@example.org>'.encode()
    assert Headers(mail.content.header).get(b"Reply-To") == f"Ann <{ANN}>".encode()
    body = await mail.content.body.read()
    explanation = describe(mail.content.header, body).root.children[-1]
    text = text_of_part(explanation, body)
    assert "signed on the server by Mail Server <server@example.org>" in text
    assert f"its sender, {ANN}" in text
    assert "Subject: news" in text


@pytest.mark.slow
async def test_parameters_of_the_signature(context: MailetContext, tmp_path: Path) -> None:
    one = party("Nameless")
    parameters = {"keyStoreFileName": one.store(tmp_path / "k.p12"), "keyStorePassword": SECRET, "rebuildFrom": "false"}
    holder = "org.apache.james.security.SMIMEKeyHolder"
    made = mailet("Sign", context, keyHolderClass=holder, explanationText="", **parameters)
    mail = await served(made, by(ANN))
    body = await mail.content.body.read()
    entity, _ = describe(mail.content.header, body).root.children
    assert text_of_part(entity, body) == "café\r\n"
    assert Headers(mail.content.header).get(b"From") == f"Ann <{ANN}>".encode()
    own = mailet(
        "SMIMESign", context, explanationText="By [signerName] for [reversePath]", signerName="Us", **parameters
    )
    assert f"By Us for {ANN}" in await text_of(await served(own, by(ANN)))
    again = await served(made, mail)
    assert await again.content.body.read() == body


@pytest.mark.parametrize(
    ("login", "sender", "author"),
    [
        ("", ANN, ANN),
        (BOB, ANN, ANN),
        (ANN, None, ANN),
        (ANN, ANN, BOB),
        (ANN, ANN, f"{ANN}, {BOB}"),
        (ANN, ANN, "nothing"),
        (ANN, "ann@remote.example", "ann@remote.example"),
    ],
)
async def test_only_the_senders_own_mail_is_signed(
    context: MailetContext, tmp_path: Path, signer: Party, login: str, sender: str | None, author: str
) -> None:
    made = mailet("SMIMESign", context, keyStoreFileName=signer.store(tmp_path / "k.p12"), keyStorePassword=SECRET)
    message = f"From: {author}\r\n\r\nhello\r\n"
    assert await text_of(await served(made, by(login, message, sender))) == message


@pytest.mark.parametrize("signs", [True, False])
async def test_the_postmasters_mail(context: MailetContext, tmp_path: Path, signer: Party, signs: bool) -> None:
    store = signer.store(tmp_path / "k.p12")
    made = mailet(
        "SMIMESign", context, keyStoreFileName=store, keyStorePassword=SECRET, postmasterSigns=str(signs).lower()
    )
    mail = await served(made, by(BOB, PLAIN, str(context.postmaster)))
    assert (b"multipart/signed" in mail.content.header) == signs


@pytest.mark.parametrize(
    ("file", "parameters"),
    [
        ("rsa.jks", {}),
        ("two-passwords.jks", {"keyStorePassword": "store-secret", "keyAliasPassword": "key-secret"}),
        ("both.jks", {"keyAlias": "rsa"}),
        ("together.pem", {}),
    ],
)
@pytest.mark.parametrize("name", ["SMIMEDecrypt", "SMIMESign"])
async def test_keys_come_from_every_kind_of_store(
    context: MailetContext, name: str, file: str, parameters: dict[str, str]
) -> None:
    own = {"rebuildFrom": "false"} if name == "SMIMESign" else {}
    mailet(name, context, keyStoreFileName=str(TLS / file), **{"keyStorePassword": SECRET, **parameters, **own})


STORE = {"keyStoreFileName": str(TLS / "rsa.jks"), "keyStorePassword": SECRET}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("SMIMECheckSignature", {}),
        ("SMIMECheckSignature", {"pemFileName": "missing.pem"}),
        ("SMIMECheckSignature", {"pemFileName": str(TLS / "key.pem")}),
        ("SMIMECheckSignature", {**STORE, "pemFileName": str(TLS / "trust.pem")}),
        ("SMIMECheckSignature", {"keyStoreFileName": str(TLS / "trust.jks"), "keyStorePassword": "wrong"}),
        ("SMIMECheckSignature", {"onlyTrusted": "perhaps"}),
        ("SMIMEDecrypt", {}),
        ("SMIMEDecrypt", {"keyStoreFileName": "missing.p12"}),
        ("SMIMEDecrypt", {**STORE, "keyStorePassword": "wrong"}),
        ("SMIMEDecrypt", {**STORE, "keyAlias": "nobody"}),
        ("SMIMEDecrypt", {**STORE, "keyStoreFileName": str(TLS / "both.jks")}),
        ("SMIMEDecrypt", {**STORE, "keyStoreFileName": str(TLS / "ec.jks")}),
        ("SMIMEDecrypt", {**STORE, "strip": "true"}),
        ("SMIMEDecrypt", {**STORE, "keyStoreType": "jceks"}),
        ("SMIMECheckSignature", {"pemFileName": str(TLS / "trust.pem"), "fileType": "x"}),
        ("SMIMESign", STORE),
        ("SMIMESign", {**STORE, "rebuildFrom": "perhaps"}),
        ("Sign", {**STORE, "rebuildFrom": "false"}),
        ("Sign", {**STORE, "rebuildFrom": "false", "keyHolderClass": "org.example.PgpKeyHolder"}),
    ],
)
async def test_wrong_parameters_are_told(context: MailetContext, name: str, parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        mailet(name, context, **parameters)
