"""The hook, in a whole server."""

from pathlib import Path

from compostela.testing.conversation import conversation
from compostela.testing.server import running

HANDLER = '<handler class="examples.hooks.OfficeHours"><closed>ann@example.org</closed></handler>'


async def test_the_office_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=HANDLER) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("HELO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<ann@example.org>")
        await c.server("250 ", "250 2.1.0", "450 4.2.1 ann@example.org takes no mail now")
        await c.client("RCPT TO:<bob@example.org>")
        await c.server("250 2.1.5")
