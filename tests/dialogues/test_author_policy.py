"""DMARC, ARCVerify and ARCSign in the pipeline, with a name server of the senders' domains."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.mail.attributes import SENT_BY_MAILET, SMTP_AUTH_USER
from compostela.core.mail.model import Mail
from compostela.mailauth.dkim.private_key import load_private_key
from compostela.processing.mailet import MailetContext
from compostela.testing.name_server import name_server, text_record
from compostela.testing.pipeline import mail_of, mailet, served, server_context
from tests.unit.mailauth.dkim.signing import pem

MESSAGE = "From: Ann <{}>\r\nTo: bob@example.org\r\nSubject: x\r\n\r\nhello\r\n"


def zone() -> dict[str, dict[str, list[bytes]]]:
    key = f"v=DKIM1; k=rsa; p={base64.b64encode(load_private_key(pem('rsa'), '').public).decode()}"
    return {
        name: {"TXT": [text_record(text)]}
        for name, text in (
            ("remote.example", "v=spf1 ip4:192.0.2.1 -all"),
            ("_dmarc.remote.example", "v=DMARC1; p=reject; sp=quarantine"),
            ("s1._domainkey.example.org", key),
            ("s1._domainkey.list.example", key),
        )
    }


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with name_server(zone()) as names, server_context(tmp_path, names.address) as made:
        yield made


def arriving(author: str = "ann@remote.example", address: str = "192.0.2.1", sender: str = "ann@remote.example") -> Mail:  # fmt: skip
    mail = mail_of(MESSAGE.format(author), sender)
    mail.remote_address = address
    return mail


def signing(domain: str) -> dict[str, str]:
    return {
        "signatureTemplate": f"s=s1; d={domain}; h=from:to:subject; c=relaxed/relaxed",
        "privateKey": pem("rsa").decode(),
    }


def said(mail: Mail) -> tuple[object, object]:
    return mail.attributes["compostela.dmarc.result"], mail.attributes["compostela.dmarc.disposition"]


async def test_mail_that_its_author_answers_for_passes(context: MailetContext) -> None:
    mail = await served(mailet("DMARC", context, rejectProcessor="rejected"), arriving())
    assert said(mail) == ("pass", "none")
    assert mail.state == "root"
    header = mail.content.header.replace(b"\r\n ", b" ")
    assert header.startswith(
        b"Authentication-Results: mail.example.org; spf=pass smtp.mailfrom=remote.example; dmarc=pass"
    )


@pytest.mark.parametrize(
    ("author", "disposition", "state"),
    [("ann@remote.example", "reject", "rejected"), ("ann@sub.remote.example", "quarantine", "suspicious")],
)
async def test_forged_mail_goes_where_its_domain_asks_for(
    context: MailetContext, author: str, disposition: str, state: str
) -> None:
    made = mailet("DMARC", context, rejectProcessor="rejected", quarantineProcessor="suspicious")
    assert made.processors == ("rejected", "suspicious")
    mail = await served(made, arriving(author, "198.51.100.1", "eve@evil.example"))
    assert said(mail) == ("fail", disposition)
    assert mail.state == state
    assert mail.attributes["compostela.dmarc.domain"] == author.partition("@")[2]


async def test_without_processors_a_mail_keeps_its_way(context: MailetContext) -> None:
    mail = await served(mailet("DMARC", context, addHeader="false"), arriving(address="198.51.100.1"))
    assert (said(mail), mail.state) == (("fail", "reject"), "root")
    assert b"Authentication-Results" not in mail.content.header


async def test_own_users_and_neighbours_are_not_looked_at_and_cannot_forge_results(context: MailetContext) -> None:
    near, user = arriving(address="192.168.1.1"), arriving(address="198.51.100.1")
    user.attributes[SMTP_AUTH_USER] = "bob@example.org"
    for mail in (near, user):
        forged = b"Authentication-Results: mail.example.org; dmarc=pass\r\n" + mail.content.header
        mail.content = mail.content.with_header(forged)
        done = await served(mailet("DMARC", context), mail)
        assert "compostela.dmarc.result" not in done.attributes
        assert b"Authentication-Results" not in done.content.header


async def test_a_forward_is_not_judged_by_its_new_sender(context: MailetContext) -> None:
    dmarc = mailet("DMARC", context, rejectProcessor="rejected")
    first = await served(dmarc, arriving())
    copy = first.copy("mail-forward", first.recipients)
    copy.sender = first.recipients[0]
    copy.attributes[SENT_BY_MAILET] = True
    again = await served(dmarc, copy, 1)
    assert (said(again), again.state, again.content.header) == (("pass", "none"), "root", first.content.header)


async def test_mail_that_is_made_here_is_not_looked_at(context: MailetContext) -> None:
    mail = arriving(address="198.51.100.1")
    mail.attributes[SENT_BY_MAILET] = True
    mail.content = mail.content.with_header(
        b"Authentication-Results: mail.example.org; dmarc=pass\r\n" + mail.content.header
    )
    done = await served(mailet("DMARC", context, rejectProcessor="rejected"), mail)
    assert (done.state, b"Authentication-Results" in done.content.header) == ("root", False)


async def test_a_mail_without_one_author_is_an_error(context: MailetContext) -> None:
    mail = await served(mailet("DMARC", context), arriving("a@one.example>, <b@two.example"))
    assert said(mail) == ("permerror", "none")


async def test_a_list_that_seals_what_it_found_is_believed_if_it_is_trusted(context: MailetContext) -> None:
    mail = await served(mailet("DMARC", context), arriving())
    mail = await served(mailet("ARCSign", context, **signing("list.example")), mail)
    header = mail.content.header.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    assert header.startswith(b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=list.example;")
    assert b"ARC-Authentication-Results: i=1; mail.example.org; spf=pass" in header
    mail.remote_address = "198.51.100.1"
    mail = await served(mailet("ARCVerify", context), mail)
    assert mail.attributes["compostela.arc.result"] == "pass"
    assert mail.attributes["compostela.arc.sealers"] == ["list.example"]
    trusting = mailet("DMARC", context, trustedSealers="list.example, other.example")
    assert said(await served(trusting, mail)) == ("fail", "none")
    assert said(await served(mailet("DMARC", context, trustedSealers="other.example"), mail)) == ("fail", "reject")


async def test_a_second_server_seals_the_chain_too(context: MailetContext) -> None:
    mail = await served(mailet("ARCSign", context, **signing("list.example")), arriving())
    mail = await served(mailet("ARCSign", context, **signing("example.org")), mail)
    mail = await served(mailet("ARCVerify", context), mail)
    assert mail.attributes["compostela.arc.sealers"] == ["list.example", "example.org"]
    changed = await served(mailet("AddSubjectPrefix", context, subjectPrefix="[x]"), mail)
    changed = await served(mailet("ARCVerify", context), changed)
    assert changed.attributes["compostela.arc.result"] == "fail"
    sealed = await served(mailet("ARCSign", context, **signing("example.org")), changed)
    before = sealed.content.header
    assert b"cv=fail" in before
    assert (await served(mailet("ARCSign", context, **signing("example.org")), sealed)).content.header == before


@pytest.mark.parametrize(
    ("name", "parameters", "problem"),
    [
        ("DMARC", {"trustedSealers": "a..b"}, "domain"),
        ("ARCSign", {}, "signatureTemplate"),
        ("ARCSign", {"signatureTemplate": "s=s1; d=a.example; h=from"}, "ARCSign cannot seal"),
        ("ARCSign", signing("%MAIL_FROM"), "d= must be a domain"),
    ],
)
async def test_mistakes_are_found_at_start(
    context: MailetContext, name: str, parameters: dict[str, str], problem: str
) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        mailet(name, context, **parameters)
