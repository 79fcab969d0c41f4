"""LMTP at the wire: its greeting, a reply for each recipient, both ways of delivery, smuggling (RFC 2033)."""

import asyncio
from pathlib import Path

import pytest

from compostela.base.errors import QuotaExceeded, StorageFull, TemporaryFailure
from compostela.core.blob.model import MessageContent
from compostela.core.mailbox.session import MailboxSession
from compostela.core.repository.ports import RepositoryUrl
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import ANN, BOB, PASSWORD, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.delivery_reports import reports
from tests.dialogues.processing import idle, messages
from tests.dialogues.smtp_extensions import DSN, UTF8

MAIL = "Received: from somewhere\r\nMessage-ID: <1@client.example>\r\nSubject: x\r\n\r\nhello"
DISCARDING = """<mailetcontainer><processors>
<processor state="root"><mailet match="All" class="Null"/></processor>
<processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""
CONTAINER = (
    '<handlerchain coreHandlersPackage="org.apache.james.lmtpserver.MailetContainerCmdHandlerLoader">{}</handlerchain>'
)
SPLIT = CONTAINER.format('<handler class="org.apache.james.lmtpserver.MailetContainerHandler"><splitExecution>true</splitExecution></handler>')  # fmt: skip


async def greet(c: Conversation) -> list[str]:
    await c.server("220 mail.example.org LMTP Server")
    await c.client("LHLO client.example")
    return await c.until("250 ")


async def begin(c: Conversation, *recipients: str) -> None:
    await c.client("MAIL FROM:<a@foreign.example>", *(f"RCPT TO:<{one}>" for one in recipients), "DATA")
    await c.server("250 2.1.0", *("250 2.1.5" for _ in recipients), "354 Ok Send data ending with <CRLF>.<CRLF>")


async def send(c: Conversation, *recipients: str, text: str = MAIL) -> None:
    await begin(c, *recipients)
    await c.client(text, ".")


async def map_to(server: Server, source: str, kind: MappingType, *targets: str) -> None:
    for target in targets:
        await server.store.rewriting.add(MappingSource.of_address(MailAddress.parse(source)), Mapping(kind, target))


async def test_the_elements_of_smtp_servers_are_those_of_lmtp_too(tmp_path: Path) -> None:
    elements = (
        "<smtpGreeting>come in</smtpGreeting><heloEhloEnforcement>false</heloEhloEnforcement><maxLineLength>1000</maxLineLength>"
        "<addressBracketsEnforcement>false</addressBracketsEnforcement><disabledFeatures><x>8BITMIME</x></disabledFeatures>"
        "<maxRecipients>100</maxRecipients><maxMailsPerConnection>1</maxMailsPerConnection>"
        "<authorizedAddresses>127.*</authorizedAddresses><auth><announce>always</announce></auth>"
    )
    async with running(tmp_path, lmtp=elements) as server, conversation(server.ports["lmtp"]) as c:
        await c.client("MAIL FROM:a@foreign.example", "RCPT TO:bob@example.org", "RCPT TO:x@elsewhere.example", "RSET")
        await c.server("220 come in", "250 2.1.0", "250 2.1.5", "550 5.7.1", "250 ")
        await c.client("LHLO client.example")
        features = "\n".join(await c.until("250 "))
        assert "8BITMIME" not in features
        assert "AUTH" not in features
        assert "LIMITS RCPTMAX=100 MAILMAX=1" in features
        await c.client(f"NOOP {'x' * 1200}", "MAIL FROM:<a@foreign.example>")
        await c.server("500 5.5.2 Line length exceeded", "452 ")


async def test_the_greeting_offers_what_there_is_and_no_login(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        first, *features = await greet(c)
        assert first == "250-mail.example.org Hello client.example [127.0.0.1]"
        words = {line[4:] for line in features}
        assert words >= {"PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SIZE 1048576", "STARTTLS"}
        assert not any("AUTH" in word for word in words)


async def test_the_text_of_the_greeting_can_be_chosen(tmp_path: Path) -> None:
    elements = "<lmtpGreeting>mail.example.org LMTP Server of ours</lmtpGreeting>"
    async with running(tmp_path, lmtp=elements) as server, conversation(server.ports["lmtp"]) as c:
        await c.server("220 mail.example.org LMTP Server of ours")


@pytest.mark.parametrize(
    ("commands", "answer"),
    [
        (["HELO client.example"], "500 5.5.1 Command HELO unrecognized."),
        (["EHLO client.example"], "500 5.5.1 Command EHLO unrecognized."),
        (["AUTH PLAIN"], "500 5.5.1 Command AUTH unrecognized."),
        (["LHLO"], "501 5.5.4 Domain address required: LHLO"),
        (["MAIL FROM:<>"], "250 2.1.0 Sender <> OK"),
        (["MAIL FROM:<a@b.example> SIZE=99999999"], "552 5.3.4 Message size exceeds fixed maximum message size"),
        (["MAIL FROM:<a@b.example> AUTH=<>"], "250 2.1.0"),
        (["MAIL FROM:<bob@example.org>"], "250 2.1.0 Sender <bob@example.org> OK"),
        (["RCPT TO:<bob@example.org>"], "503 5.5.0 Need MAIL before RCPT"),
        (["MAIL FROM:<>", "RCPT TO:<nobody@example.org>"], "550 5.1.1 Unknown user: nobody@example.org"),
        (["MAIL FROM:<>", "RCPT TO:<x@elsewhere.example>"], "550 5.7.1 Requested action not taken: relaying denied"),
        (["MAIL FROM:<>", "RCPT TO:<@hop.example:x@elsewhere.example>"], "550 5.7.1"),
        (["MAIL FROM:<>", "DATA"], "503 5.5.0 No recipients specified"),
        (["DATA"], "503 5.5.0 No sender specified"),
        (["NOOP"], "250 2.0.0 OK"),
        (["RSET"], "250 2.0.0 OK"),
        (["VRFY bob"], "252 2.5.2"),
        (["HELP"], "214 2.0.0"),
        (["FOO"], "500 5.5.1 Command FOO unrecognized."),
        (["QUIT"], "221 2.0.0 mail.example.org Service closing transmission channel"),
    ],
)
async def test_replies(tmp_path: Path, commands: list[str], answer: str) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        for command in commands[:-1]:
            await c.client(command)
            await c.server("2")
        await c.client(commands[-1])
        await c.server(answer)


async def test_mail_needs_lhlo_first(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await c.server("220 ")
        await c.client("MAIL FROM:<a@b.example>")
        await c.server("503 5.5.0 Need LHLO before MAIL")


async def test_data_without_an_accepted_recipient_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<>", "RCPT TO:<nobody@example.org>", "DATA")
        await c.server("250", "550", "503 5.5.0 No recipients specified")


# direct delivery


async def test_there_is_a_reply_for_each_accepted_recipient_in_order(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="", container=DISCARDING) as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<a@foreign.example>", "RCPT TO:<ann@example.org>", "RCPT TO:<nobody@example.org>")
        await c.server("250", "250", "550")
        await c.client("RCPT TO:<bob@example.org>", "DATA")
        await c.server("250", "354")
        await c.client(MAIL, ".", "QUIT")
        await c.server("250 2.6.0 Message received <ann@example.org>", "250 2.6.0 Message received <bob@example.org>")
        await c.server("221 ")
        # there already: what is told is durable, and no mailet was asked
        (to_bob,), (to_ann,) = await messages(server, BOB), await messages(server, ANN)
        head, _, rest = to_bob.partition(b"Received: ")
        assert head == b"Return-Path: <a@foreign.example>\r\nDelivered-To: bob@example.org\r\n"
        assert rest.startswith(b"from 127.0.0.1 (LHLO client.example) ([127.0.0.1])\r\n")
        assert b"by mail.example.org (Compostela) with LMTP ID " in rest
        assert rest.endswith(b"Subject: x\r\n\r\nhello\r\n")
        assert b"Delivered-To: ann@example.org" in to_ann


async def test_two_mails_in_one_session(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await send(c, "bob@example.org", "ann@example.org")
        await c.server("250 2.6.0", "250 2.6.0")
        await send(c, "ann@example.org")
        await c.server("250 2.6.0 Message received <ann@example.org>")
        assert (len(await messages(server, BOB)), len(await messages(server, ANN))) == (1, 2)


@pytest.mark.parametrize(
    "handlers", ["", "<handlerchain><handler class='SupressDuplicateRcptHandler'/></handlerchain>"]
)
async def test_a_recipient_given_twice_is_answered_twice_and_gets_one_mail(tmp_path: Path, handlers: str) -> None:
    async with running(tmp_path, lmtp=handlers) as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await send(c, "bob@example.org", "ann@example.org", "bob@example.org")
        await c.server(*(f"250 2.6.0 Message received <{one}@example.org>" for one in ("bob", "ann", "bob")))
        await c.client("NOOP")
        await c.server("250 2.0.0 OK")
        assert (len(await messages(server, BOB)), len(await messages(server, ANN))) == (1, 1)


async def test_what_fails_for_one_does_not_fail_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {
        "ann@example.org": QuotaExceeded("full"),
        "carol@example.org": TemporaryFailure("later"),
        "dave@example.org": StorageFull("the disk is full"),
        "eve@example.org": RuntimeError("a bug"),
    }
    deliver = MailboxSession.deliver

    async def failing(session: MailboxSession, user: Username, content: MessageContent) -> None:
        if user.value in errors:
            raise errors[user.value]
        await deliver(session, user, content)

    monkeypatch.setattr(MailboxSession, "deliver", failing)
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        for name in ("carol", "dave", "eve"):
            await server.under_test.services.users.add(Username.parse(f"{name}@example.org"), PASSWORD)
        await greet(c)
        await send(c, *errors, "bob@example.org")
        await c.server(
            "552 5.2.2 Over Quota error when delivering message to <ann@example.org>",
            "451 4.0.0 Temporary error deliver message <carol@example.org>",
            "452 4.3.1 Insufficient system storage for message to <dave@example.org>",
            "451 4.0.0 Temporary error deliver message <eve@example.org>",
            "250 2.6.0 Message received <bob@example.org>",
        )
        assert len(await messages(server, BOB)) == 1


async def test_an_alias_is_delivered_directly_and_a_group_by_the_container(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="", container=DISCARDING) as server, conversation(server.ports["lmtp"]) as c:
        await map_to(server, "info@example.org", MappingType.ALIAS, "bob@example.org")
        await map_to(server, "team@example.org", MappingType.GROUP, "ann@example.org", "x@elsewhere.example")
        await greet(c)
        await send(c, "info@example.org", "team@example.org")
        await c.server("250 2.6.0 Message received <info@example.org>", "250 2.6.0 Message received <team@example.org>")
        (message,) = await messages(server, BOB)
        assert b"Delivered-To: bob@example.org\r\n" in message
        await eventually(lambda: idle(server))
        assert await messages(server, ANN) == []


async def test_a_delivery_is_reported_to_who_asked(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp=f"<handlerchain>{DSN}</handlerchain>") as server:
        async with conversation(server.ports["lmtp"]) as c:
            await greet(c)
            await c.client(
                "MAIL FROM:<bob@example.org> ENVID=e1",
                "RCPT TO:<ann@example.org> NOTIFY=SUCCESS",
                "RCPT TO:<bob@example.org> NOTIFY=FAILURE",
                "DATA",
            )
            await c.server("250 2.1.0", "250 2.1.5", "250 2.1.5", "354 ")
            await c.client(MAIL, ".")
            await c.server("250 2.6.0", "250 2.6.0")
        (report,) = await reports(server)
        assert "Original-Envelope-Id: e1\r\n" in report
        assert "Final-Recipient: rfc822; ann@example.org\r\n" in report
        assert "Action: delivered\r\n" in report
        assert len(await messages(server, ANN)) == 1
        assert len(await messages(server, BOB)) == 2


async def test_internationalised_mail_arrives_as_it_was_given(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp=f"<handlerchain>{UTF8}</handlerchain>") as server:
        renée = Username.parse("renée@example.org")
        await server.under_test.services.users.add(renée, PASSWORD)
        async with conversation(server.ports["lmtp"]) as c:
            assert "250-SMTPUTF8" in await greet(c)
            await c.client("MAIL FROM:<用户@例え.example> SMTPUTF8", "RCPT TO:<renée@example.org>", "DATA")
            await c.server("250 2.1.0", "250 2.1.5", "354 ")
            await c.client("Subject: 你好\r\n\r\nhello", ".")
            await c.server("250 2.6.0 Message received <renée@example.org>")
        (message,) = (one.decode() for one in await messages(server, renée))
        assert message.startswith("Return-Path: <用户@xn--r8jz45g.example>\r\nDelivered-To: renée@example.org\r\n")
        assert " with UTF8LMTP ID " in message
        assert message.endswith("Subject: 你好\r\n\r\nhello\r\n")


async def test_a_user_and_his_group_get_one_copy(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await map_to(server, "info@example.org", MappingType.ALIAS, "bob@example.org")
        await map_to(server, "team@example.org", MappingType.GROUP, "ann@example.org", "bob@example.org")
        await greet(c)
        await send(c, "bob@example.org", "team@example.org", "info@example.org")
        await c.server("250 2.6.0", "250 2.6.0", "250 2.6.0")
        await send(c, "bob@example.org", "info@example.org")
        await c.server("250 2.6.0", "250 2.6.0")
        await eventually(lambda: idle(server))
        assert (len(await messages(server, BOB)), len(await messages(server, ANN))) == (2, 1)


async def test_mail_for_a_postmaster_who_is_no_user_is_not_lost(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await send(c, "postmaster@example.org")
        await c.server("250 2.6.0 Message received <postmaster@example.org>")
        await eventually(lambda: idle(server))
        repository = await server.store.repositories.find(RepositoryUrl.parse("var/mail/address-error/"))
        assert repository is not None
        assert await repository.size() == 1


async def test_a_full_disk_is_told_for_each_recipient(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await begin(c, "bob@example.org", "ann@example.org")
        server.embedded.blobs._disk._reserve = 2**60
        await c.client(MAIL, ".", "MAIL FROM:<>")
        await c.server("452 4.3.1", "452 4.3.1", "452 4.3.1 Insufficient system storage")
        assert await messages(server, BOB) == []


# refusals of the whole message


async def test_a_message_that_is_too_large_is_refused_for_each_recipient(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="", size="10K") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await begin(c, "bob@example.org", "ann@example.org")
        await c.octets(b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 20_000 + b".\r\n")
        await c.server("552 5.3.4 Quota exceeded", "552 5.3.4 Quota exceeded")
        await c.client("NOOP")
        await c.server("250 2.0.0 OK")


async def test_a_handler_refuses_the_message_for_each_recipient(tmp_path: Path) -> None:
    handler = '<handler class="EnforceHeaderLimitationsMessageHook"><maxLines>1</maxLines></handler>'
    chain = f"<handlerchain>{handler}</handlerchain>"
    async with running(tmp_path, lmtp=chain) as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await send(c, "bob@example.org", "ann@example.org")
        await c.server("552 5.3.4 Too many header lines", "552 5.3.4 Too many header lines")
        await c.client("NOOP")
        await c.server("250 2.0.0 OK")


@pytest.mark.parametrize(
    "octets",
    [
        b"x\n.\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\r.\rMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\r\n.\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\n.\r\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\r\r\n.\r\r\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\r\n.\rMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\r.\r\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b".\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\ny\r\n.\r\n",
        b"x\ry\r\n.\r\n",
    ],
)
async def test_a_bare_line_end_never_ends_a_message(tmp_path: Path, octets: bytes) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await begin(c, "bob@example.org", "ann@example.org")
        await c.octets(octets)
        await c.server("500 5.0.0 line delimiter must be CRLF", "500 5.0.0 line delimiter must be CRLF")
        await c.closed()
        assert await messages(server, BOB) == []


@pytest.mark.parametrize("octets", [b".\0\r\n", b"\0.\r\n", b".\r\0\n"])
async def test_a_nul_beside_the_dot_never_ends_a_message(tmp_path: Path, octets: bytes) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await begin(c, "bob@example.org")
        await c.octets(b"Subject: x\r\n\r\n" + octets + b"MAIL FROM:<evil@x.example>\r\n.\r\n")
        assert (await c.line()).startswith(("554 5.6.0", "500 5.0.0"))
        assert await messages(server, BOB) == []
        await c.client("QUIT")
        assert (await c.line())[:3] in ("221", "")


async def test_after_starttls_the_client_greets_again(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await c.client("STARTTLS")
        await c.server("220 2.0.0")
        await c.start_tls()
        await c.client("MAIL FROM:<>")
        await c.server("503 5.5.0 Need LHLO before MAIL")
        await c.client("LHLO client.example")
        assert not any("STARTTLS" in line for line in await c.until("250 "))
        await send(c, "bob@example.org")
        await c.server("250 2.6.0")
        (message,) = await messages(server, BOB)
        assert b" with LMTPS ID " in message


# through the mail container


def failing_for_ann(flag: Path) -> str:
    """Bob is served before the mailet that fails."""
    fails = f"<file>{flag}</file><onMailetException>propagate</onMailetException>"
    return f"""<mailetcontainer><processors><processor state="root">
    <mailet match="RecipientIs=bob@example.org" class="LocalDelivery"/>
    <mailet match="All" class="tests.dialogues.failing.FailingWhile">{fails}</mailet>
    <mailet match="All" class="LocalDelivery"/></processor>
    <processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""


