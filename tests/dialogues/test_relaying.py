"""Relaying and sender identity: the relay rule against the known tricks, and verifyIdentity, at the wire."""

from pathlib import Path

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import BOB, SMTP, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages
from tests.dialogues.smtp_extensions import KEEPING, NETWORK, UTF8, kept, log_in

WITHOUT_CHECK = SMTP.replace('<handler class="ValidRcptHandler"/>', "")
"""The form of a configuration that takes every recipient of its domains."""
OUTSIDE = "530 5.7.0 Authentication Required"
UNKNOWN = "550 5.1.1 Unknown user"
SYNTAX = "553 5.1.3 Syntax error in recipient address"

TRICKS = {
    "<x@elsewhere.example>": OUTSIDE,
    "<x@sub.example.org>": OUTSIDE,
    "<x@example.org.elsewhere.example>": OUTSIDE,
    "<x@EXAMPLE.ORG.elsewhere.example>": OUTSIDE,
    "<x@[127.0.0.1]>": OUTSIDE,
    "<x@[IPv6:::1]>": OUTSIDE,
    "<x@127.0.0.1>": OUTSIDE,
    "<x@localhost.elsewhere.example>": OUTSIDE,
    "<@example.org:x@elsewhere.example>": OUTSIDE,
    "<@example.org,@mail.example.org:x@elsewhere.example>": OUTSIDE,
    "<@elsewhere.example:nobody@example.org>": UNKNOWN,
    "<x%elsewhere.example@example.org>": UNKNOWN,
    "<x%elsewhere.example>": UNKNOWN,
    "<x%y%elsewhere.example@example.org>": UNKNOWN,
    "<elsewhere.example!x@example.org>": UNKNOWN,
    "<elsewhere.example!x>": UNKNOWN,
    "<example.org!x@elsewhere.example>": OUTSIDE,
    '<"x@elsewhere.example"@example.org>': UNKNOWN,
    '<"x@elsewhere.example">': UNKNOWN,
    '<"x%elsewhere.example"@example.org>': UNKNOWN,
    '<"x@example.org"@elsewhere.example>': OUTSIDE,
    '<"bob@example.org> "@elsewhere.example>': OUTSIDE,
    '<"\\bob"@elsewhere.example>': OUTSIDE,
    "<x@elsewhere.example@example.org>": SYNTAX,
    "<x@example.org@elsewhere.example>": SYNTAX,
    "<bob@example.org,x@elsewhere.example>": SYNTAX,
    "<bob@example.org x@elsewhere.example>": SYNTAX,
    "<bob@example.org:25>": SYNTAX,
    "<x@@elsewhere.example>": SYNTAX,
    "<@example.org:@elsewhere.example>": SYNTAX,
    "<:x@elsewhere.example>": SYNTAX,
    "<x@elsewhere.example:bob@example.org>": SYNTAX,
    "<x@elsewhere.example\x00@example.org>": SYNTAX,
    "<>": SYNTAX,
    "<@example.org>": SYNTAX,
    "<x@exam\uff50le.org.elsewhere.example>": OUTSIDE,
    "<jürgen@elsewhere.example>": OUTSIDE,
    "<jürgen@example.org>": UNKNOWN,
    "<x＠elsewhere.example@example.org>": UNKNOWN,
    "<x％elsewhere.example@example.org>": UNKNOWN,
    "<x@elsewhere.example.>": OUTSIDE,
    "x@elsewhere.example": "501 5.5.2",
    "<bob@example.org><x@elsewhere.example>": SYNTAX,
}


async def greet(c: Conversation) -> None:
    await c.server("220 ")
    await c.client("EHLO client.example")
    await c.until("250 ")


async def refused(c: Conversation, command: str, answer: str) -> None:
    await c.client(command)
    await c.server(answer)


async def test_no_trick_opens_a_relay(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=UTF8) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        for trick, answer in TRICKS.items():
            await c.client("MAIL FROM:<a@b.example> SMTPUTF8", f"RCPT TO:{trick}", "RSET")
            await c.server("250 ")
            line = await c.line()
            assert line.startswith(answer), (trick, line)
            await c.server("250 ")


