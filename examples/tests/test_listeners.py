"""The listener, in a whole server: it is told of what an IMAP client does."""

from pathlib import Path

import pytest

from compostela.testing.imap_session import append, logged_in
from compostela.testing.server import running
from compostela.testing.waiting import eventually

LISTENERS = """<listeners><listener><class>examples.listeners.BusyMailboxes</class>
<configuration><changes>2</changes></configuration></listener></listeners>"""


async def test_a_busy_mailbox_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def logged() -> str | None:
        return next((vars(one)["user"] for one in caplog.records if one.message == "busy mailbox"), None)

    with caplog.at_level("INFO", "examples.listeners"):
        async with running(tmp_path, files={"listeners.xml": LISTENERS}) as server, logged_in(server) as c:
            for _ in range(2):
                await append(c)
            assert await eventually(logged) == "bob@example.org"
