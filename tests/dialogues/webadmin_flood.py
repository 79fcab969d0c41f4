"""What dialogues about webadmin flood share."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from compostela.testing.server import Server, running

WEBADMIN = "enabled=true\nhost=127.0.0.1\nport=0\npassword=secret\n"


@contextlib.asynccontextmanager
async def administered(folder: Path) -> AsyncIterator[tuple[Server, str]]:
    """The server and the address of its WebAdmin."""
    async with running(folder, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        yield server, f"http://127.0.0.1:{server.under_test.web_port}"
