"""Every matcher: which recipients it matches and which not, and which conditions it refuses."""

import base64
import datetime as dt
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from compostela.base.errors import InvalidArgument
from compostela.core.mail.attributes import (
    DELIVERY_ERROR_CODE,
    MAIL_PRIORITY,
    MAILET_ERROR,
)
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import MailetContext
from compostela.testing.name_server import name_server
from compostela.testing.pipeline import ANN, BOB, mail_of, matcher, server_context

ZONE = {
    "mx.example": {"MX": ["10 a.mx.example.", "20 b.mx.example."]},
    "a.mx.example": {"A": ["192.0.2.1"]},
    "2.0.0.127.list.example": {"A": ["127.0.0.2"]},
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


# one for all: a matcher changes nothing in the stores
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context(folder: Path) -> AsyncIterator[MailetContext]:
    async with name_server(ZONE) as dns, server_context(folder, dns.address) as made:
        yield made


async def matched(match: str, mail: Mail, context: MailetContext) -> list[str]:
    return [str(one) for one in await matcher(match, context).match(mail)]


def attachment(name: str, data: bytes = b"x") -> str:
    return (
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"; x-kind=Report\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n'
        f'Content-Type: application/zip; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{base64.encodebytes(data).decode()}\r\n--b--\r\n"
    )


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, "x")
    return out.getvalue()


def typed(value: str) -> str:
    return f"Content-Type: {value}\r\n\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--b--\r\n"


