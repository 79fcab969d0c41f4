"""What a trace says of a mailet's step."""

from pathlib import Path

import pytest

from compostela.processing.parking import Parking
from compostela.processing.processor import Before, Pair
from compostela.processing.tracing import TracingObserver
from compostela.testing.pipeline import BOB, mail_of, mailet, server_context


@pytest.mark.parametrize(("error", "told"), [(" \r\n", []), ("first\r\nlast\r\n", ["error: last"]), (None, [])])
async def test_a_blank_error_message_does_not_stop_the_mail(tmp_path: Path, error: str | None, told: list[str]) -> None:
    async with server_context(tmp_path) as context:
        observer, pair = TracingObserver(context.tracer), Pair(None, False, mailet("Null", context))
        mail = mail_of()
        before = Before(mail.sender, tuple(mail.recipients), mail.content.header, mail.state)
        mail.state, mail.error_message = "error", error
        observer.served(pair, mail, "root", before)
        (event,) = await context.tracer.read(mail.name)
        assert list(event.detail) == ["goes to the processor error", *told]


async def test_the_error_repository_is_an_end(tmp_path: Path) -> None:
    async with server_context(tmp_path) as context:
        queue = context.queues.queue("spool")
        await queue.enqueue(mail_of())
        item = await queue.dequeue()
        await Parking(context.repositories, context.error_repository, context.tracer).park(item, item.mail, "no use")
        (event,) = await context.tracer.read(item.mail.name)
        assert (event.what, event.place, event.recipients) == ("end", str(context.error_repository), (BOB,))
