"""What dialogues about login clients share."""

import asyncio

MAIL = b"Subject: x\r\nFrom: bob@example.org\r\n\r\nx\r\n"
BOB = "bob@example.org"


async def run(*command: str, given: bytes = b"") -> int:
    """The exit status."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        await process.communicate(given)
    assert process.returncode is not None
    return process.returncode


async def msmtp(port: int, mechanism: str, *options: str) -> int:
    return await run(
        "msmtp", "--host=127.0.0.1", f"--port={port}", f"--auth={mechanism}", f"--user={BOB}", f"--from={BOB}", *options, BOB,
        given=MAIL,
    )  # fmt: skip