async def effects(server: Server) -> int:
    found: int = server.embedded.queues._reader.execute("SELECT count(*) FROM effect").fetchone()[0]
    return found


async def test_the_container_is_through_with_a_mail_when_it_is_answered(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp=CONTAINER.format("")) as server, conversation(server.ports["lmtp"]) as c:
        await map_to(server, "team@example.org", MappingType.GROUP, "ann@example.org", "bob@example.org")
        await greet(c)
        await send(c, "team@example.org", "bob@example.org")
        await c.server("250 2.6.0 Message received <team@example.org>", "250 2.6.0 Message received <bob@example.org>")
        (to_bob,), (to_ann,) = await messages(server, BOB), await messages(server, ANN)
        assert to_bob.startswith(
            b"Return-Path: <a@foreign.example>\r\nDelivered-To: bob@example.org\r\nReceived: from "
        )
        assert b"Delivered-To: ann@example.org" in to_ann
        assert await effects(server) == 0


async def test_without_split_execution_all_share_one_answer_and_a_second_try_doubles_nothing(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    async with (
        running(tmp_path, lmtp=CONTAINER.format(""), container=failing_for_ann(flag)) as server,
        conversation(server.ports["lmtp"]) as c,
    ):
        await greet(c)
        for hop in range(2):
            await send(c, "bob@example.org", "ann@example.org", text=MAIL.replace("somewhere", f"hop{hop}"))
            await c.server("451 4.0.0 Temporary error deliver message <bob@example.org>")
            await c.server("451 4.0.0 Temporary error deliver message <ann@example.org>")
        flag.unlink()
        await send(c, "bob@example.org", "ann@example.org")
        await c.server("250 2.6.0", "250 2.6.0")
        assert (len(await messages(server, BOB)), len(await messages(server, ANN))) == (1, 1)
        assert await effects(server) == 0
        # given once more, it is a mail of its own
        await send(c, "bob@example.org", "ann@example.org")
        await c.server("250 2.6.0", "250 2.6.0")
        assert (len(await messages(server, BOB)), len(await messages(server, ANN))) == (2, 2)


async def test_with_split_execution_each_has_an_answer_of_its_own(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    async with (
        running(tmp_path, lmtp=SPLIT, container=failing_for_ann(flag)) as server,
        conversation(server.ports["lmtp"]) as c,
    ):
        await greet(c)
        await send(c, "ann@example.org", "bob@example.org")
        await c.server("451 4.0.0 Temporary error deliver message <ann@example.org>")
        await c.server("250 2.6.0 Message received <bob@example.org>")
        assert (len(await messages(server, BOB)), len(await messages(server, ANN))) == (1, 0)
        flag.unlink()
        await send(c, "ann@example.org")
        await c.server("250 2.6.0 Message received <ann@example.org>")
        assert (len(await messages(server, BOB)), len(await messages(server, ANN))) == (1, 1)


async def test_the_same_mail_by_two_connections_is_two_mails(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp=SPLIT) as server:

        async def one() -> None:
            async with conversation(server.ports["lmtp"]) as c:
                await greet(c)
                await send(c, "ann@example.org", "bob@example.org")
                await c.server("250 2.6.0", "250 2.6.0")

        await asyncio.gather(*(one() for _ in range(5)))
        assert (len(await messages(server, BOB)), len(await messages(server, ANN))) == (5, 5)


async def test_the_container_takes_nothing_on_a_full_disk(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp=SPLIT) as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await begin(c, "bob@example.org", "ann@example.org")
        server.embedded.blobs._disk._reserve = 2**60
        await c.client(MAIL, ".")
        await c.server("452 4.3.1", "452 4.3.1")
        assert await messages(server, BOB) == []


async def test_the_last_chunk_is_answered_for_each_recipient(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<a@foreign.example>", "RCPT TO:<bob@example.org>", "RCPT TO:<ann@example.org>")
        await c.server("250 2.1.0", "250 2.1.5", "250 2.1.5")
        await c.octets(b"BDAT 14\r\nSubject: x\r\n\r\nBDAT 10 LAST\r\n.\r\nRSET\r\n\r")
        await c.server("250 2.0.0 14 octets received", "554 5.6.0", "554 5.6.0")
        await c.client("MAIL FROM:<a@foreign.example>", "RCPT TO:<bob@example.org>", "RCPT TO:<ann@example.org>")
        await c.server("250 2.1.0", "250 2.1.5", "250 2.1.5")
        await c.octets(b"BDAT 25 LAST\r\nSubject: x\r\n\r\n.\r\nRSET\r\n\r\nNOOP\r\n")
        await c.server("250 2.6.0 Message received <bob@", "250 2.6.0 Message received <ann@", "250 2.0.0 OK")
        for user in (BOB, ANN):
            (one,) = await messages(server, user)
            assert one.endswith(b"\r\n\r\n.\r\nRSET\r\n\r\n")
