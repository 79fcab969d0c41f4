"""Mail through the whole pipeline: delivery, relaying, bounces, repositories."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

from compostela.core.repository.ports import RepositoryUrl
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.model.mail_address import MailAddress
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import Uid
from compostela.model.username import Username
from tests.dialogues.conversation import Conversation, conversation
from tests.dialogues.server import ANN, BOB, Server, running
from tests.dialogues.waiting import eventually

NETWORK = "<authorizedAddresses>127.0.0.0/8</authorizedAddresses>"


async def send(c: Conversation, recipients: list[str], text: str = "Subject: x\r\n\r\nhello", sender: str = "") -> None:
    await c.server("220 ")
    await c.client("EHLO client.example")
    await c.until("250 ")
    await c.client(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in recipients), "DATA")
    await c.server("250 2.1.0", *("250 2.1.5" for _ in recipients), "354")
    await c.client(text, ".")
    await c.server("250 2.6.0")


async def messages(server: Server, user: Username) -> list[bytes]:
    mailbox = await server.store.mailboxes.find(MailboxPath.inbox(user))
    if mailbox is None:
        return []
    uids, _ = await server.store.mailboxes.uids(mailbox.id)
    found = await server.store.mailboxes.messages(mailbox.id, list(uids))
    return [await found[Uid(uid)].content.read() for uid in uids]


async def idle(server: Server) -> bool | None:
    sizes = [await server.store.queues.queue(name).size() for name in await server.store.queues.names()]
    return None if any(sizes) else True


async def test_one_mail_to_two_users_stores_one_body(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await send(c, ["bob@example.org", "ann@example.org"], sender="a@b.example")
        await eventually(lambda: idle(server))
        (to_bob,), (to_ann,) = await messages(server, BOB), await messages(server, ANN)
        assert to_bob.startswith(b"Return-Path: <a@b.example>\r\nDelivered-To: bob@example.org\r\nReceived: from ")
        assert b"Delivered-To: ann@example.org" in to_ann
        assert b"bob@example.org" not in to_ann


async def test_aliases_groups_and_forwards(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        rewriting = server.store.rewriting
        team = MappingSource.of_address(MailAddress.parse("team@example.org"))
        for member in ("bob@example.org", "ann@example.org"):
            await rewriting.add(team, Mapping(MappingType.GROUP, member))
        bob = MappingSource.of_address(MailAddress.parse("bob@example.org"))
        await rewriting.add(bob, Mapping(MappingType.FORWARD, "ann@example.org"))
        async with conversation(server.ports["smtp"]) as c:
            await send(c, ["team@example.org"], sender="a@b.example")
        await eventually(lambda: idle(server))
        assert await messages(server, BOB) == []
        assert len(await messages(server, ANN)) in (1, 2)


async def test_a_mail_in_a_loop_is_put_aside(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await send(c, ["bob@example.org"], "Received: from x\r\n" * 30 + "Subject: x\r\n\r\nhello")
        await eventually(lambda: idle(server))
        (repository,) = await server.store.repositories.by_path("var/mail/relay-limit-exceeded")
        assert await repository.size() == 1
        assert await messages(server, BOB) == []


class NextHop:
    """A scripted next hop: answers RCPT with what the test wants, keeps what it takes."""

    def __init__(self, answers: list[str]) -> None:
        self.answers = answers
        self.taken: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 next.example\r\n")
        while line := await reader.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"EHLO":
                writer.write(b"250-next.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"RCPT":
                writer.write((self.answers.pop(0) if self.answers else "250 ok").encode() + b"\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go\r\n")
                self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()


@contextlib.asynccontextmanager
async def next_hop(answers: list[str]) -> AsyncIterator[tuple[NextHop, str]]:
    """With the configuration that leads there."""
    hop = NextHop(answers)
    server = await asyncio.start_server(hop.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    default = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
    container = (
        default.replace(
            "<outgoing>outgoing</outgoing>", f"<outgoing>outgoing</outgoing><gateway>127.0.0.1:{port}</gateway>"
        )
        .replace("5 minutes, 15 minutes, 30 minutes, 1 hour, 20*4 hours", "10 ms, 10 ms")
        .replace(">24<", ">2<")
    )
    try:
        yield hop, container
    finally:
        server.close()


async def test_a_mail_goes_to_the_next_hop_at_the_second_try(tmp_path: Path) -> None:
    async with (
        next_hop(["451 4.7.1 later"]) as (hop, container),
        running(tmp_path, elements=NETWORK, container=container) as server,
    ):
        async with conversation(server.ports["smtp"]) as c:
            await send(c, ["x@elsewhere.example"], "Subject: x\r\n\r\n..dots", sender="bob@example.org")
        await eventually(lambda: idle(server))
        assert len(hop.taken) == 1
        assert b"\r\n\r\n..dots\r\n.\r\n" in hop.taken[0]
        assert await messages(server, BOB) == []


async def test_a_refused_mail_comes_back_as_a_report(tmp_path: Path) -> None:
    async with (
        next_hop(["550 5.1.1 no such user"]) as (hop, container),
        running(tmp_path, elements=NETWORK, container=container) as server,
    ):
        async with conversation(server.ports["smtp"]) as c:
            await send(c, ["x@elsewhere.example"], sender="bob@example.org")
        await eventually(lambda: idle(server))
        assert hop.taken == []
        (report,) = await messages(server, BOB)
        assert report.startswith(b"Return-Path: <>\r\n")
        assert b"multipart/report; report-type=delivery-status" in report
        assert b"Final-Recipient: rfc822; x@elsewhere.example\r\nAction: failed\r\nStatus: 5.1.1\r\n" in report


async def test_after_the_last_try_the_sender_is_told(tmp_path: Path) -> None:
    async with (
        next_hop(["451 4.7.1 later"] * 10) as (_, container),
        running(tmp_path, elements=NETWORK, container=container) as server,
    ):
        async with conversation(server.ports["smtp"]) as c:
            await send(c, ["x@elsewhere.example"], sender="bob@example.org")
        await eventually(lambda: idle(server))
        (report,) = await messages(server, BOB)
        assert b"Too many retries failure. Bouncing after 2 retries." in report


async def test_a_failing_mailet_puts_the_mail_into_the_error_repository(tmp_path: Path) -> None:
    default = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
    container = default.replace(
        '<mailet match="All" class="AddDeliveredToHeader"/>',
        '<mailet match="All" class="tests.dialogues.failing.Failing"/>',
    )
    async with running(tmp_path, container=container) as server, conversation(server.ports["smtp"]) as c:
        await send(c, ["bob@example.org"])
        await eventually(lambda: idle(server))
        repository = await server.store.repositories.find(RepositoryUrl("embedded", "var/mail/error"))
        assert repository is not None
        (key,) = [key async for key in repository.keys()]  # noqa: SIM118 - no dictionary
        mail = await repository.retrieve(key)
        assert mail is not None
        assert mail.error_message is not None
        assert "RuntimeError: on purpose" in mail.error_message


async def test_a_recipient_that_was_given_twice_gets_one_copy(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await send(c, ["bob@example.org", "ann@example.org", "Bob@Example.org"])
        await eventually(lambda: idle(server))
        assert (len(await messages(server, BOB)), len(await messages(server, ANN))) == (1, 1)


async def test_a_repeated_recipient_stays_accepted_whatever_later_handlers_say(tmp_path: Path) -> None:
    handlers = (
        '<handler class="SupressDuplicateRcptHandler"/><handler class="MaxRcptHandler"><maxRcpt>1</maxRcpt></handler>'
    )
    async with running(tmp_path, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await send(c, ["bob@example.org", "bob@example.org"])
        await eventually(lambda: idle(server))
        assert len(await messages(server, BOB)) == 1
