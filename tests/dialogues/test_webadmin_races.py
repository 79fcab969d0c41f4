"""Requests that cross each other, break off or are no text leave WebAdmin and its data in order."""

import asyncio
import logging
from pathlib import Path

import pytest

from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.rewriting.settings import RewritingSettings
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.testing.server import Server, running
from tests.dialogues.first_day import WEBADMIN, ask

FILES = {"webadmin.properties": WEBADMIN}
HEADERS = "Authorization: Bearer full\r\nHost: localhost\r\n"


def sources(one: str, other: str) -> str:
    return f"/address/aliases/{one}@example.org/sources/{other}@example.org"


async def table(server: Server) -> list[str]:
    rows = server.under_test.services.rewriting.all()
    return [f"{source} -> {mapping.text}" async for source, mappings in rows for mapping in mappings]


async def test_of_two_aliases_that_cross_one_is_made(tmp_path: Path) -> None:
    async with running(tmp_path, files=FILES) as server:
        await server.under_test.start_web()
        for number in range(20):
            one, other = f"one{number}", f"other{number}"
            pair = ask(server, "PUT", sources(one, other)), ask(server, "PUT", sources(other, one))
            assert sorted(await asyncio.gather(*pair)) == [204, 409]
        assert len(await table(server)) == 20


async def test_aliases_that_cross_in_two_processes_make_no_loop(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        services = server.under_test.services
        elsewhere = RecipientRewriteTable(
            server.store.rewriting, services.domains, services.users, RewritingSettings(), None
        )
        one, other = MailAddress.parse("one@example.org"), MailAddress.parse("other@example.org")

        def alias(source: MailAddress, target: MailAddress) -> tuple[MappingSource, Mapping]:
            return MappingSource.of_address(source), Mapping(MappingType.ALIAS, str(target))

        await asyncio.gather(
            services.rewriting.add(*alias(one, other)), elsewhere.add(*alias(other, one)), return_exceptions=True
        )
        assert len(await table(server)) <= 1


async def test_a_user_and_an_alias_of_one_address_are_never_both_made(tmp_path: Path) -> None:
    async with running(tmp_path, files=FILES) as server:
        await server.under_test.start_web()
        for number in range(20):
            user = f"user{number}@example.org"
            await asyncio.gather(
                ask(server, "PUT", f"/users/{user}", {"password": "secret"}),
                ask(server, "PUT", sources("bob", f"user{number}")),
            )
            is_user = await server.under_test.services.users.contains(Username.parse(user))
            is_alias = any(row.startswith(user) for row in await table(server))
            assert not (is_user and is_alias), number


@pytest.mark.parametrize(
    "request_line",
    [
        "PUT /users/new@example.org HTTP/1.1",
        "PUT /sieve/bob@example.org/scripts/x HTTP/1.1",
        "PATCH /mailQueues/spool/mails?delayed=true HTTP/1.1",
        "POST /vacation/bob@example.org HTTP/1.1",
        "PUT /log/levels/imap HTTP/1.1",
    ],
)
@pytest.mark.parametrize("is_rude", [False, True])
async def test_a_body_that_breaks_off_leaves_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, request_line: str, is_rude: bool
) -> None:
    async with running(tmp_path, files=FILES) as server:
        await server.under_test.start_web()
        head = f"{request_line}\r\n{HEADERS}Content-Length: 100\r\n\r\n"
        for sent in (head[:40], head, head + '{"pass'):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.under_test.web_port)
            writer.write(sent.encode())
            await writer.drain()
            if is_rude:
                writer.transport.abort()
            else:
                writer.write_eof()
                answer = await asyncio.wait_for(reader.read(), 20)
                assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
                writer.close()
        assert await ask(server, "GET", "/domains") == 200
        assert not await server.under_test.services.users.contains(Username.parse("new@example.org"))
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize(
    "path", ["/users/%ff@example.org", "/domains/%ff", "/mailQueues/%c3", "/users/a%00b@example.org"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_bad_utf_8_in_a_path_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str, method: str
) -> None:
    async with running(tmp_path, files=FILES) as server:
        await server.under_test.start_web()
        assert await ask(server, method, path, {"password": "x"}) in (204, 400, 404)
        assert await ask(server, "GET", f"{path}/%ff?limit=%ff&%ff=%ff") in (400, 404)
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []
