"""What dialogues about queue listing share."""

import asyncio

from click.testing import CliRunner

from compostela.app.cli import main
from compostela.testing.server import Server


async def command(server: Server, *arguments: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{server.under_test.web_port}"
    run = CliRunner().invoke
    done = await asyncio.to_thread(run, main, [*arguments, "--url", url, "--token", "full"])
    return done.exit_code, done.output
