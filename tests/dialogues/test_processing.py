"""Mail through the whole pipeline: delivery, relaying, bounces, repositories."""

from importlib.resources import files
from pathlib import Path

from compostela.core.repository.ports import RepositoryUrl
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.model.mail_address import MailAddress
from compostela.testing.conversation import conversation
from compostela.testing.server import ANN, BOB, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import NETWORK, idle, messages, next_hop, send


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