async def test_no_trick_leads_out_behind_the_acceptance(tmp_path: Path) -> None:
    tricks = [trick for trick, answer in TRICKS.items() if answer == UNKNOWN]
    async with (
        running(tmp_path, smtp=WITHOUT_CHECK, handlers=UTF8) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await c.client("MAIL FROM:<> SMTPUTF8", *(f"RCPT TO:{trick}" for trick in tricks), "DATA")
        await c.server("250 ", *("250 " for _ in tricks), "354 ")
        await c.client("Subject: x", "", ".")
        await c.server("250 ")
        await eventually(lambda: idle(server))
        assert "outgoing" not in await server.store.queues.names() or (
            await server.store.queues.queue("outgoing").size() == 0
        )
        (repository,) = await server.store.repositories.by_path("var/mail/address-error")
        assert await repository.size() == 1


@pytest.mark.parametrize("sender", ["bob@example.org", "postmaster@example.org", "", "a@b.example", "x@localhost"])
async def test_no_sender_opens_a_relay(tmp_path: Path, sender: str) -> None:
    async with running(tmp_path, identity="disabled") as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, f"MAIL FROM:<{sender}>", "250 ")
        await refused(c, "RCPT TO:<x@elsewhere.example>", OUTSIDE)


@pytest.mark.parametrize("name", ["example.org", "localhost", "127.0.0.1", "[127.0.0.1]", "mail.example.org"])
async def test_no_name_opens_a_relay(tmp_path: Path, name: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client(f"EHLO {name}")
        await c.until("250 ")
        await refused(c, "MAIL FROM:<>", "250 ")
        await refused(c, "RCPT TO:<x@elsewhere.example>", OUTSIDE)


async def test_authorised_networks_relay(tmp_path: Path) -> None:
    async with (
        running(tmp_path, elements=NETWORK, container=KEEPING) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<@hop.example:x@elsewhere.example>", "DATA")
        await c.server("250 ", "250 2.1.5 Recipient <x@elsewhere.example> OK", "354 ")
        await c.client("Subject: x", "", ".")
        await c.server("250 ")
        assert [str(one) for one in (await kept(server)).recipients] == ["x@elsewhere.example"]


async def test_users_relay_until_they_begin_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        async with conversation(server.ports["smtp"]) as c:
            await greet(c)
            await log_in(c)
            await refused(c, "MAIL FROM:<bob@example.org>", "250 ")
            await refused(c, "RCPT TO:<x@elsewhere.example>", "250 2.1.5")
        async with conversation(server.ports["smtp"]) as c:
            await greet(c)
            await refused(c, "MAIL FROM:<>", "250 ")
            await refused(c, "RCPT TO:<x@elsewhere.example>", OUTSIDE)


async def test_a_required_login(tmp_path: Path) -> None:
    smtp = SMTP.replace("<announce>", "<required>true</required><announce>")
    async with running(tmp_path, smtp=smtp) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, "MAIL FROM:<a@b.example>", "530 5.7.0 Authentication Required")
        await log_in(c)
        await refused(c, "MAIL FROM:<bob@example.org>", "250 2.1.0")


# verifyIdentity

WRONG = "503 5.7.1 Incorrect Authentication for Specified Email Address"


async def with_aliases(server: Server) -> None:
    """info@example.org is bob, and so is he under example.net."""
    await server.store.domains.add(Domain.parse("example.net"))
    source = MappingSource.of_address(MailAddress.parse("info@example.org"))
    await server.store.rewriting.add(source, Mapping(MappingType.ALIAS, "bob@example.org"))
    await server.store.rewriting.add(
        MappingSource.of_domain(Domain.parse("example.net")), Mapping(MappingType.DOMAIN_ALIAS, "example.org")
    )


@pytest.mark.parametrize(
    ("sender", "answer"),
    [
        ("bob@example.org", "250 2.1.0"),
        ("BOB@Example.ORG", "250 2.1.0"),
        ("bob", "250 2.1.0"),
        ("", "250 2.1.0"),
        ("info@example.org", "250 2.1.0"),
        ("bob@example.net", "250 2.1.0"),
        ("info@example.net", "250 2.1.0"),
        ("ann@example.org", WRONG),
        ("ann@example.net", WRONG),
        ("nobody@example.org", WRONG),
        ("x@elsewhere.example", WRONG),
        ('"bob@example.org"@elsewhere.example', WRONG),
        ("bob%example.org@elsewhere.example", WRONG),
        ("@example.org:ann@example.org", WRONG),
    ],
)
async def test_senders_of_a_user(tmp_path: Path, sender: str, answer: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await with_aliases(server)
        await greet(c)
        await log_in(c)
        await refused(c, f"MAIL FROM:<{sender}>", answer)


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("From: bob@example.org", "250 2.6.0"),
        ("From: =?utf-8?q?B=C3=B6b?= <BOB@example.org>", "250 2.6.0"),
        ("From: Bob <info@example.org>, bob@example.net", "250 2.6.0"),
        ("From: us: bob@example.org, info@example.net;", "250 2.6.0"),
        ("From: bob@example.org\r\nFrom: info@example.org", "250 2.6.0"),
        ("From: bob@example.org\r\nReply-To: ann@example.org", "250 2.6.0"),
        ("From: ann@example.org", WRONG),
        ("From: bob@example.org, ann@example.org", WRONG),
        ("From: =?utf-8?q?Doe=2C_Bob?= <bob@example.org>", "250 2.6.0"),
        ("From: =?utf-8?q?=3Cann=40example=2Eorg=3E?= <bob@example.org>", WRONG),
        ("From: =?utf-8?q?ann=40example=2Eorg?=", WRONG),
        ('From: bob@example.org, "x <ann@example.org>', WRONG),
        ("From: bob@example.org\r\nSender: ann@example.org", WRONG),
        ("From: bob@example.org\r\nSender: info@example.org", "250 2.6.0"),
        ("From: bob@example.org\r\nResent-From: ann@example.org", WRONG),
        ("From: us: bob@example.org, ann@example.org;", WRONG),
        ("From: bob@example.org\r\nFrom: ann@example.org", WRONG),
        ("From: ann@example.org\r\nFrom: bob@example.org", WRONG),
        ("from : ann@example.org", WRONG),
        ("FROM:\r\n ann@example.org", WRONG),
        ('From: "bob@example.org" <ann@example.org>', WRONG),
        ("From: ann@example.org (bob@example.org)", WRONG),
        ("From: <@example.org:ann@example.org>", WRONG),
        ("From: bob@example.org (\\( ) , ann@example.org", WRONG),
        ('From: bob@example.org (" ) , ann@example.org <">', WRONG),
        ("From: bob@example.org ( , ann@example.org", WRONG),
        ("From: bob@example.org (, ann@example.org, (x) \\))", "250 2.6.0"),
        (
            "From: " + "bob@example.org, " * 10_000 + "ann@example.org",
            "554 5.6.0 Too many addresses in the From header",
        ),
        ("From: x@elsewhere.example", WRONG),
        ("Subject: nobody", "503 5.5.4 Missing From header"),
        ("From: us:;", "503 5.5.4 Missing From header"),
        ("From: nothing at all", WRONG),
    ],
)
async def test_from_headers_of_a_user(tmp_path: Path, header: str, answer: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await with_aliases(server)
        await greet(c)
        await log_in(c)
        await c.client("MAIL FROM:<bob@example.org>", "RCPT TO:<ann@example.org>", "DATA")
        await c.server("250 ", "250 ", "354 ")
        await c.client(header, "", "x", ".")
        await c.server(answer)


async def test_a_user_whose_name_no_address_can_have_sends_as_nobody(tmp_path: Path) -> None:
    name = f"{'b' * 65}@example.org"
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await server.under_test.services.users.add(Username.parse(name), "secret")
        await greet(c)
        await log_in(c, name)
        await c.client("MAIL FROM:<bob@example.org>", "MAIL FROM:<>", "NOOP")
        await c.server(WRONG, "250 2.1.0", "250 2.0.0")


@pytest.mark.parametrize(
    ("identity", "helo", "sender", "header", "answers"),
    [
        ("strict", "mx.b.example", "bob@example.org", "", ["530 5.7.0"]),
        ("strict", "mx.b.example", "", "a@b.example", ["250 ", "250 ", "354 ", "250 "]),
        ("strict", "mx.b.example", "a@b.example", "bob@example.org", ["250 ", "250 ", "354 ", "530 5.7.0"]),
        ("strict", "mx.b.example", "a@b.example", "\\\\", ["250 ", "250 ", "354 ", "250 "]),
        ("strict", "mx.b.example", "a@b.example", '"bob "@example.org', ["250 ", "250 ", "354 ", "530 5.7.0"]),
        ("strict", "mx.b.example", "a@b.example", "bob..x@example.org", ["250 ", "250 ", "354 ", "530 5.7.0"]),
        ("strict", "mx.b.example", "a@b.example", f"{'b' * 65}@example.org", ["250 ", "250 ", "354 ", "530 5.7.0"]),
        ("strict", "mx.b.example", "a@b.example", "a@[IPv6:1::2]", ["250 ", "250 ", "354 ", "250 "]),
        ("true", "mx.b.example", "bob@example.org", "", ["530 5.7.0"]),
        ("relaxed", "mx.b.example", "bob@example.org", "ann@example.org", ["250 ", "250 ", "354 ", "250 "]),
        ("relaxed", "localhost", "bob@example.org", "", ["530 5.7.0"]),
        ("relaxed", "[10.0.0.1]", "bob@example.org", "", ["530 5.7.0"]),
        ("relaxed", "10.0.0.1", "bob@example.org", "", ["530 5.7.0"]),
        ("relaxed", "[IPv6:1::2.3.4.5]", "bob@example.org", "", ["530 5.7.0"]),
        ("disabled", "localhost", "bob@example.org", "ann@example.org", ["250 ", "250 ", "354 ", "250 "]),
        ("false", "localhost", "bob@example.org", "ann@example.org", ["250 ", "250 ", "354 ", "250 "]),
    ],
)
async def test_local_senders_without_a_login(
    tmp_path: Path, identity: str, helo: str, sender: str, header: str, answers: list[str]
) -> None:
    async with running(tmp_path, identity=identity) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client(f"EHLO {helo}")
        await c.until("250 ")
        commands = [f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "DATA", f"From: {header}\r\n\r\nx\r\n."]
        for command, answer in zip(commands, answers, strict=False):
            await refused(c, command, answer)


async def test_a_relaxed_server_still_checks_its_users(tmp_path: Path) -> None:
    async with running(tmp_path, identity="relaxed") as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await log_in(c)
        await refused(c, "MAIL FROM:<ann@example.org>", WRONG)


async def test_networks_that_relay_may_use_local_senders(tmp_path: Path) -> None:
    async with running(tmp_path, elements=NETWORK) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<ann@example.org>", "RCPT TO:<bob@example.org>", "DATA")
        await c.server("250 ", "250 ", "354 ")
        await c.client("From: ann@example.org", "", "x", ".")
        await c.server("250 ")
        await eventually(lambda: idle(server))
        assert len(await messages(server, BOB)) == 1


# which networks may send, and which mappings make a recipient

LISTED = """<handler class="org.apache.james.smtpserver.fastfail.AllowedUnauthenticatedSender"><allowedSenders>
<allowedSender>printer@example.org</allowedSender><allowedSender fromIps="127.0.0.0/30, ::1">near@example.org</allowedSender>
<allowedSender fromIps="192.0.2.0/24,2001:db8::/32">far@example.org</allowedSender></allowedSenders>{}</handler>"""


@pytest.mark.parametrize(
    ("sender", "null", "is_allowed"),
    [
        ("printer@example.org", "", True),
        ("Printer@EXAMPLE.org", "", True),
        ("near@example.org", "", True),
        ("far@example.org", "", False),
        ("bob@example.org", "", False),
        ("", "", False),
        ("", "<allowNullSender>true</allowNullSender>", True),
    ],
)
async def test_listed_senders_of_networks(tmp_path: Path, sender: str, null: str, is_allowed: bool) -> None:
    async with (
        running(tmp_path, elements=NETWORK, handlers=LISTED.format(null)) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        text = f"550 5.7.1 Sender <{sender}> is not allowed for unauthenticated connection from 127.0.0.1"
        await refused(c, f"MAIL FROM:<{sender}>", "250 2.1.0" if is_allowed else text)


async def test_the_list_is_not_for_users_in_the_network(tmp_path: Path) -> None:
    async with (
        running(tmp_path, elements=NETWORK, handlers=LISTED.format("")) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await refused(c, "MAIL FROM:<bob@example.org>", "550 5.7.1")
        await log_in(c)
        await refused(c, "MAIL FROM:<bob@example.org>", "250 2.1.0")


async def test_the_list_is_not_for_users_nor_for_strangers(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=LISTED.format("")) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, "MAIL FROM:<a@b.example>", "250 2.1.0")
        await refused(c, "RSET", "250 ")
        await log_in(c)
        await refused(c, "MAIL FROM:<bob@example.org>", "250 2.1.0")


async def test_a_recipient_that_cannot_be_looked_up_may_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(address: MailAddress) -> None:
        raise TemporaryFailure("the disk is gone")

    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        monkeypatch.setattr(server.under_test.services.users, "user_for", broken)
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "NOOP")
        await c.server("250 ", "451 4.0.0 Unexpected error for bob@example.org", "250 2.0.0")


@pytest.mark.parametrize(
    ("check", "accepted"),
    [
        ("", {"team", "half", "none", "away"}),
        ("mappingExists", {"team", "half", "none", "away"}),
        ("anyMappingValid", {"team", "half", "away"}),
        ("allMappingsValid", {"team", "away"}),
    ],
)
async def test_mappings_that_make_a_recipient(tmp_path: Path, check: str, accepted: set[str]) -> None:
    element = f"<recipientRewriteTableCheck>{check}</recipientRewriteTableCheck>" if check else ""
    smtp = SMTP.replace('<handler class="ValidRcptHandler"/>', f'<handler class="ValidRcptHandler">{element}</handler>')
    async with running(tmp_path, smtp=smtp) as server, conversation(server.ports["smtp"]) as c:
        groups = {
            "team": ("bob@example.org", "ann@example.org"),
            "half": ("bob@example.org", "gone@example.org"),
            "none": ("gone@example.org",),
            "away": ("x@elsewhere.example",),
        }
        for group, members in groups.items():
            source = MappingSource.of_address(MailAddress.parse(f"{group}@example.org"))
            for member in members:
                await server.store.rewriting.add(source, Mapping(MappingType.GROUP, member))
        await greet(c)
        await refused(c, "MAIL FROM:<a@b.example>", "250 ")
        for group in groups:
            answer = "250 2.1.5" if group in accepted else "550 5.1.1 Unknown user"
            await refused(c, f"RCPT TO:<{group}@example.org>", answer)


async def test_without_the_table_a_mapping_makes_no_recipient(tmp_path: Path) -> None:
    element = "<enableRecipientRewriteTable>false</enableRecipientRewriteTable>"
    smtp = SMTP.replace('<handler class="ValidRcptHandler"/>', f'<handler class="ValidRcptHandler">{element}</handler>')
    async with running(tmp_path, smtp=smtp) as server, conversation(server.ports["smtp"]) as c:
        source = MappingSource.of_address(MailAddress.parse("team@example.org"))
        await server.store.rewriting.add(source, Mapping(MappingType.GROUP, "bob@example.org"))
        await greet(c)
        await refused(c, "MAIL FROM:<a@b.example>", "250 ")
        await refused(c, "RCPT TO:<team@example.org>", "550 5.1.1 Unknown user")
