"""A connection to RabbitMQ that is made again when it is lost."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError

from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.base.complaints import Complaints

# the driver logs each attempt to connect; the user of the connection says once that it is away
logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)

CANCEL_SECONDS = 0.1
ERRORS = (AMQPError, ConnectionError, OSError, TimeoutError, RuntimeError)
"""What aio-pika raises when the broker is away: it uses `RuntimeError` for a channel that is closed."""


async def keep_connected(
    settings: RabbitSettings, complaints: Complaints, serve: Callable[[AbstractConnection], Awaitable[None]]
) -> None:
    """Connect to one server after the other and give the connection to `serve`, which closes it; it raises one of `ERRORS` when the
    connection is lost. Runs until it is cancelled."""
    pause, number = settings.first_pause_seconds, 0
    while True:
        try:
            connection = await _connect(settings, settings.uris[number % len(settings.uris)])
            pause = settings.first_pause_seconds
            await serve(connection)
        except ERRORS as error:
            complaints.error("RabbitMQ is away; the connection is tried again", error)
        number += 1
        await asyncio.sleep(pause)
        pause = min(2 * pause, settings.last_pause_seconds)


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end. The driver may take a cancellation for itself while it connects, so it is repeated."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)


async def until_closed(connection: AbstractConnection, channel: AbstractChannel) -> None:
    waits = [asyncio.ensure_future(one.closed()) for one in (connection, channel)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def disconnect(connection: AbstractConnection, settings: RabbitSettings, complaints: Complaints) -> None:
    try:
        async with asyncio.timeout(settings.connect_seconds):
            await connection.close()
    except ERRORS as error:
        complaints.error("the connection to RabbitMQ cannot be closed in order", error)


async def _connect(settings: RabbitSettings, uri: str) -> AbstractConnection:
    async with asyncio.timeout(settings.connect_seconds):
        return await aio_pika.connect(
            uri, ssl=settings.is_encrypted, ssl_context=_tls(settings), timeout=settings.connect_seconds
        )


def _tls(settings: RabbitSettings) -> ssl.SSLContext | None:
    if not settings.is_encrypted:
        return None
    context = ssl.create_default_context(cafile=settings.trusted_certificates)
    if not settings.is_certificate_checked:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if settings.client_certificate is not None:
        context.load_cert_chain(settings.client_certificate)
    return context
