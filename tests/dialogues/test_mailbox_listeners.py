"""Listeners of a whole server: configured in listeners.xml, told of mail that was delivered."""

from pathlib import Path

from compostela.core.events.settings import GENERIC_GROUP
from compostela.core.events.usage import Usage
from compostela.core.health.checks import HealthStatus
from compostela.testing.conversation import conversation
from compostela.testing.server import BOB, Server, running
from compostela.testing.waiting import eventually

USAGE = "<listener><class>UsageListener</class><group>usage</group></listener>"
LISTENERS = "<listeners><executeGroupListeners>{}</executeGroupListeners>{}</listeners>"
CHECKS = ("EventDeadLettersHealthCheck", "MailboxListeners")


async def send(server: Server) -> None:
    async with conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("HELO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "DATA")
        await c.server("250 ", "250 2.1.0", "250 2.1.5", "354")
        await c.client("Subject: Hello", "", "Hello.", ".")
        await c.server("250 2.6.0")


async def statuses(server: Server) -> list[HealthStatus]:
    return [result.status for result in await server.under_test.health.run(CHECKS)]


async def test_usage_of_delivered_mail(tmp_path: Path) -> None:
    async with running(tmp_path, files={"listeners.xml": LISTENERS.format("true", USAGE)}) as server:
        for _ in range(2):
            await send(server)

        async def counted() -> Usage | None:
            usage = await server.store.usage.of_user(BOB)
            return usage if usage.messages == 2 else None

        assert (await eventually(counted)).size_bytes > 100
        assert await server.store.cursors.unattended() == []
        assert await statuses(server) == [HealthStatus.HEALTHY, HealthStatus.HEALTHY]

    async with running(tmp_path, files={"listeners.xml": LISTENERS.format("false", "")}) as server:
        assert [group.name for group in await server.store.cursors.groups()] == [GENERIC_GROUP + "usage"]
        assert await statuses(server) == [HealthStatus.HEALTHY, HealthStatus.DEGRADED], "no process has the role"
        await send(server)

    async with running(tmp_path, files={"listeners.xml": LISTENERS.format("true", "")}) as server:
        assert await server.store.cursors.groups() == [], "it is no longer configured"
        assert await statuses(server) == [HealthStatus.HEALTHY, HealthStatus.HEALTHY]
