"""DKIMHook at the wire, against a name server on loopback."""

import contextlib
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.name_server import name_server, text_record
from compostela.testing.server import Server, running
from tests.unit.mailauth.dkim.samples import BODY, HEADER, Signer, keys, sample

SIGNER = Signer()
OTHER = Signer("other.example")
TRYING = Signer("trying.example")
TRYING.record += "; t=y"
SILENT = Signer("silent.example")
ZONE = {
    name: {"TXT": [text_record(str(record))]}
    for records in (SIGNER.records, OTHER.records, TRYING.records, keys())
    for name, record in records.items()
}
SENDER = "ann@own.example"
RECEIVED = "250 2.6.0 Message received"
NONE = "530 5.7.20 DKIM check failed. Expecting DKIM signatures. Got none."
INVALID = "530 5.7.20 DKIM check failed. Invalid signature."
OPTIONAL = "<signatureRequired>false</signatureRequired>"
NETWORK = "<authorizedAddresses>127.0.0.0/8</authorizedAddresses>"
CHANGED = SIGNER.signed().replace(b"Lunch", b"Supper")


@contextlib.asynccontextmanager
async def checking(
    folder: Path, parameters: str = "", failing: Collection[str] = (), **options: str
) -> AsyncIterator[tuple[Server, Conversation]]:
    handler = f'<handler class="org.apache.james.protocols.smtp.dkim.DKIMHook">{parameters}</handler>'
    async with (
        name_server(ZONE, failing=failing) as names,
        running(folder, handlers=handler, dns=names.address, **options) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        yield server, c


async def send(c: Conversation, header: bytes, body: bytes = BODY, sender: str = SENDER) -> str:
    await c.client(f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "DATA")
    await c.server("250 2.1.0", "250 2.1.5", "354 ")
    await c.octets((header + body).replace(b"\r\n.", b"\r\n..") + b".\r\n")
    return await c.line()


async def test_one_signature_that_holds_is_needed(tmp_path: Path) -> None:
    async with checking(tmp_path) as (_, c):
        assert await send(c, SIGNER.signed()) == RECEIVED
        assert await send(c, OTHER.signed(CHANGED)) == RECEIVED
        assert await send(c, HEADER) == NONE
        assert await send(c, CHANGED) == INVALID
        assert await send(c, SIGNER.signed(), BODY + b"more\r\n") == INVALID
        assert await send(c, b"DKIM-Signature: nonsense\r\n" + HEADER) == INVALID


async def test_a_signature_among_thousands_of_fields_and_one_with_more_behind_it_hold(tmp_path: Path) -> None:
    async with checking(tmp_path) as (_, c):
        assert await send(c, b"X-Number: one\r\n" * 3000 + SIGNER.signed()) == RECEIVED
        assert await send(c, SIGNER.signed(l=str(len(BODY))), BODY + b"more\r\n") == RECEIVED


async def test_the_examples_of_the_rfcs_hold(tmp_path: Path) -> None:
    async with checking(tmp_path) as (_, c):
        for name in ("rfc6376.eml", "rfc8463.eml", "two.eml", "blank-lines.eml"):
            assert await send(c, *sample(name)) == RECEIVED, name
        for name in ("rsa-sha1.eml", "small-key.eml"):
            assert await send(c, *sample(name)) == INVALID, name


async def test_without_signature_required_only_wrong_ones_are_refused(tmp_path: Path) -> None:
    async with checking(tmp_path, OPTIONAL) as (_, c):
        assert await send(c, HEADER) == RECEIVED
        assert await send(c, CHANGED) == INVALID
        assert await send(c, TRYING.signed().replace(b"Lunch", b"Supper")) == RECEIVED


async def test_a_domain_that_tries_dkim_out_counts_as_unsigned(tmp_path: Path) -> None:
    async with checking(tmp_path) as (_, c):
        assert await send(c, TRYING.signed()) == RECEIVED
        assert await send(c, TRYING.signed().replace(b"Lunch", b"Supper")) == NONE


async def test_expected_signers(tmp_path: Path) -> None:
    async with checking(tmp_path, "<expectedDToken>own.example, third.example</expectedDToken>") as (_, c):
        assert await send(c, SIGNER.signed()) == RECEIVED
        assert await send(c, OTHER.signed(SIGNER.signed())) == RECEIVED
        wrong = "530 5.7.21 DKIM check failed. Wrong d token. Expecting own.example, third.example. Got other.example."
        assert await send(c, OTHER.signed()) == wrong


@pytest.mark.parametrize(
    ("entities", "envelope_answer", "header_answer"),
    [("", NONE, NONE), ("envelope", NONE, RECEIVED), ("headers", RECEIVED, NONE), ("headers, envelope", NONE, NONE)],
)
async def test_only_for_some_domains(tmp_path: Path, entities: str, envelope_answer: str, header_answer: str) -> None:
    named = f"<validatedEntities>{entities}</validatedEntities>" if entities else ""
    only = f"<onlyForSenderDomain>own.example,third.example</onlyForSenderDomain>{named}"
    foreign = HEADER.replace(b"ann@own.example", b"x@foreign.example")
    async with checking(tmp_path, only) as (_, c):
        assert await send(c, foreign) == envelope_answer
        assert await send(c, HEADER, sender="x@foreign.example") == header_answer
        assert await send(c, foreign, sender="x@foreign.example") == RECEIVED
        assert await send(c, foreign, sender="") == RECEIVED


async def test_a_key_that_cannot_be_had_now_defers(tmp_path: Path) -> None:
    async with checking(tmp_path, failing=SILENT.records) as (_, c):
        assert (await send(c, SILENT.signed())).startswith("451 4.4.3 DKIM check failed for now")
        assert await send(c, SIGNER.signed(SILENT.signed())) == RECEIVED


async def test_whoever_may_relay_is_not_looked_at(tmp_path: Path) -> None:
    async with checking(tmp_path, elements=NETWORK) as (_, c):
        assert await send(c, HEADER) == RECEIVED


async def test_forced_line_ends_are_those_that_are_there(tmp_path: Path) -> None:
    async with checking(tmp_path, "<forceCRLF>true</forceCRLF>") as (_, c):
        assert await send(c, SIGNER.signed()) == RECEIVED
