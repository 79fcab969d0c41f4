"""What senders are told of their mail, and what next hops are asked to tell: DSN from end to end, and mail that a next hop cannot
take as it must be taken."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files
from pathlib import Path

import pytest

from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import ANN, BOB, PASSWORD, SMTP, Server, running
from compostela.testing.waiting import eventually
from tests.contracts.next_hop import EVERY_FEATURE, Peer
from tests.dialogues.delivery_reports import reports
from tests.dialogues.processing import idle, messages
from tests.dialogues.smtp_extensions import DSN, REQUIRE_TLS, UTF8, ehlo, greet, refused

NETWORK = "<authorizedAddresses>127.0.0.0/8</authorizedAddresses>"
BOB_SENDS = "MAIL FROM:<bob@example.org>"
WITH_DSN = (*EVERY_FEATURE, "DSN")


def container(port: int, more: str = "", processors: str = "") -> str:
    """The default one with a next hop on this port, which is tried three times."""
    default = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
    hop = f"<outgoing>outgoing</outgoing><gateway>127.0.0.1:{port}</gateway>{more}"
    return (
        default.replace("<outgoing>outgoing</outgoing>", hop)
        .replace("5 minutes, 15 minutes, 30 minutes, 1 hour, 20*4 hours", "10 ms, 10 ms")
        .replace(">24<", ">2<")
        .replace("</processors>", f"{processors}</processors>")
    )


@contextlib.asynccontextmanager
async def relaying(
    folder: Path,
    peer: Peer,
    *,
    handlers: str = DSN,
    more: str = "",
    processors: str = "",
) -> AsyncIterator[tuple[Server, Conversation]]:
    """A server whose next hop is the peer, and a client that may relay."""
    async with peer.running():
        text = container(peer.port, more, processors)
        async with (
            running(folder, handlers=handlers, elements=NETWORK, container=text) as server,
            conversation(server.ports["smtp"]) as c,
        ):
            await greet(c)
            yield server, c


async def send(c: Conversation, mail: str, *recipients: str, text: str = "Subject: x\r\n\r\nhello") -> None:
    await c.client(mail, *recipients, "DATA")
    await c.server("250 2.1.0", *("250 2.1.5" for _ in recipients), "354")
    await c.client(text, ".")
    await c.server("250 2.6.0")


def has(report: str, *fields: str) -> None:
    for field in fields:
        assert f"{field}\r\n" in report, field


async def test_success_is_reported_when_it_was_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=DSN, elements=NETWORK) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await send(
            c, f"{BOB_SENDS} RET=FULL ENVID=QQ+2B1", "RCPT TO:<ann@example.org> NOTIFY=SUCCESS ORCPT=rfc822;Ann+2Bx@old.example"
        )  # fmt: skip
        (report,) = await reports(server)
        has(report, "Original-Envelope-Id: QQ+1", "Original-Recipient: rfc822; Ann+x@old.example")
        has(report, "Final-Recipient: rfc822; ann@example.org", "Action: delivered", "Status: 2.0.0")
        has(report, "Content-Type: text/rfc822-headers", "Subject: Delivered: x", "Return-Path: <>")
        assert "hello" not in report
        assert len(await messages(server, ANN)) == 1


@pytest.mark.parametrize("parameters", ["", " NOTIFY=NEVER", " NOTIFY=FAILURE", " NOTIFY=DELAY"])
async def test_success_is_not_reported_to_others(tmp_path: Path, parameters: str) -> None:
    async with running(tmp_path, handlers=DSN, elements=NETWORK) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await send(c, BOB_SENDS, f"RCPT TO:<ann@example.org>{parameters}")
        assert await reports(server) == []


async def test_a_forward_does_not_pass_wishes_on(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=DSN, elements=NETWORK) as server, conversation(server.ports["smtp"]) as c:
        source = MappingSource.of_address(MailAddress.parse("ann@example.org"))
        await server.store.rewriting.add(source, Mapping(MappingType.FORWARD, "bob@example.org"))
        await greet(c)
        await send(c, BOB_SENDS, "RCPT TO:<ann@example.org> NOTIFY=SUCCESS")
        assert await reports(server, ANN) == []
        (report,) = await reports(server)
        has(report, "Final-Recipient: rfc822; ann@example.org", "Action: expanded", "Status: 2.0.0")
        assert len(await messages(server, BOB)) == 2


async def test_no_report_is_sent_about_a_disposition_notification(tmp_path: Path) -> None:
    peer = Peer({"RCPT": "550 5.1.1 no such user"})
    async with relaying(tmp_path, peer) as (server, c):
        mdn = "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b--"
        await send(c, f"{BOB_SENDS}", "RCPT TO:<x@y.example> NOTIFY=FAILURE,SUCCESS", text=mdn)
        assert await reports(server) == []
        assert await messages(server, BOB) == []


async def test_the_members_of_a_group_are_reported(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=DSN, elements=NETWORK) as server, conversation(server.ports["smtp"]) as c:
        source = MappingSource.of_address(MailAddress.parse("team@example.org"))
        await server.store.rewriting.add(source, Mapping(MappingType.GROUP, "ann@example.org"))
        await greet(c)
        await send(c, BOB_SENDS, "RCPT TO:<team@example.org> NOTIFY=SUCCESS")
        (report,) = await reports(server)
        has(report, "Final-Recipient: rfc822; ann@example.org", "Action: delivered")


@pytest.mark.parametrize(("returns", "whole"), [("FULL", True), ("HDRS", False)])
async def test_a_failure_is_reported_with_what_the_sender_wants_back(tmp_path: Path, returns: str, whole: bool) -> None:
    peer = Peer({"RCPT": "550 5.1.1 no such user"})
    async with relaying(tmp_path, peer) as (server, c):
        await send(c, f"{BOB_SENDS} ENVID=e1 RET={returns}", "RCPT TO:<x@y.example>")
        (report,) = await reports(server)
        has(report, "Original-Envelope-Id: e1", "Action: failed", "Status: 5.1.1", "Remote-MTA: dns; 127.0.0.1")
        assert ("Content-Type: message/rfc822\r\n" in report, "hello" in report) == (whole, whole)


async def test_who_does_not_want_to_hear_of_failures_hears_nothing(tmp_path: Path) -> None:
    peer = Peer({"RCPT": "550 5.1.1 no such user"})
    async with relaying(tmp_path, peer) as (server, c):
        await send(
            c, BOB_SENDS, "RCPT TO:<a@y.example> NOTIFY=NEVER", "RCPT TO:<b@y.example> NOTIFY=SUCCESS", "RCPT TO:<c@y.example>"
        )  # fmt: skip
        (report,) = await reports(server)
        assert "c@y.example" in report
        assert not any(one in report.partition("message/rfc822")[0] for one in ("a@y.example", "b@y.example"))


async def test_a_bounce_to_who_speaks_dsn_is_a_report(tmp_path: Path) -> None:
    smtp = SMTP.replace('<handler class="ValidRcptHandler"/>', "")
    async with (
        running(tmp_path, smtp=smtp, handlers=DSN, elements=NETWORK) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await send(c, f"{BOB_SENDS} ENVID=e1", "RCPT TO:<nobody@example.org> ORCPT=rfc822;n@old.example")
        (report,) = await reports(server)
        has(report, "Original-Envelope-Id: e1", "Original-Recipient: rfc822; n@old.example", "Action: failed")
        await send(c, BOB_SENDS, "RCPT TO:<nobody@example.org>")
        await eventually(lambda: idle(server))
        assert len(await messages(server, BOB)) == 2
        assert len(await reports(server)) == 1


async def test_a_next_hop_takes_over_what_it_offers(tmp_path: Path) -> None:
    peer = Peer(features=WITH_DSN)
    async with relaying(tmp_path, peer) as (server, c):
        await send(
            c, f"{BOB_SENDS} ENVID=e1 RET=HDRS", "RCPT TO:<x@y.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;z@y.example"
        )
        assert await reports(server) == []
        assert peer.lines[1].endswith(" RET=HDRS ENVID=e1")
        assert peer.lines[2] == "RCPT TO:<x@y.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;z@y.example"


async def test_a_mail_is_reported_as_relayed_when_the_next_hop_will_not_tell(tmp_path: Path) -> None:
    peer = Peer()
    async with relaying(tmp_path, peer) as (server, c):
        await send(c, f"{BOB_SENDS} ENVID=e1", "RCPT TO:<x@y.example> NOTIFY=SUCCESS", "RCPT TO:<z@y.example>")
        (report,) = await reports(server)
        has(report, "Original-Envelope-Id: e1", "Final-Recipient: rfc822; x@y.example", "Action: relayed")
        assert "z@y.example" not in report
        assert "NOTIFY" not in peer.lines[2]


@pytest.mark.parametrize(("features", "count"), [(EVERY_FEATURE, 1), (WITH_DSN, 0)])
async def test_a_processor_of_ones_own_reports_success(tmp_path: Path, features: Sequence[str], count: int) -> None:
    processors = """<processor state="relayed"><mailet match="DSNSuccessRequested" class="DSNBounce"><prefix>[GONE]</prefix>
        <action>relayed</action><passThrough>false</passThrough></mailet><mailet match="All" class="Null"/></processor>"""
    more = "<onSuccess>relayed</onSuccess>"
    async with relaying(tmp_path, Peer(features=features), more=more, processors=processors) as (server, c):
        await send(c, BOB_SENDS, "RCPT TO:<x@y.example> NOTIFY=SUCCESS")
        found = await reports(server)
        assert len(found) == count
        for report in found:
            has(report, "Action: relayed", "Subject: [GONE] x")


async def test_a_delay_is_reported_once_to_those_who_asked(tmp_path: Path) -> None:
    peer = Peer({"RCPT": "451 4.7.1 later"})
    async with relaying(tmp_path, peer, more="<delayNotice>0</delayNotice>") as (server, c):
        await send(c, BOB_SENDS, "RCPT TO:<x@y.example> NOTIFY=DELAY", "RCPT TO:<z@y.example> NOTIFY=NEVER")
        (report,) = await reports(server)
        has(report, "Final-Recipient: rfc822; x@y.example", "Action: delayed", "Status: 4.7.1")
        assert len(peer.lines) > 5


async def test_after_the_last_try_the_report_quotes_the_last_reply(tmp_path: Path) -> None:
    async with relaying(tmp_path, Peer({"RCPT": "451 4.7.1 later"})) as (server, c):
        await send(c, BOB_SENDS, "RCPT TO:<x@y.example> NOTIFY=FAILURE")
        (report,) = await reports(server)
        has(report, "Error message:", "Too many retries failure. Bouncing after 2 retries. 451 4.7.1 later")
        has(report, "Action: failed", "Status: 4.7.1", "Diagnostic-Code: smtp; 451 4.7.1 later")


async def test_what_no_next_hop_has_said_is_no_diagnostic_of_smtp(tmp_path: Path) -> None:
    container_ = container(1)  # a port without a listener
    async with (
        running(tmp_path, handlers=DSN, elements=NETWORK, container=container_) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await send(c, BOB_SENDS, "RCPT TO:<x@y.example> NOTIFY=FAILURE")
        (report,) = await reports(server)
        has(report, "Action: failed", "Status: 4.4.7")
        assert "\nDiagnostic-Code: x-compostela; 127.0.0.1:1: " in report


@pytest.mark.parametrize("literal", ["127.0.0.1", "IPv6:::1", "IPv6:::ffff:127.0.0.1", "0.0.0.0"])
async def test_an_address_that_leads_back_here_is_not_tried(tmp_path: Path, literal: str) -> None:
    async with running(tmp_path, handlers=DSN, elements=NETWORK) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await send(c, f"{BOB_SENDS} ENVID=e1", f"RCPT TO:<x@[{literal}]>")
        (report,) = await reports(server)
        has(report, "Action: failed", "Status: 5.4.6")


# what a next hop cannot take


async def test_internationalised_mail_comes_back_in_its_own_form(tmp_path: Path) -> None:
    peer = Peer()
    async with relaying(tmp_path, peer, handlers=DSN + UTF8) as (server, c):
        renée = Username.parse("renée@example.org")
        await server.under_test.services.users.add(renée, PASSWORD)
        text = "From: renée@example.org\r\nSubject: Grüße\r\n\r\nhello"
        await send(
            c, "MAIL FROM:<renée@example.org> SMTPUTF8", "RCPT TO:<jürgen@y.example> ORCPT=utf-8;j\\x{FC}rgen@y.example", text=text
        )  # fmt: skip
        (report,) = await reports(server, renée)
        has(report, "To: <renée@example.org>", "Subject: Re: Grüße", "Content-Type: message/global-delivery-status")
        has(report, "Delivered-To: renée@example.org")
        has(report, "Final-Recipient: utf-8; jürgen@y.example", "Original-Recipient: utf-8; jürgen@y.example")
        has(report, "Status: 5.6.7", "Content-Type: message/global")
        assert peer.data == []


async def test_internationalised_mail_goes_to_a_next_hop_that_takes_it(tmp_path: Path) -> None:
    peer = Peer(features=(*EVERY_FEATURE, "SMTPUTF8"))
    async with relaying(tmp_path, peer, handlers=UTF8) as (server, c):
        await send(c, f"{BOB_SENDS} SMTPUTF8", "RCPT TO:<jürgen@bücher.example>", text="Subject: Grüße\r\n\r\nhello")
        await eventually(lambda: idle(server))
        assert "SMTPUTF8" in peer.lines[1].split()
        assert peer.lines[2] == "RCPT TO:<jürgen@xn--bcher-kva.example>"
        assert "Subject: Grüße".encode() in peer.data[0]


async def test_another_host_may_take_what_the_first_does_not(tmp_path: Path) -> None:
    first, second = Peer(), Peer(features=(*EVERY_FEATURE, "SMTPUTF8"))
    async with second.running():
        more = f"<gateway>127.0.0.1:{second.port}</gateway><loadBalancing>false</loadBalancing>"
        async with relaying(tmp_path, first, handlers=UTF8, more=more) as (server, c):
            await send(c, f"{BOB_SENDS} SMTPUTF8", "RCPT TO:<jürgen@y.example>")
            await eventually(lambda: idle(server))
            assert (len(first.data), len(second.data)) == (0, 1)
            assert await messages(server, BOB) == []


async def test_a_host_that_refuses_everybody_does_not_speak_for_one_that_asks_to_wait(tmp_path: Path) -> None:
    first, second = Peer({"RCPT": "451 4.7.1 later"}), Peer({"greeting": "554 no SMTP service here"})
    async with second.running():
        more = f"<gateway>127.0.0.1:{second.port}</gateway><loadBalancing>false</loadBalancing>"
        async with relaying(tmp_path, first, more=more) as (server, c):
            await send(c, f"{BOB_SENDS} ENVID=e1", "RCPT TO:<x@y.example>")
            (report,) = await reports(server)
            assert "451 4.7.1 later" in report
            assert first.verbs().count("RCPT") == 3


async def test_a_note_to_an_internationalised_sender(tmp_path: Path) -> None:
    async with relaying(tmp_path, Peer(), handlers=UTF8) as (server, c):
        renée = Username.parse("renée@example.org")
        await server.under_test.services.users.add(renée, PASSWORD)
        await c.client("MAIL FROM:<renée@example.org> SMTPUTF8", "RCPT TO:<postmaster@example.org>", "DATA")
        await c.server("250 ", "250 ", "354 ")
        source = MappingSource.of_address(MailAddress.parse("postmaster@example.org"))
        await server.store.rewriting.add(source, Mapping(MappingType.ADDRESS, "nobody@example.org"))
        await c.client("Subject: Grüße", "", ".")
        await c.server("250 ")
        await eventually(lambda: idle(server))
        (note,) = await messages(server, renée)
        assert "To: <renée@example.org>\r\n".encode() in note
        assert "Subject: Re: Grüße\r\n".encode() in note


async def test_mail_that_requires_tls_comes_back_from_a_next_hop_without(tmp_path: Path) -> None:
    peer = Peer()
    async with relaying(tmp_path, peer, handlers=DSN + REQUIRE_TLS) as (server, c):
        await refused(c, "STARTTLS", "220 ")
        await c.start_tls()
        await ehlo(c)
        await send(c, f"{BOB_SENDS} REQUIRETLS RET=FULL", "RCPT TO:<x@y.example>")
        (report,) = await reports(server)
        has(report, "Status: 5.7.30", "Content-Type: text/rfc822-headers")
        assert "hello" not in report
        assert "MAIL" not in peer.verbs()


@pytest.mark.parametrize("features", [EVERY_FEATURE, (*EVERY_FEATURE, "CHUNKING", "BINARYMIME")])
async def test_binary_content_is_passed_on_as_such_or_comes_back(tmp_path: Path, features: Sequence[str]) -> None:
    evil = b"\x00\n.\nMAIL FROM:<evil@x.example>\r\n.\r\nQUIT\r\n"
    peer = Peer(features=features)
    async with relaying(tmp_path, peer) as (server, c):
        await c.client(f"{BOB_SENDS} BODY=BINARYMIME", "RCPT TO:<x@y.example>")
        await c.server("250 ", "250 ")
        await c.octets(b"BDAT %d LAST\r\nSubject: x\r\n\r\n%b" % (14 + len(evil), evil))
        await c.server("250 2.6.0")
        found = await reports(server)
        if "CHUNKING" in features:
            assert found == []
            assert b"".join(peer.chunks).endswith(b"\r\nSubject: x\r\n\r\n" + evil)
        else:
            has(found[0], "Status: 5.6.3", "Content-Type: text/rfc822-headers")
            assert peer.data == []
        assert "evil@x.example" not in " ".join(peer.lines)
