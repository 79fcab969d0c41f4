"""Mail loops end: too many Received fields (RFC 5321 §6.3), a next hop that is this server (§5), forwards that lead back."""

from importlib.resources import files
from pathlib import Path

import pytest

from compostela.core.repository.ports import RepositoryUrl
from tests.contracts.fakes import a_mail
from tests.dialogues.conversation import conversation
from tests.dialogues.server import BOB, running
from tests.dialogues.test_processing import idle, messages
from tests.dialogues.waiting import eventually

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
    async with running(
        tmp_path, lmtp="", identity="disabled", elements="<authorizedAddresses>127.0.0.0/8</authorizedAddresses>"
    ) as server:
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
