"""A cluster whose Cassandra has lost mail gets it back from the copies in S3, by one command."""

import json
from pathlib import Path

import pytest

from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.node_mails import LARGE, USER, send
from tests.distributed.nodes import blob_settings, broker_uri, redis_server
from tests.distributed.nodes import engine_files as usual_files
from tests.end_to_end.mailbox import fetch_all
from tests.end_to_end.mailbox import session as logged_in
from tests.server_process import ServerProcess

__all__ = ["blob_settings", "broker_uri", "redis_server", "usual_files"]

LOST = ("message", "mailbox_log", "mailbox_page", "mailbox_kept_log", "mailbox_tree")
COMMAND = ("blob", "restore-messages", "--concurrency", "4", "--restore-after", "2020-01-01T00:00:00+00:00", "--json")


@pytest.fixture
def server(usual_files: dict[str, str], tmp_path: Path) -> ServerProcess:
    server = ServerProcess(tmp_path / "node")
    for name, text in usual_files.items():
        (server.conf / name).write_text(text)
    with (server.conf / "cassandra.properties").open("a") as file:
        file.write("mailbox.blob.recovery.mode=synchronous\n")
    with (server.conf / "blob.properties").open("a") as file:
        file.write("cache.enable=true\ncache.cassandra.ttl=1s\n")
    return server


async def test_lost_mail_comes_back(session: FaultySession, server: ServerProcess) -> None:
    server.start()
    server.wait_for_web()
    try:
        server.add_user(USER)
        for number in range(6):
            send(server, number)
        before = sorted(fetch_all(server, USER, 6))
        server.stop()
        for table in LOST:
            await session.change_schema(f"TRUNCATE {table}")
        server.start()
        server.wait_for_web()
        report = json.loads(server.command(*COMMAND))
        assert (report["restoredMessageCount"], report["failedMessageCount"]) == (6, 0)
        with logged_in(server, USER) as imap:
            assert imap.select("Restored-messages")[1] == [b"6"]
            _, found = imap.fetch("1:*", "(BODY.PEEK[])")
        after = sorted(one[1] for one in found if isinstance(one, tuple))
        assert after == before
        assert sum(len(one) > len(LARGE) for one in after) == 3
    finally:
        server.stop()
