"""Mail loops end: too many Received fields (RFC 5321 §6.3), a next hop that is this server (§5), forwards that lead back."""

import asyncio
import contextlib
from importlib.resources import files
from pathlib import Path

import pytest

from compostela.core.repository.ports import RepositoryUrl
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.model.mail_address import MailAddress
from compostela.testing.conversation import conversation
from compostela.testing.mails import a_mail
from compostela.testing.ports import free_port
from compostela.testing.server import ANN, BOB, SMTP, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import NETWORK, idle, messages, next_hop, send

DEFAULT = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
WITHOUT_RELAY_LIMIT = DEFAULT.replace("RelayLimit=30", "RelayLimit=10000")
REFUSED = "554 5.4.6 The mail has passed too many servers"


def looped(times: int) -> str:
    return "Received: from x by y\r\n" * times + "Subject: received received\r\n\r\nReceived: hello"


async def answers(port: int, text: str, *expected: str, verb: str = "EHLO", recipients: int = 1) -> None:
    async with conversation(port) as c:
        await c.server("220 ")
        await c.client(f"{verb} client.example")
        await c.until("250 ")
        to = ["bob@example.org", "ann@example.org"][:recipients]
        await c.client("MAIL FROM:<ann@example.org>", *(f"RCPT TO:<{one}>" for one in to), "DATA")
        await c.server("250 2.1.0", *("250 2.1.5" for _ in to), "354")
        await c.client(text, ".")
        await c.server(*expected)


async def test_a_mail_that_has_passed_a_hundred_servers_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, lmtp="", identity="disabled", elements=NETWORK) as server:
        await answers(server.ports["smtp"], looped(99), "250 2.6.0")
        await answers(server.ports["smtp"], looped(100), REFUSED)
        await answers(server.ports["lmtp"], looped(99), "250 2.6.0", verb="LHLO")
        await answers(server.ports["lmtp"], looped(100), REFUSED, REFUSED, verb="LHLO", recipients=2)
        await eventually(lambda: idle(server))


async def test_the_limit_of_received_fields_can_be_set(tmp_path: Path) -> None:
    handler = '<handler class="ReceivedLimitHandler"><maxReceived>5</maxReceived></handler>'
    async with running(tmp_path, identity="disabled", handlers=handler) as server:
        await answers(server.ports["smtp"], looped(4), "250 2.6.0")
        await answers(server.ports["smtp"], looped(5), REFUSED)


@pytest.mark.parametrize(("limit", "fields"), [("", 101), ("<maxReceived>5</maxReceived>", 6)])
async def test_a_mail_in_a_loop_inside_the_pipeline_is_reported_once(tmp_path: Path, limit: str, fields: int) -> None:
    container = WITHOUT_RELAY_LIMIT.replace("<threads>", f"{limit}<threads>")
    async with running(tmp_path, container=container) as server:
        mail = a_mail(sender=str(BOB), recipients=("ann@example.org",))
        mail.content = mail.content.with_header(looped(fields).partition("\r\n\r\n")[0].encode() + b"\r\n\r\n")
        await server.store.queues.queue("spool").enqueue(mail)
        await eventually(lambda: idle(server))
        (report,) = await messages(server, BOB)
        assert b"554 5.4.6 The mail has passed too many servers" in report
        repository = await server.store.repositories.find(RepositoryUrl("embedded", "var/mail/error"))
        assert repository is not None
        assert await repository.size() == 1


def with_gateway(port: int) -> str:
    return DEFAULT.replace("<outgoing>", f"<gateway>127.0.0.1:{port}</gateway><outgoing>")


async def sends(server: Server, recipient: str) -> None:
    async with conversation(server.ports["smtp"]) as c:
        await send(c, [recipient], sender=str(BOB))


async def ends_in_one_report(server: Server) -> None:
    await eventually(lambda: idle(server))
    (report,) = await messages(server, BOB)
    assert b"Action: failed" in report
    assert b"Status: 5.4.6" in report
    assert report.count(b"Received: from ") == 1, "the mail did not go around"


async def test_a_gateway_that_is_this_server_by_its_address_is_reported_once(tmp_path: Path) -> None:
    port = free_port()
    smtp = SMTP.replace("127.0.0.1:0", f"127.0.0.1:{port}").replace("mail.example.org", "localhost")
    async with running(tmp_path, elements=NETWORK, container=with_gateway(port), smtp=smtp) as server:
        await sends(server, "x@elsewhere.example")
        await ends_in_one_report(server)