ZIPPED = attachment("a.zip", archive("folder/evil.EXE"))
ON_MESSAGES = [
    ("HasHeader=X-One=1+X-Two", "X-One: 1\r\nX-Two: any\r\n\r\n", True),
    ("HasHeader=X-One=2", "X-One: 1\r\n\r\n", False),
    ("HasHeaderWithPrefix=X-Spam", "x-spam-level: 1\r\n\r\n", True),
    ("HasHeaderWithPrefix=X-Spam", "Y-X-Spam: 1\r\n\r\n", False),
    ("CompareNumericHeaderValue=X-Score >= 5.5", "X-Score: 5.5\r\n\r\n", True),
    ("CompareNumericHeaderValue=X-Score GT 5.5", "X-Score: 5.5\r\n\r\n", False),
    ("CompareNumericHeaderValue=X-Score = 1", "X-Score: many\r\n\r\n", False),
    ("CompareNumericHeaderValue=X-Score = 1", "X-Other: 1\r\n\r\n", False),
    ("TooManyLines=3", "A: b\r\n\r\none\r\ntwo", True),
    ("TooManyLines=4", "A: b\r\n\r\none\r\ntwo", False),
    ("HasAttachment", attachment("a.bin"), True),
    ("HasAttachment", "Subject: attachment\r\n\r\nContent-Disposition: attachment\r\n", False),
    ("AttachmentFileNameIs=-d *.exe,report.pdf", attachment("Report.PDF"), True),
    ("AttachmentFileNameIs=*.exe", attachment("exe.txt"), False),
    ("AttachmentFileNameIs=*.exe", ZIPPED, False),
    ("AttachmentFileNameIs=-z *.exe", ZIPPED, True),
    ("AttachmentFileNameIs=-z *.exe", attachment("broken.zip", b"PK\3\4 no archive"), False),
    ("HasMimeType=text/html,multipart/mixed", attachment("a"), True),
    ("HasMimeType=application/zip", attachment("a"), False),
    ("HasMimeTypeAnySubPart=application/zip", attachment("a"), True),
    ("HasMimeTypeAnySubPart=image/png", attachment("a"), False),
    ("PartHasContentType=application/zip", attachment("a"), True),
    ("PartHasContentType=multipart/mixed", attachment("a"), False),
    ("HasMimeTypeParameter=report-type=x,x-kind=report", attachment("a"), True),
    ("HasMimeTypeParameter=x-kind=other", attachment("a"), False),
    ("IsSMIMESigned", typed('multipart/signed; boundary="b"'), True),
    ("IsSMIMESigned", "Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nx", True),
    (
        "IsSMIMESigned",
        'Content-Type: multipart/signed; boundary="b"; protocol="application/pgp-signature"\r\n\r\n',
        False,
    ),
    ("IsSMIMEEncrypted", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nx", True),
    ("IsSMIMEEncrypted", "Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nx", False),
    ("IsFromMailingList", "List-Id: <x.example>\r\n\r\n", True),
    ("IsFromMailingList", "Precedence: list\r\n\r\n", True),
    ("IsFromMailingList", "X-List-Id: <x.example>\r\n\r\n", False),
    ("GenericRegexMatcher=subject: .*cheap.*", "Subject: =?utf-8?q?very_cheap?= things\r\n\r\n", True),
    ("GenericRegexMatcher=subject: cheap", "Subject: cheap things\r\n\r\n", False),
    ("GenericRegexMatcher=body: chea[p]", "Subject: x\r\n\r\nvery cheap\r\n", True),
    ("XOriginatingIpInNetwork=192.0.2.0/24", "X-Originating-IP: [192.0.2.7]\r\n\r\n", True),
    ("XOriginatingIpInNetwork=192.0.2.0/24", "X-Originating-IP: [198.51.100.7]\r\n\r\n", False),
    ("XOriginatingIpInNetwork=192.0.2.0/24", "X-Originating-IP: nonsense\r\n\r\n", False),
    ("FetchedFrom=there", "X-Fetched-From: elsewhere\r\n\r\n", False),
]


@pytest.mark.parametrize(("match", "message", "does"), ON_MESSAGES)
async def test_matchers_on_the_message(match: str, message: str, does: bool, context: MailetContext) -> None:
    assert await matched(match, mail_of(message, "a@b.example", BOB, ANN), context) == ([BOB, ANN] if does else [])


async def test_fetched_from_removes_its_field(context: MailetContext) -> None:
    mail = mail_of("X-Fetched-From: there\r\nSubject: x\r\n\r\n")
    assert await matched("FetchedFrom=there", mail, context) == [BOB]
    assert mail.content.header == b"Subject: x\r\n\r\n"


@pytest.mark.parametrize(
    ("match", "attribute", "value", "does"),
    [
        ("AtLeastPriority=5", MAIL_PRIORITY, 5, True),
        ("AtLeastPriority=5", MAIL_PRIORITY, 4, False),
        ("AtLeastPriority=0", "other", 4, True),
        ("AtMostPriority=5", MAIL_PRIORITY, 5, True),
        ("AtMostPriority=5", MAIL_PRIORITY, 6, False),
        ("HasPriority=5", MAIL_PRIORITY, 5, True),
        ("HasPriority=5", MAIL_PRIORITY, 6, False),
        ("RemoteDeliveryFailedWithSMTPCode=521", DELIVERY_ERROR_CODE, 521, True),
        ("RemoteDeliveryFailedWithSMTPCode=521", DELIVERY_ERROR_CODE, 550, False),
        (
            "HasException=compostela.base.errors.InvalidArgument",
            MAILET_ERROR,
            "compostela.base.errors.InvalidArgument: x",
            True,
        ),
        ("HasException=ValueError", MAILET_ERROR, "builtins.UnicodeError: x", True),
        ("HasException=java.lang.Exception", MAILET_ERROR, "a.B: x", True),
        ("HasException=KeyError", MAILET_ERROR, "builtins.UnicodeError: x", False),
        ("HasException=KeyError", "other", "builtins.KeyError: x", False),
        ("IsMarkedAsSpam", "org.apache.james.spamassassin.status", "Yes, hits=8", True),
        ("IsMarkedAsSpam=other", "org.apache.james.spamassassin.status", "Yes, hits=8", False),
    ],
)
async def test_matchers_on_attributes(
    match: str, attribute: str, value: int | str, does: bool, context: MailetContext
) -> None:
    mail = mail_of()
    mail.attributes[attribute] = value
    assert await matched(match, mail, context) == ([BOB] if does else [])


async def test_a_recipients_own_header_fields_count_for_that_recipient(context: MailetContext) -> None:
    mail = mail_of("X-One: 1\r\n\r\n", None, BOB, ANN)
    mail.per_recipient_headers[MailAddress.parse(ANN)] = [("X-Spam", "YES, really")]
    assert await matched("IsMarkedAsSpam=X-Spam", mail, context) == [ANN]
    assert await matched("HasHeader=X-One+X-Spam", mail, context) == [ANN]
    assert await matched("HasHeader=X-Spam=NO", mail, context) == []


async def test_commands_to_a_list(context: MailetContext) -> None:
    recipients = ("list-subscribe@x.example", "list@x.example", "list-@x.example", "list-subscribe@y.example")
    for name in ("CommandListservMatcher", "CommandForListserv"):
        assert await matched(f"{name}=list@x.example", mail_of("A: b\r\n\r\n", None, *recipients), context) == [
            recipients[0]
        ]


async def test_a_list_owner_as_sender(context: MailetContext) -> None:
    assert await matched("IsFromMailingList", mail_of("A: b\r\n\r\n", "owner-list@x.example"), context) == [BOB]


async def test_networks_of_the_client(context: MailetContext) -> None:
    mail = mail_of()
    mail.remote_address = "192.0.2.9"
    assert await matched("RemoteAddrInNetwork=10.0.0.0/8, 192.0.2.0/24", mail, context) == [BOB]
    assert await matched("RemoteAddrNotInNetwork=192.0.2.*", mail, context) == []
    assert await matched("RemoteAddrInNetwork=10.*", mail, context) == []
    assert await matched("RemoteAddrNotInNetwork=10.*", mail, context) == [BOB]


async def test_a_client_on_a_block_list(context: MailetContext) -> None:
    mail = mail_of()
    mail.remote_address = "127.0.0.2"
    assert await matched("InSpammerBlacklist=list.example.", mail, context) == [BOB]
    mail.remote_address = "127.0.0.3"
    assert await matched("InSpammerBlacklist=list.example.", mail, context) == []


async def test_exchangers(context: MailetContext) -> None:
    mail = mail_of("A: b\r\n\r\n", "a@mx.example", "x@mx.example", BOB)
    both = "b.mx.example, A.mx.example"
    assert len(await matched(f"SenderHasMXRecord={both}", mail, context)) == 2
    assert await matched("SenderHasMXRecord=a.mx.example", mail, context) == []
    assert await matched(f"RecipientHasMXRecord={both}", mail, context) == ["x@mx.example"]
    assert await matched("SenderInFakeDomain", mail, context) == []
    assert await matched("SenderInFakeDomain", mail_of("A: b\r\n\r\n", "a@nowhere.example"), context) == [BOB]
    assert await matched("SenderInFakeDomain", mail_of("A: b\r\n\r\n", None), context) == []


async def test_expressions_in_a_file(context: MailetContext, folder: Path) -> None:
    (folder / "conf" / "rules").write_text("# what is refused\n\nX-Mailer: Bulk.*\nbody: cheap\n")
    match = "FileRegexMatcher=file://conf/rules"
    assert await matched(match, mail_of("X-Mailer: Bulk 3\r\n\r\n"), context) == [BOB]
    assert await matched(match, mail_of("A: b\r\n\r\nvery cheap"), context) == [BOB]
    assert await matched(match, mail_of("A: b\r\n\r\nvery dear"), context) == []


async def test_the_subject_of_a_certificate(context: MailetContext) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ann Example")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
    mail = mail_of()
    mail.attributes["certificates"] = [
        b"no certificate",
        made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER),
    ]
    assert await matched("IsX509CertificateSubject=certificates;Ann Ex", mail, context) == [BOB]
    assert await matched("IsX509CertificateSubject=certificates;Bob", mail, context) == []
    assert await matched("IsX509CertificateSubject=other;Ann", mail, context) == []


