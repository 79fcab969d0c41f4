"""A server of forms on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import unquote_to_bytes

from aiohttp import web

from tests.contracts.web_forms import FormServer

MAX_FORM_BYTES = 64 * 1024 * 1024


@contextlib.asynccontextmanager
async def form_server() -> AsyncIterator[FormServer]:
    """Runs until the end of the block."""
    server, is_over = FormServer(""), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        server.media_types.append(request.headers["Content-Type"])
        server.forms.append(_decoded(await request.read()))
        if server.status is None:
            await is_over.wait()
        return web.Response(status=server.status or 500, headers={"Location": "/elsewhere"})

    application = web.Application(client_max_size=MAX_FORM_BYTES)
    application.router.add_post("/form", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/form"
        yield server
    finally:
        is_over.set()
        await runner.cleanup()


def _decoded(form: bytes) -> list[tuple[str, bytes]]:
    pairs = [one.replace(b"+", b" ").split(b"=") for one in form.split(b"&") if one]
    return [(unquote_to_bytes(name).decode(), unquote_to_bytes(value)) for name, value in pairs]