async def test_a_gateway_that_is_this_server_by_its_name_is_reported_once(tmp_path: Path) -> None:
    """Behind NAT the address is another's."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while octets := await reader.read(65536):
                writer.write(octets)
        writer.close()

    nat = await asyncio.start_server(relay, "127.0.0.1", 0)
    container = with_gateway(nat.sockets[0].getsockname()[1])
    async with nat, running(tmp_path, elements=NETWORK, container=container) as server:
        port = server.ports["smtp"]
        await sends(server, "x@elsewhere.example")
        await ends_in_one_report(server)


async def forwards(server: Server, *targets: str) -> None:
    source = MappingSource.of_address(MailAddress.parse("ann@example.org"))
    for target in targets:
        await server.store.rewriting.add(source, Mapping(MappingType.FORWARD, target))


async def test_a_forward_that_comes_back_is_not_forwarded_again(tmp_path: Path) -> None:
    async with (
        next_hop([]) as (hop, container),
        running(tmp_path, elements=NETWORK, container=container) as server,
    ):
        await forwards(server, "ann@example.org", "x@elsewhere.example")
        await sends(server, "ann@example.org")
        await eventually(lambda: idle(server))
        (taken,) = hop.taken
        assert taken.startswith(b"Delivered-To: ann@example.org\r\n")
        assert len(await messages(server, ANN)) == 1
        async with conversation(server.ports["smtp"]) as c:
            await send(c, ["ann@example.org"], taken.decode().removesuffix("\r\n.\r\n"), sender=str(BOB))
        await eventually(lambda: idle(server))
        assert len(hop.taken) == 1, "it went out once"
        assert len(await messages(server, ANN)) == 2, "her own copy is delivered"
        (report,) = await messages(server, BOB)
        assert b"554 5.4.6 The forwards of ann@example.org make a loop" in report


async def test_the_report_of_a_forward_that_comes_back_reaches_its_user(tmp_path: Path) -> None:
    """The mail comes back with the sender that it went out with, the user who forwards: the report is not forwarded."""
    async with (
        next_hop([]) as (hop, container),
        running(tmp_path, elements=NETWORK, container=container) as server,
    ):
        await forwards(server, "x@elsewhere.example")
        async with conversation(server.ports["smtp"]) as c:
            text = "Delivered-To: ann@example.org\r\nSubject: x\r\n\r\nhello"
            await send(c, ["ann@example.org"], text, sender=str(ANN))
        await eventually(lambda: idle(server))
        assert hop.taken == []
        (report,) = await messages(server, ANN)
        assert b"554 5.4.6 The forwards of ann@example.org make a loop" in report


async def test_a_mail_delivered_before_is_delivered_again_where_nothing_is_forwarded(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        text = "Delivered-To: bob@example.org\r\nSubject: sent again\r\n\r\nhello"
        await send(c, ["bob@example.org"], text, sender="a@b.example")
        await eventually(lambda: idle(server))
        (message,) = await messages(server, BOB)
        assert message.count(b"Delivered-To: bob@example.org\r\n") == 2


async def test_forwards_of_others_are_no_loop(tmp_path: Path) -> None:
    """A mail that was forwarded for one user may be forwarded for another."""
    async with (
        next_hop([]) as (hop, container),
        running(tmp_path, elements=NETWORK, container=container) as server,
    ):
        await forwards(server, "x@elsewhere.example")
        async with conversation(server.ports["smtp"]) as c:
            text = "Delivered-To: carol@example.net\r\nSubject: x\r\n\r\nhello"
            await send(c, ["ann@example.org"], text, sender="a@b.example")
        await eventually(lambda: idle(server))
        assert len(hop.taken) == 1


async def test_a_forward_without_a_rewritten_sender_that_comes_back_ends_too(tmp_path: Path) -> None:
    async with next_hop([]) as (hop, container):
        rewriting = "<rewriteSenderUponForward>false</rewriteSenderUponForward>"
        container = container.replace("<errorProcessor>", f"{rewriting}<errorProcessor>")
        async with running(tmp_path, elements=NETWORK, container=container) as server:
            await forwards(server, "x@elsewhere.example")
            await sends(server, "ann@example.org")
            await eventually(lambda: idle(server))
            (taken,) = hop.taken
            async with conversation(server.ports["smtp"]) as c:
                await send(c, ["ann@example.org"], taken.decode().removesuffix("\r\n.\r\n"), sender=str(BOB))
            await eventually(lambda: idle(server))
            assert len(hop.taken) == 1
            assert len(await messages(server, BOB)) == 1
