"""The health checks MailReceptionCheck and EmptyErrorMailRepository on a running server."""

import asyncio
from pathlib import Path

from compostela.core.health.checks import HealthResult, HealthStatus
from compostela.core.repository.ports import RepositoryUrl
from compostela.testing.mails import a_mail
from compostela.testing.server import BOB, Server, running

RECEPTION = "reception.check.user=bob@example.org\nreception.check.timeout={}\n"
STOPPED = """<mailetcontainer><spooler><threads>0</threads></spooler><processors>
<processor state="root"><mailet match="All" class="Null"/></processor>
<processor state="transport"><mailet match="All" class="RemoveMimeHeader"><name>bcc</name></mailet></processor>
<processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""


async def checked(server: Server, component: str) -> HealthResult:
    (found,) = await server.under_test.health.run([component])
    return found


async def messages(server: Server) -> int:
    mailboxes = server.under_test.services.mailboxes.system
    return (await mailboxes.status(await mailboxes.inbox(BOB))).messages


async def test_a_mail_that_arrives_leaves_nothing(tmp_path: Path) -> None:
    files = {"healthcheck.properties": RECEPTION.format("60s")}
    async with running(tmp_path, files=files) as server:
        found = await asyncio.gather(*(checked(server, "MailReceptionCheck") for _ in range(3)))
        assert {one.status for one in found} == {HealthStatus.HEALTHY}
        assert await messages(server) == 0


async def test_a_mail_that_does_not_arrive_is_unhealthy(tmp_path: Path) -> None:
    files = {"healthcheck.properties": RECEPTION.format("100ms")}
    async with running(tmp_path, files=files, container=STOPPED) as server:
        found = await checked(server, "MailReceptionCheck")
        assert (found.status, found.cause) == (
            HealthStatus.UNHEALTHY, "a mail to bob@example.org has not arrived in 0.1 seconds",
        )  # fmt: skip


async def test_a_user_who_is_not_there_is_unhealthy(tmp_path: Path) -> None:
    files = {"healthcheck.properties": "reception.check.user=nobody@example.org\n"}
    async with running(tmp_path, files=files) as server:
        found = await checked(server, "MailReceptionCheck")
        assert found.status is HealthStatus.UNHEALTHY
        assert "does not exist" in str(found.cause)


async def test_without_a_user_there_is_no_such_check(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        assert "MailReceptionCheck" not in server.under_test.health.components


async def test_mails_in_the_error_repository_are_degraded(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        assert (await checked(server, "EmptyErrorMailRepository")).status is HealthStatus.HEALTHY
        url: RepositoryUrl = server.under_test.container.error_repository
        repository = await server.store.repositories.select(url)
        await repository.store(a_mail())
        found = await checked(server, "EmptyErrorMailRepository")
        assert found.status is HealthStatus.DEGRADED
        assert "holds 1 mails" in str(found.cause)