@pytest.mark.parametrize(
    "match",
    [
        "RecipientIs=@@", "RecipientIs=", "RecipientIsRegex=(((", "RecipientCountExceeds=many", "HostIs=", "UserIs=",
        "RelayLimit=x", "AtMost=attribute:x", "AtMost=-1", "SizeGreaterThan=10q", "SenderIs=@@", "SenderIsRegex=(",
        "SenderDomainIs=", "SMTPAuthUserIs=", "HasMailAttribute=", "HasMailAttributeWithValue=name",
        "HasMailAttributeWithValueRegex=name, (", "HasHeader==x", "HasHeaderWithPrefix=", "TooManyLines=0",
        "TooManyLines=some", "AtLeastPriority=10", "AtMostPriority=x", "HasPriority=-10", "AttachmentFileNameIs=-z",
        "CommandListservMatcher=list", "CompareNumericHeaderValue=X >", "CompareNumericHeaderValue=X ~ 1",
        "CompareNumericHeaderValue=X > y", "FetchedFrom=", "FileRegexMatcher=file://conf/missing",
        "GenericRegexMatcher=subject", "GenericRegexMatcher=subject: (", "HasException=", "HasMimeType=text",
        "HasMimeTypeAnySubPart=", "HasMimeTypeParameter=x", "PartHasContentType=a/b/c", "InSpammerBlacklist=",
        "RemoteDeliveryFailedWithSMTPCode=x", "RemoteDeliveryFailedWithSMTPCode=42", "IsX509CertificateSubject=x",
        "RecipientHasMXRecord=", "SenderHasMXRecord=", "RemoteAddrInNetwork=300.1.1.1", "RemoteAddrNotInNetwork=",
        "XOriginatingIpInNetwork=1.2.3.4/99", "SubjectStartsWith=",
    ],
)  # fmt: skip
async def test_a_wrong_condition_is_refused_when_the_matcher_is_made(match: str, context: MailetContext) -> None:
    with pytest.raises(InvalidArgument):
        matcher(match, context)
