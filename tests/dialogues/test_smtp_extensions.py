"""Extensions that handlers bring: DSN, MT-PRIORITY, FUTURERELEASE, REQUIRETLS, SMTPUTF8, each at the wire."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compostela.core.queue.model import QueuedMail
from compostela.model.domain import Domain
from compostela.model.username import Username
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import BOB, PASSWORD, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages
from tests.dialogues.smtp_extensions import (
    DSN,
    KEEPING,
    NETWORK,
    REQUIRE_TLS,
    UTF8,
    ehlo,
    greet,
    handlers,
    kept,
    log_in,
    refused,
)

PRIORITY = handlers("priority", "SmtpMtPriorityEhloHook", "SmtpMtPriorityParameterHook", "SmtpMtPriorityMessageHook")
FUTURE = handlers("futurerelease", "FutureReleaseEHLOHook", "FutureReleaseMailParameterHook")


async def deliver(c: Conversation, mail: str, *recipients: str, text: str | None = None) -> None:
    await c.client(mail, *recipients, "DATA")
    await c.server("250 2.1.0", *("250 2.1.5" for _ in recipients), "354")
    sender = mail.partition("<")[2].partition(">")[0]
    await c.client(text or f"From: {sender or 'someone@b.example'}\r\n\r\nhello", ".")
    await c.server("250 2.6.0")


# DSN


async def test_what_a_sender_asks_to_be_told_is_kept_on_the_mail(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=DSN, container=KEEPING) as server, conversation(server.ports["smtp"]) as c:
        assert "250-DSN" in await greet(c)
        await deliver(
            c,
            "MAIL FROM:<a@b.example> RET=hdrs ENVID=QQ+2B314159",
            "RCPT TO:<bob@example.org> NOTIFY=success,FAILURE ORCPT=rfc822;Bob+2Bx@elsewhere.example",
            "RCPT TO:<ann@example.org> NOTIFY=NEVER",
            "RCPT TO:<postmaster@example.org>",
        )
        attributes = (await kept(server)).attributes
        assert (attributes["dsn-ret"], attributes["dsn-envid"]) == ("HDRS", "QQ+2B314159")
        assert attributes["dsn-notify"] == {"bob@example.org": "SUCCESS,FAILURE", "ann@example.org": "NEVER"}
        assert attributes["dsn-orcpt"] == {"bob@example.org": "rfc822;Bob+2Bx@elsewhere.example"}
        assert isinstance(attributes["dsn-arrival-date"], datetime)


async def test_without_its_handlers_dsn_is_not_understood(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        assert not any("DSN" in line for line in await greet(c))
        await refused(c, "MAIL FROM:<> RET=FULL", "555 5.5.4")


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("RET=HALF", "250 2.1.0"),
        ("RET", "250 2.1.0"),
        ("ENVID", "501 5.5.4 Syntactically incorrect value for ENVID parameter"),
        ("ENVID=a+zz", "501 5.5.4 Syntactically incorrect value for ENVID parameter"),
        ("ENVID=" + "x" * 101, "501 5.5.4 Syntactically incorrect value for ENVID parameter"),
        ("ENVID=a ENVID=a", "501 5.5.4 Syntax error in parameters, or one that is given twice"),
    ],
)
async def test_parameters_of_dsn_at_mail(tmp_path: Path, parameters: str, answer: str) -> None:
    async with running(tmp_path, handlers=DSN) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, f"MAIL FROM:<a@b.example> {parameters}", answer)


@pytest.mark.parametrize(
    "parameters",
    [
        "NOTIFY", "NOTIFY=SOMETIMES", "NOTIFY=NEVER,SUCCESS", "NOTIFY=,", "NOTIFY=SUCCESS NOTIFY=FAILURE", "ORCPT",
        "ORCPT=bob@example.org", "ORCPT=rfc822;", "ORCPT=x400;a", "ORCPT=rfc822;+zz", "ORCPT=rfc822;" + "x" * 500,
        "ORCPT=utf-8;a\\x{D800}",
    ],
)  # fmt: skip
async def test_wrong_parameters_of_dsn_at_rcpt(tmp_path: Path, parameters: str) -> None:
    async with running(tmp_path, handlers=DSN) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<a@b.example>")
        await c.server("250 ")
        await refused(c, f"RCPT TO:<bob@example.org> {parameters}", "501 5.5.4")
        await refused(c, "DATA", "503 5.5.0 No recipients specified")


async def test_a_refused_recipient_leaves_no_wishes(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=DSN, container=KEEPING) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<nobody@example.org> NOTIFY=SUCCESS")
        await c.server("250 ", "550 5.1.1")
        await c.client("RCPT TO:<bob@example.org>", "DATA")
        await c.server("250 ", "354 ")
        await c.client("Subject: x", "", ".")
        await c.server("250 ")
        assert "dsn-notify" not in (await kept(server)).attributes


# MT-PRIORITY


@pytest.mark.parametrize(
    ("elements", "value", "priority"), [(NETWORK, 7, 7), (NETWORK, -9, -9), ("", 7, 0), ("", -3, -3)]
)
async def test_a_priority_above_normal_is_for_those_who_may_relay(
    tmp_path: Path, elements: str, value: int, priority: int
) -> None:
    async with (
        running(tmp_path, handlers=PRIORITY, elements=elements, container=KEEPING) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        assert "250-MT-PRIORITY" in await greet(c)
        await deliver(c, f"MAIL FROM:<a@b.example> MT-PRIORITY={value}", "RCPT TO:<bob@example.org>")
        mail = await kept(server)
        assert mail.attributes["MAIL_PRIORITY"] == priority
        assert f"(PRIORITY {priority});".encode() in mail.content.header


@pytest.mark.parametrize("value", ["", "=", "=10", "=-10", "=x", "=+1", "=-0", "=1 MT-PRIORITY=2"])
async def test_what_is_no_priority(tmp_path: Path, value: str) -> None:
    async with running(tmp_path, handlers=PRIORITY) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, f"MAIL FROM:<a@b.example> MT-PRIORITY{value}", "501 5.5.4")


async def test_the_highest_priority_of_the_recipients_domains(tmp_path: Path) -> None:
    entries = "".join(
        f"<priorityEntry><domain>{domain}</domain><priority>{priority}</priority></priorityEntry>"
        for domain, priority in (("example.org", -2), ("x.example", 4), ("y.example", 9))
    )
    handler = f'<handler class="MailPriorityHandler"><priorityEntries>{entries}</priorityEntries></handler>'
    async with (
        running(tmp_path, handlers=handler, elements=NETWORK, container=KEEPING) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await deliver(c, "MAIL FROM:<>", "RCPT TO:<bob@example.org>", "RCPT TO:<a@x.example>", "RCPT TO:<a@z.example>")
        assert (await kept(server)).attributes["MAIL_PRIORITY"] == 4


# FUTURERELEASE


async def held(server: Server) -> QueuedMail:
    (mail,) = [mail async for mail in server.store.queues.queue("spool").browse()]
    return mail


async def test_a_mail_is_held_durably(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=FUTURE) as server, conversation(server.ports["smtp"]) as c:
        assert not any("FUTURERELEASE" in line for line in await greet(c))
        await log_in(c)
        (line,) = [line for line in await ehlo(c) if "FUTURERELEASE" in line]
        latest = datetime.fromisoformat(line.rpartition(" ")[2])
        assert line.startswith("250-FUTURERELEASE 86400 ")
        assert timedelta(hours=23) < latest - datetime.now(UTC) <= timedelta(days=1)
        await deliver(c, "MAIL FROM:<bob@example.org> HOLDFOR=3600", "RCPT TO:<bob@example.org>")
        waiting = await held(server)
        assert waiting.next_delivery_at is not None
        assert 3500 < waiting.next_delivery_at - waiting.enqueued_at <= 3600
        assert await messages(server, BOB) == []
        await server.store.queues.queue("spool").flush()
        await eventually(lambda: idle(server))
        assert len(await messages(server, BOB)) == 1


async def test_a_restart_neither_releases_nor_forgets_a_held_mail(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=FUTURE) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await log_in(c)
        await deliver(c, "MAIL FROM:<bob@example.org> HOLDFOR=2", "RCPT TO:<bob@example.org>")
        due = (await held(server)).next_delivery_at
        assert due is not None
    async with running(tmp_path, handlers=FUTURE) as server:
        await eventually(lambda: idle(server))
        assert datetime.now(UTC).timestamp() >= due
        assert len(await messages(server, BOB)) == 1


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dt%H:%M:%S.25z", "%Y-%m-%dT%H:%M:%S+00:00"])
async def test_a_mail_is_held_until_a_time(tmp_path: Path, form: str) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    async with running(tmp_path, handlers=FUTURE) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await log_in(c)
        parameter = f"HOLDUNTIL={until:{form}}"
        await deliver(c, f"MAIL FROM:<bob@example.org> {parameter}", "RCPT TO:<bob@example.org>")
        waiting = await held(server)
        assert waiting.next_delivery_at is not None
        assert abs(waiting.next_delivery_at - until.timestamp()) < 5
        await deliver(c, "MAIL FROM:<bob@example.org>", "RCPT TO:<bob@example.org>")


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("HOLDFOR=1 HOLDUNTIL=2030-01-01T00:00:00Z", "554 5.5.4"),
        ("HOLDFOR=1 HOLDFOR=2", "501 5.5.4"),
        ("HOLDFOR", "501 5.5.4"),
        ("HOLDFOR=-1", "501 5.5.4"),
        ("HOLDFOR=0", "501 5.5.4"),
        ("HOLDFOR=x", "501 5.5.4"),
        ("HOLDFOR=86401", "501 5.5.4 The time of release is past or too far away"),
        ("HOLDUNTIL=2001-01-01T00:00:00Z", "501 5.5.4 The time of release is past or too far away"),
        ("HOLDUNTIL=9999-01-01T00:00:00Z", "501 5.5.4 The time of release is past or too far away"),
        ("HOLDUNTIL=tomorrow", "501 5.5.4"),
        ("HOLDUNTIL=2030-13-01T00:00:00Z", "501 5.5.4"),
    ],
)
async def test_wrong_times_of_release(tmp_path: Path, parameters: str, answer: str) -> None:
    async with running(tmp_path, handlers=FUTURE) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await log_in(c)
        await refused(c, f"MAIL FROM:<bob@example.org> {parameters}", answer)


async def test_only_users_have_their_mail_held(tmp_path: Path) -> None:
    async with (
        running(tmp_path, handlers=FUTURE, elements=NETWORK) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await refused(c, "MAIL FROM:<a@b.example> HOLDFOR=60", "554 5.7.1 FUTURERELEASE needs authentication")


# REQUIRETLS


async def test_tls_can_be_required_under_tls(tmp_path: Path) -> None:
    async with (
        running(tmp_path, handlers=REQUIRE_TLS, container=KEEPING) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        assert not any("REQUIRETLS" in line for line in await greet(c))
        await refused(c, "MAIL FROM:<a@b.example> REQUIRETLS", "530 5.7.10")
        await refused(c, "STARTTLS", "220 ")
        await c.start_tls()
        assert "250-REQUIRETLS" in await ehlo(c)
        await refused(c, "MAIL FROM:<a@b.example> REQUIRETLS=1", "501 5.5.4")
        text = "TLS-Required: No\r\n\r\nhello"
        await deliver(c, "MAIL FROM:<a@b.example> REQUIRETLS", "RCPT TO:<bob@example.org>", text=text)
        assert (await kept(server)).attributes["REQUIRETLS"] is True


@pytest.mark.parametrize(
    ("field", "value"), [("TLS-Required: no\r\n", False), ("TLS-Required: yes\r\n", None), ("", None)]
)
async def test_tls_can_be_waived_by_a_header_field(tmp_path: Path, field: str, value: bool | None) -> None:
    async with (
        running(tmp_path, handlers=REQUIRE_TLS, container=KEEPING) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await deliver(c, "MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", text=f"Subject: x\r\n{field}\r\nhello")
        assert (await kept(server)).attributes.get("REQUIRETLS") is value


# SMTPUTF8


async def test_an_internationalised_mail_from_end_to_end(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=UTF8) as server, conversation(server.ports["smtp"]) as c:
        await server.store.domains.add(Domain.parse("bücher.example"))
        renée = Username.parse("renée@bücher.example")
        await server.under_test.services.users.add(renée, PASSWORD)
        features = await greet(c)
        assert features[1] == "250-SMTPUTF8"
        text = "From: Bjørn <bjørn@ex.example>\r\nSubject: Grüße\r\n\r\n¡hola!"
        await deliver(
            c, "MAIL FROM:<bjørn@ex.example> SMTPUTF8 BODY=8BITMIME", "RCPT TO:<renée@bücher.example>", text=text
        )
        await eventually(lambda: idle(server))
        (message,) = await messages(server, renée)
        assert message.startswith("Return-Path: <bjørn@ex.example>\r\n".encode())
        assert b" with UTF8SMTP ID " in message
        assert "for <renée@xn--bcher-kva.example>;".encode() in message
        assert message.endswith(f"{text}\r\n".encode())


async def test_a_domain_may_be_spelt_with_a_labels(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await server.store.domains.add(Domain.parse("bücher.example"))
        await server.under_test.services.users.add(Username.parse("eve@bücher.example"), PASSWORD)
        await greet(c)
        await deliver(c, "MAIL FROM:<a@b.example>", "RCPT TO:<eve@XN--bcher-kva.example>")
        await eventually(lambda: idle(server))
        assert len(await messages(server, Username.parse("eve@bücher.example"))) == 1


@pytest.mark.parametrize(
    ("commands", "answer"),
    [
        (["MAIL FROM:<renée@b.example>"], "550 5.6.7 An internationalised address needs SMTPUTF8"),
        (["MAIL FROM:<a@b.example> SMTPUTF8=1"], "501 5.5.4 SMTPUTF8 takes no value"),
        (["MAIL FROM:<a@b.example>", "RCPT TO:<renée@example.org>"], "553 5.6.7 An internationalised address needs SMTPUTF8"),
        (["MAIL FROM:<a@b.example>", "RCPT TO:<bob@bücher.example>"], "553 5.6.7"),
        (["MAIL FROM:<a@b.example> SMTPUTF8", "RCPT TO:<renée@example.org>"], "550 5.1.1 Unknown user: renée@example.org"),
        (["MAIL FROM:<a@b.example> SMTPUTF8", "RCPT TO:<renée@elsewhere.example>"], "530 5.7.0"),
        (["MAIL FROM:<a@b.example> SMTPUTF8", "RCPT TO:<bob@exa\u2024mple.org.example>"], "553 5.1.3"),
        (["MAIL FROM:<a@b.example> SMTPUTF8", "RCPT TO:<bob@-ü-.example>"], "553 5.1.3"),
    ],
)  # fmt: skip
async def test_addresses_outside_of_ascii_need_the_declaration(
    tmp_path: Path, commands: list[str], answer: str
) -> None:
    async with running(tmp_path, handlers=UTF8) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        for command in commands[:-1]:
            await refused(c, command, "250 ")
        await refused(c, commands[-1], answer)


async def test_a_user_is_found_however_his_letters_are_composed(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=UTF8) as server, conversation(server.ports["smtp"]) as c:
        await server.under_test.services.users.add(Username.parse("renée@example.org"), PASSWORD)
        await greet(c)
        await c.client("MAIL FROM:<a@b.example> SMTPUTF8", "RCPT TO:<rene\u0301e@example.org>", "DATA")
        await c.server("250 2.1.0", "250 2.1.5", "354 ")
        await c.client("Subject: x\r\n\r\nhello", ".")
        await c.server("250 2.6.0")
        await eventually(lambda: idle(server))
        assert len(await messages(server, Username.parse("rene\u0301e@example.org"))) == 1


async def test_octets_that_are_no_utf8_are_no_address(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=UTF8) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.octets(b"MAIL FROM:<a\xff@b.example> SMTPUTF8\r\n")
        await c.server("501 5.1.7 Syntax error in sender address")


# all of them


async def test_the_order_of_what_ehlo_shows(tmp_path: Path) -> None:
    async with (
        running(tmp_path, handlers=DSN + PRIORITY + FUTURE + REQUIRE_TLS + UTF8) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        assert [line[4:].split()[0] for line in await greet(c)] == [
            "mail.example.org", "SMTPUTF8", "AUTH", "AUTH=LOGIN", "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME",
            "BINARYMIME", "CHUNKING", "LIMITS", "DSN", "MT-PRIORITY", "SIZE", "STARTTLS",
        ]  # fmt: skip


async def test_features_can_be_hidden(tmp_path: Path) -> None:
    elements = "<disabledFeatures><feature>DSN</feature><feature>chunking</feature></disabledFeatures>"
    async with (
        running(tmp_path, handlers=DSN, elements=elements) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        shown = {line[4:].split()[0] for line in await greet(c)}
        assert not shown & {"DSN", "CHUNKING"}
        await refused(c, "MAIL FROM:<a@b.example> RET=FULL", "250 2.1.0")


async def test_the_handlers_of_the_operators_page(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/operators/smtp-extensions.md").read_text()
    chain = page.partition("<handlerchain>")[2].partition("</handlerchain>")[0]
    async with running(tmp_path, handlers=chain) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await log_in(c)
        shown = {line[4:].split()[0] for line in await ehlo(c)}
        assert {"DSN", "MT-PRIORITY", "FUTURERELEASE", "SMTPUTF8"} <= shown
