"""DKIMSign and DKIMVerify in the pipeline, and a signed mail that another server takes for its signature."""

import base64
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from compostela.mailauth.dkim.private_key import load_private_key
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import Uid
from compostela.testing.conversation import conversation
from compostela.testing.name_server import name_server, text_record
from compostela.testing.server import BOB, SMTP, running
from compostela.testing.waiting import eventually
from tests.dialogues.smtp_extensions import KEEPING, kept

PASSWORD = "of the key"
TEMPLATE = "v=1; s=s1; d={}; h=from:to:subject; a=rsa-sha256; c=relaxed/relaxed; bh=; b=;"
FIELD = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d="


@cache
def pem() -> bytes:
    """A key is not made while the module is collected: it takes long, and each worker collects every module."""
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))


def zone() -> dict[str, dict[str, list[str]]]:
    record = f"v=DKIM1; k=rsa; p={base64.b64encode(load_private_key(pem(), PASSWORD).public).decode()}"
    return {f"s1._domainkey.{domain}": {"TXT": [text_record(record)]} for domain in ("example.org", "own.example")}


def signing(domain: str, more: str = "") -> str:
    return (
        f'<mailet match="All" class="DKIMSign"><signatureTemplate>{TEMPLATE.format(domain)}</signatureTemplate>'
        f"<privateKeyFilepath>file://conf/dkim.pem</privateKeyFilepath><privateKeyPassword>{PASSWORD}</privateKeyPassword>"
        f"<forceCRLF>true</forceCRLF>{more}</mailet>"
    )


def keeping(mailets: str) -> str:
    return KEEPING.replace('<processor state="root">', f'<processor state="root">{mailets}')


async def send(port: int, sender: str) -> None:
    async with conversation(port) as c:
        await c.client("EHLO client.example", f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "DATA")
        await c.until("354 ")
        await c.client("From: ann@own.example", "Subject: Lunch", "", "At  noon? ", "..", "", "", ".")
        await c.server("250 2.6.0")


VERIFY = '<mailet match="All" class="DKIMVerify"/>'


@pytest.mark.parametrize(
    ("mailet", "sender", "domain"),
    [
        (signing("own.example"), "a@b.example", "own.example"),
        (signing("%MAIL_FROM"), "ann@EXAMPLE.org", "example.org"),
        (signing("%MAIL_FROM"), "a@b.example", ""),
        (signing("%MAIL_FROM"), "", ""),
        (signing("%MAIL_FROM", "<defaultDomain>example.org</defaultDomain>"), "", "example.org"),
        ("", "a@b.example", ""),
    ],
    ids=["one domain", "the sender's", "a stranger's", "nobody's", "the default", "unsigned"],
)
async def test_mails_are_signed_and_verified(tmp_path: Path, mailet: str, sender: str, domain: str) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/dkim.pem").write_bytes(pem())
    async with (
        name_server(zone()) as names,
        running(tmp_path, container=keeping(mailet + VERIFY), dns=names.address, identity="disabled") as server,
    ):
        await send(server.ports["smtp"], sender)
        mail = await kept(server)
    if domain:
        assert mail.content.header.startswith(FIELD + f"{domain};".encode())
        assert mail.attributes["jDKIM.AUTHRESULT"] == f"pass (identity @{domain})"
        assert mail.attributes["jDKIM.AUTHRESULT.FLAG"] is True
    else:
        assert b"DKIM-Signature" not in mail.content.header
        assert mail.attributes["jDKIM.AUTHRESULT"] == "neutral (no signatures)"
        assert "jDKIM.AUTHRESULT.FLAG" not in mail.attributes


async def test_a_signature_that_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/dkim.pem").write_bytes(pem())
    change = '<mailet match="All" class="AddSubjectPrefix"><subjectPrefix>[x]</subjectPrefix></mailet>'
    container = keeping(signing("own.example") + change + VERIFY)
    async with (
        name_server(zone()) as names,
        running(tmp_path, container=container, dns=names.address) as server,
    ):
        await send(server.ports["smtp"], "a@b.example")
        mail = await kept(server)
    assert mail.attributes["jDKIM.AUTHRESULT"] == "fail (the signature does not fit)"
    assert mail.attributes["jDKIM.AUTHRESULT.FLAG"] is False


async def test_another_server_takes_the_mail_for_its_signature(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name / "conf").mkdir(parents=True)
    (tmp_path / "here/conf/dkim.pem").write_bytes(pem())
    hook = '<handler class="DKIMHook"><expectedDToken>own.example</expectedDToken></handler>'
    async with (
        name_server(zone()) as names,
        running(
            tmp_path / "there", handlers=hook, dns=names.address, smtp=SMTP.replace("mail.example", "mail2.example")
        ) as there,
    ):
        relay = f"<gateway>127.0.0.1</gateway><gatewayPort>{there.ports['smtp']}</gatewayPort><outgoing>out</outgoing>"
        container = keeping(signing("own.example") + f'<mailet match="All" class="RemoteDelivery">{relay}</mailet>')
        async with running(tmp_path / "here", container=container, dns=names.address) as here:
            await send(here.ports["smtp"], "a@b.example")

            async def delivered() -> bytes | None:
                mailbox = await there.store.mailboxes.find(MailboxPath.inbox(BOB))
                message = await there.store.mailboxes.message(mailbox.id, Uid(1)) if mailbox else None
                return message.content.header if message else None

            assert FIELD in await eventually(delivered)


@pytest.mark.parametrize(
    ("mailet", "problem"),
    [
        ('<mailet match="All" class="DKIMSign"/>', "signatureTemplate"),
        (signing("own.example").replace("dkim.pem", "none.pem"), "DKIMSign cannot sign: .*No such file"),
        (signing("own.example").replace(PASSWORD, "wrong"), "DKIMSign cannot sign"),
        (signing("own.example").replace("privateKeyFilepath", "x"), "neither 'privateKey' nor 'privateKeyFilepath'"),
        (signing("own.example").replace("h=from", "h=to"), "the From field is not signed"),
        (signing("%MAIL_FROM", "<defaultDomain>a b</defaultDomain>"), "defaultDomain"),
    ],
)
async def test_what_cannot_sign_is_an_error_at_the_start(tmp_path: Path, mailet: str, problem: str) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/dkim.pem").write_bytes(pem())
    with pytest.raises(AssertionError, match=problem):
        async with running(tmp_path, container=keeping(mailet)):
            pass
