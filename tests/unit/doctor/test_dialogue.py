"""The small client of the checks, against servers that break the rules."""

import asyncio

import pytest

from compostela.core.autoconfiguration.endpoints import Endpoint, Speaks
from compostela.doctor.wire.dialogue import DialogueFailed, dialogue


@pytest.mark.parametrize(
    ("speaks", "answers"),
    [
        (Speaks.SMTP, {b"EHLO": b"250 STARTTLS\r\n", b"STAR": b"220 go ahead\r\n250 in the clear\r\n"}),
        (Speaks.IMAP, {b"a ST": b"a OK go ahead\r\n* OK in the clear\r\n"}),
        (Speaks.POP3, {b"STLS": b"+OK go ahead\r\n+OK in the clear\r\n"}),
    ],
)
async def test_what_comes_in_the_clear_after_the_go_ahead_is_not_read_under_tls(
    speaks: Speaks, answers: dict[bytes, bytes]
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while (line := await reader.readline())[:4] in answers:
            writer.write(answers[line[:4]])
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        endpoint = Endpoint("rash", speaks, "127.0.0.1", server.sockets[0].getsockname()[1], starttls=True)
        async with dialogue(endpoint) as talk:
            await talk.greeting()
            with pytest.raises(DialogueFailed, match="in the clear after the go-ahead"):
                await talk.secure()
