"""Mails sorted by scripts, through the whole pipeline."""

from pathlib import Path

import pytest

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.model import GHOST, Mail
from compostela.core.sieve.model import InvalidScript
from compostela.mime.headers import header_end
from compostela.model.domain import Domain
from compostela.model.flags import SystemFlag
from compostela.model.mail_address import MailAddress
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import EntryId
from compostela.model.username import Username
from compostela.processing.mailets.sieve import Sieve
from compostela.processing.pipeline_run import PipelineRun
from compostela.testing.conversation import conversation
from compostela.testing.server import ANN, BOB, NAMES_ALONE, PASSWORD, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages, send
from tests.dialogues.sieve import MAIL, deliver, in_mailbox, put


async def test_a_script_sorts_mail_into_a_new_mailbox_with_flags(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(
            server,
            'require ["fileinto", "imap4flags", "mailbox"];\n'
            'if header :contains "subject" "list" { fileinto :create :flags "\\\\Seen" "Lists/Python"; }',
        )
        await deliver(server, "list")
        await deliver(server, "other")
        (sorted_mail,) = await in_mailbox(server, BOB, "Lists.Python")
        assert sorted_mail.startswith(b"Return-Path: <ann@example.org>\r\nDelivered-To: bob@example.org\r\n")
        mailbox = await server.store.mailboxes.find(MailboxPath.personal(BOB, "Lists.Python"))
        assert mailbox is not None
        rows = [row async for batch in server.store.mailboxes.rows(mailbox.id) for row in batch]
        assert [bool(SystemFlag.SEEN & row.flags.system) for row in rows] == [True]
        (kept,) = await messages(server, BOB)
        assert b"Subject: other" in kept


async def test_a_mail_is_redirected_once_and_a_loop_ends(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(server, 'redirect "ann@example.org";')
        await put(server, 'redirect "bob@example.org";', ANN)
        await deliver(server)
        assert len(await messages(server, BOB)) + len(await messages(server, ANN)) == 1


async def test_a_loop_ends_though_scripts_delete_its_traces(tmp_path: Path) -> None:
    erasing = (
        'require ["editheader", "variables"]; set "n" "Delivered-To"; deleteheader "${n}"; redirect "%s@example.org";'
    )
    async with running(tmp_path, identity="disabled") as server:
        await put(server, erasing % "ann")
        await put(server, erasing % "bob", ANN)
        await deliver(server)
        assert len(await messages(server, BOB)) + len(await messages(server, ANN)) == 1


async def test_scripts_that_redirect_in_circles_make_few_mails(tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(4)]
    users = {f"{name}@example.org": "secret" for name in ("bob", "ann", *names)}
    async with running(tmp_path, identity="disabled", users=users) as server:
        for name in ("bob", *names):
            others = "".join(f'redirect "{one}@example.org";' for one in ("bob", *names) if one != name)
            await put(server, f"keep;{others}", Username.parse(f"{name}@example.org"))
        await deliver(server)
        found = [len(await messages(server, Username.parse(f"{name}@example.org"))) for name in ("bob", *names)]
        # each way through the five would be a mail, 65 in all; now each of them redirects once
        assert found == [5, 4, 4, 4, 4]


async def test_the_sender_of_a_rejected_mail_is_told_why(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(server, 'require "reject"; reject "no thanks";')
        await deliver(server)
        (report,) = await messages(server, ANN)
        assert b"no thanks" in report
        assert b"550 5.7.1 no thanks" in report
        assert await messages(server, BOB) == []


async def test_one_sender_gets_one_vacation_answer(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(server, 'require "vacation"; vacation :days 3 "away";')
        await deliver(server, "1")
        await deliver(server, "2")
        (answer,) = await messages(server, ANN)
        assert b"Auto-Submitted: auto-replied" in answer
        assert len(await messages(server, BOB)) == 2


async def test_a_mail_to_two_addresses_of_a_user_has_one_vacation_answer(tmp_path: Path) -> None:
    users = {"bob": PASSWORD, "ann": PASSWORD}
    async with running(tmp_path, identity="disabled", files=NAMES_ALONE, users=users) as server:
        await server.store.domains.add(Domain("example.com"))
        await put(server, 'require "vacation"; vacation :addresses "bob@example.org" "away";', Username.parse("bob"))
        async with conversation(server.ports["smtp"]) as c:
            to = ["bob@example.com", "bob@example.org"]
            header = "From: ann@example.org\r\nTo: bob@example.org\r\nSubject: Lunch\r\n"
            await send(c, to, f"{header}\r\nhello", sender="ann@example.org")
        await eventually(lambda: idle(server))
        assert len(await messages(server, Username.parse("ann"))) == 1
        assert len(await messages(server, Username.parse("bob"))) == 2


async def test_a_notification_goes_out_and_the_mail_is_kept(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(server, 'require "enotify"; notify :message "new" "mailto:ann@example.org";')
        await deliver(server)
        (notification,) = await messages(server, ANN)
        assert b"Subject: new" in notification
        assert len(await messages(server, BOB)) == 1


async def test_a_mail_that_comes_twice_is_found_to_be_a_duplicate(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(server, 'require ["duplicate"]; if duplicate { discard; }')
        for _ in range(2):
            await deliver(server)
        await deliver(server, "another")
        assert len(await messages(server, BOB)) == 2


async def test_a_script_that_fails_keeps_the_mail_and_tells_its_owner_once_a_day(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(server, 'require "include"; include "missing";')
        await deliver(server, "1")
        await deliver(server, "2")
        texts = sorted(await messages(server, BOB), key=lambda text: b"Your mail filter failed" in text)
        assert len(texts) == 3
        assert b"line 1, column 20" in texts[2]


async def test_an_invalid_script_is_not_stored_and_its_place_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        with pytest.raises(InvalidScript) as error:
            await put(server, "keep;\n  fileinto 3;")
        assert (error.value.problems[0].line, error.value.problems[0].column) == (2, 3)
        assert await server.under_test.services.sieve.scripts(BOB) == []


async def test_a_run_that_is_done_again_does_nothing_twice(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(
            server,
            'require ["fileinto", "vacation", "enotify", "duplicate", "copy"]; if duplicate { stop; }'
            'vacation "away"; notify :message "new" "mailto:ann@example.org"; redirect :copy "ann@example.org";'
            'fileinto "Lists";',
        )
        (sieve,) = (one for one in server.under_test.container.processors.mailets if isinstance(one, Sieve))
        octets = MAIL.format("x", "x").encode()
        content = MessageContent(octets[: header_end(octets)], MemoryBody(octets[header_end(octets) :]))
        bob, ann = (MailAddress.parse(str(user)) for user in (BOB, ANN))
        for _ in range(3):
            run = PipelineRun(EntryId("entry"))
            run.at("local-delivery", 1)
            mail = Mail("mail", ann, [bob], content)
            await sieve.service(mail, run)
            assert (mail.recipients, mail.state) == ([], GHOST)
        await eventually(lambda: idle(server))
        assert len(await in_mailbox(server, BOB, "Lists")) == 1
        subjects = sorted(text.partition(b"Subject: ")[2].partition(b"\r\n")[0] for text in await messages(server, ANN))
        assert subjects == [b"Auto: x", b"new", b"x"]


async def test_a_sender_hears_of_a_delivery_by_a_script(tmp_path: Path) -> None:
    dsn = "".join(
        f'<handler class="org.apache.james.smtpserver.dsn.{name}"/>'
        for name in ("DSNEhloHook", "DSNMailParameterHook", "DSNRcptParameterHook", "DSNMessageHook")
    )
    async with running(tmp_path, identity="disabled", handlers=dsn) as server:
        await put(server, 'require "fileinto"; fileinto "Lists";')
        async with conversation(server.ports["smtp"]) as c:
            await c.client("EHLO client.example", "MAIL FROM:<ann@example.org>")
            await c.client("RCPT TO:<bob@example.org> NOTIFY=SUCCESS", "DATA")
            await c.until("354 ")
            await c.client("Subject: x", "", "hello", ".")
            await c.server("250 2.6.0")
        await eventually(lambda: idle(server))
        (report,) = await messages(server, ANN)
        assert b"Action: delivered" in report
