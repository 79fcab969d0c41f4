"""BDAT at the wire (RFC 3030): chunks, binary content, and that nothing in a chunk is ever a command."""

from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import BOB, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages

EVIL = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\nsmuggled\r\n.\r\nQUIT\r\n"
SMUGGLING = {
    "bare LF": b"\n.\n",
    "bare CR": b"\r.\r",
    "LF.LF": b"x\n.\nx",
    "CR.CR": b"x\r.\rx",
    "CRLF.LF": b"\r\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "NUL": b"\r\n\x00.\r\n",
}


async def begin(c: Conversation, parameters: str = "") -> None:
    await c.server("220 ")
    await c.client("EHLO client.example")
    features = await c.until("250 ")
    assert {"250-CHUNKING", "250-BINARYMIME", "250-LIMITS RCPTMAX=1000"} <= set(features)
    await c.client(f"MAIL FROM:<a@foreign.example>{parameters}", "RCPT TO:<bob@example.org>")
    await c.server("250 2.1.0", "250 2.1.5")


async def chunk(c: Conversation, octets: bytes, last: str = "") -> None:
    await c.octets(b"BDAT %d%b\r\n%b" % (len(octets), last.encode(), octets))


async def taken(server: Server) -> bytes:
    await eventually(lambda: idle(server))
    (message,) = await messages(server, BOB)
    return message


async def test_a_message_in_chunks(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await chunk(c, b"Subject: x\r\n\r\n.\r\n..dots stay\r")
        await c.server("250 2.0.0 29 octets received")
        await chunk(c, b"\nQUIT\r\nend\r\n")
        await c.server("250 2.0.0 12 octets received")
        await c.client("BDAT 0 LAST")
        await c.server("250 2.6.0 Message received")
        assert (await taken(server)).endswith(b"\r\n\r\n.\r\n..dots stay\r\nQUIT\r\nend\r\n")


async def test_chunks_are_pipelined(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await c.octets(b"BDAT 14\r\nSubject: x\r\n\r\nBDAT 4 LAST\r\nhi\r\nNOOP\r\nQUIT\r\n")
        await c.server("250 2.0.0 14", "250 2.6.0", "250 2.0.0 OK", "221 ")


async def test_binary_content(tmp_path: Path) -> None:
    binary = b"\x00\n.\n\r\xff\r\n.\r\n"
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c, " BODY=BINARYMIME")
        await chunk(c, b"Content-Transfer-Encoding: binary\r\n\r\n" + binary, " LAST")
        await c.server("250 2.6.0")
        assert (await taken(server)).endswith(b"\r\n\r\n" + binary)


@pytest.mark.parametrize("variant", SMUGGLING)
@pytest.mark.parametrize("parameters", ["", " BODY=8BITMIME"])
async def test_text_in_chunks_is_lines(tmp_path: Path, variant: str, parameters: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c, parameters)
        await chunk(c, b"Subject: x\r\n\r\nx" + SMUGGLING[variant] + EVIL, " LAST")
        await c.server("554 5.6.0 A CR or LF alone and NUL octets need BODY=BINARYMIME")
        await c.client("NOOP")
        await c.server("250 2.0.0 OK")
        assert await server.store.queues.queue("spool").size() == 0


@pytest.mark.parametrize("variant", SMUGGLING)
async def test_nothing_in_a_binary_chunk_is_a_command(tmp_path: Path, variant: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c, " BODY=BINARYMIME")
        content = b"Subject: x\r\n\r\nx" + SMUGGLING[variant] + EVIL
        await chunk(c, content, " LAST")
        await c.server("250 2.6.0")
        await c.client("NOOP")
        await c.server("250 2.0.0 OK")
        assert (await taken(server)).endswith(content)


@pytest.mark.parametrize("variant", SMUGGLING)
@pytest.mark.parametrize("body", ["", " BODY=BINARYMIME"])
async def test_nothing_in_a_chunk_is_a_command_of_lmtp(tmp_path: Path, variant: str, body: str) -> None:
    async with running(tmp_path, lmtp="") as server, conversation(server.ports["lmtp"]) as c:
        await c.server("220 ")
        await c.client("LHLO client.example")
        await c.until("250 ")
        await c.client(f"MAIL FROM:<a@b.example>{body}", "RCPT TO:<bob@example.org>", "RCPT TO:<bob@example.org>")
        await c.server("250 ", "250 ", "250 ")
        content = b"Subject: x\r\n\r\nx" + SMUGGLING[variant] + EVIL
        await chunk(c, content, " LAST")
        answer = "250 2.6.0" if body else "554 5.6.0"
        await c.server(answer, answer)
        await c.client("NOOP")
        await c.server("250 2.0.0 OK")
        assert [one.endswith(content) for one in await messages(server, BOB)] == ([True] if body else [])


@pytest.mark.parametrize("variant", SMUGGLING)
async def test_the_same_with_data(tmp_path: Path, variant: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await c.client("DATA")
        await c.server("354 ")
        await c.octets(b"Subject: x\r\n\r\nx" + SMUGGLING[variant] + EVIL.partition(b".\r\n")[0] + b".\r\n")
        if variant == "NUL":
            await c.server("554 5.6.0 The message holds NUL octets")
        else:
            await c.server("500 5.0.0 line delimiter must be CRLF")
            await c.closed()
        assert await server.store.queues.queue("spool").size() == 0


@pytest.mark.parametrize("argument", ["", "x", "-1", "12 FIRST", "99999999999"])
async def test_a_chunk_without_a_size_ends_the_connection(tmp_path: Path, argument: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await c.client(f"BDAT {argument}", "NOOP")
        await c.server("501 5.5.4 Usage: BDAT size [LAST]")
        await c.closed()


@pytest.mark.parametrize("before", [0, 1, 9000])
@pytest.mark.parametrize("split", [1, 9000])
async def test_octets_behind_a_line_that_is_too_long_are_no_commands(tmp_path: Path, split: int, before: int) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        line = b" " * before + b"BDAT " + b" " * 9000 + b"%d LAST\r\n" % len(EVIL)
        await c.octets(line[:split])
        await c.octets(line[split:] + EVIL)
        await c.server("500 5.5.2 Line length exceeded")
        await c.closed()


async def test_a_tab_before_the_size_makes_no_commands_of_a_chunk(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await c.octets(b"BDAT\t%d LAST\r\n%bNOOP\r\n" % (len(EVIL), EVIL))
        await c.server("250 2.6.0", "250 2.0.0 OK")


async def test_a_chunk_out_of_place_is_not_swallowed_for_ever(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        await c.client("BDAT 9999999999 LAST")
        await c.server("503 5.5.0 No sender specified")
        await c.closed()


async def test_a_chunk_out_of_place_is_swallowed(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        await chunk(c, EVIL, " LAST")
        await c.server("503 5.5.0 No sender specified")
        await c.client("MAIL FROM:<a@b.example>")
        await c.server("250 2.1.0")
        await chunk(c, EVIL)
        await c.server("503 5.5.0 No recipients specified")
        await c.client("RCPT TO:<bob@example.org>")
        await c.server("503 5.5.0 Need MAIL before RCPT")


async def test_the_size_limit_counts_all_chunks(tmp_path: Path) -> None:
    async with running(tmp_path, size="10K") as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        for _ in range(2):
            await chunk(c, b"x" * 5000)
            await c.server("250 2.0.0 5000")
        await chunk(c, b"x" * 5000)
        await c.server("552 5.3.4 Message size exceeds fixed maximum message size")
        await chunk(c, b"x" * 5000, " LAST")
        await c.server("503 5.5.0 No sender specified")


async def test_chunks_and_data_do_not_mix(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await chunk(c, b"Subject: x\r\n\r\n")
        await c.server("250 2.0.0")
        await c.client("DATA", "RCPT TO:<ann@example.org>", "MAIL FROM:<>")
        await c.server("503 5.5.1 The message is under way with BDAT", "503 5.5.1", "503 5.5.0 Sender already")
        await chunk(c, b"hi\r\n", " LAST")
        await c.server("250 2.6.0")
        await chunk(c, b"hi\r\n", " LAST")
        await c.server("503 5.5.0 No sender specified")


async def test_binary_content_does_not_go_with_data(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c, " BODY=BINARYMIME")
        await c.client("DATA")
        await c.server("503 5.5.1 BODY=BINARYMIME goes with BDAT only")


@pytest.mark.parametrize("command", ["RSET", "EHLO again.example", "HELO again.example"])
async def test_what_ends_a_transaction_drops_its_chunks(tmp_path: Path, command: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await chunk(c, b"Subject: dropped\r\n\r\ndropped\r\n")
        await c.server("250 2.0.0")
        await c.client(command)
        await c.until("250 ")
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>")
        await c.server("250 2.1.0", "250 2.1.5")
        await chunk(c, b"Subject: y\r\n\r\nkept\r\n", " LAST")
        await c.server("250 2.6.0")
        assert b"dropped" not in await taken(server)


async def test_too_many_errors_between_chunks(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await chunk(c, b"Subject: x\r\n\r\n")
        await c.server("250 2.0.0")
        await c.client(*["RCPT TO:<ann@example.org>"] * 30)
        await c.until("421 4.7.0")
        await c.closed()


async def test_a_hook_hangs_up_between_chunks(tmp_path: Path) -> None:
    handlers = '<handler class="MaxUnknownCmdHandler"><maxUnknownCmdCount>1</maxUnknownCmdCount></handler>'
    async with running(tmp_path, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await chunk(c, b"Subject: x\r\n\r\n")
        await c.server("250 2.0.0")
        await c.client("FOO", "FOO")
        await c.server("500 5.5.1", "521 ")
        await c.closed()


async def test_quit_between_chunks(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await chunk(c, b"Subject: x\r\n\r\n")
        await c.server("250 2.0.0")
        await c.client("QUIT")
        await c.server("221 ")
        await c.closed()
        assert await server.store.queues.queue("spool").size() == 0


async def test_limits(tmp_path: Path) -> None:
    elements = "<maxRecipients>200</maxRecipients><maxMailsPerConnection>1</maxMailsPerConnection>"
    handlers = '<handler class="MaxRcptHandler"><maxRcpt>100</maxRcpt></handler>'
    async with (
        running(tmp_path, elements=elements, handlers=handlers) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await c.server("220 ")
        await c.client("EHLO client.example")
        assert "250-LIMITS RCPTMAX=100 MAILMAX=1" in await c.until("250 ")
        await c.client("MAIL FROM:<a@b.example>", "RSET", "MAIL FROM:<a@b.example>")
        await c.server("250 2.1.0", "250 2.0.0", "452 4.5.3 Too many mails on one connection")
