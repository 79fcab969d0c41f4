"""The session keeps its promises about time-outs, bounds and the way back to the cluster."""

import asyncio
import logging
import socket
import ssl
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from acsylla.errors import CassErrorServerInvalidQuery, CassErrorServerSyntaxError

from compostela.adapters.cassandra.errors import OutcomeUnknown
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.adapters.cassandra.settings import CassandraSettings, CassandraTls, Host
from compostela.adapters.cassandra.tls import load_tls
from compostela.base.errors import TemporaryFailure
from tests.contracts.distance import Eventually
from tests.distributed.cassandra_faults import NotingSession
from tests.distributed.relay import Relay

TLS_FILES = Path(__file__).parents[1] / "data" / "tls"
ADD = "INSERT INTO sieve_mark (user, key, run) VALUES (?, ?, ?) IF NOT EXISTS"
PUT = "INSERT INTO sieve_mark (user, key, run) VALUES (?, ?, ?) USING TIMESTAMP ?"
KEYS = "SELECT key FROM sieve_mark WHERE user = ?"


async def test_rows_come_in_pages_of_the_size_that_was_asked_for(session: CassandraSession) -> None:
    for number in range(7):
        await session.write(PUT, "ann", bytes([number]), "run", 1)
    pages = [[row[0][0] for row in page] async for page in session.pages(KEYS, "ann", size=3)]
    assert pages == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(await session.rows(KEYS, "ann")) == 7
    assert [page async for page in session.pages(KEYS, "bob", size=3)] == []
    assert await session.first(KEYS, "bob") is None


async def test_a_condition_that_fails_tells_what_is_there(session: CassandraSession) -> None:
    assert (await session.write_if(ADD, "ann", b"k", "first")).applied
    outcome = await session.write_if(ADD, "ann", b"k", "second")
    assert not outcome.applied
    assert [row["run"] for row in outcome.rows] == ["first"]


async def test_a_batch_is_carried_out_whole_or_not_at_all(session: CassandraSession) -> None:
    await session.write_if(ADD, "ann", b"k", "first")
    batch = [Statement(ADD, ("ann", key, "second")) for key in (b"a", b"k")]
    assert not (await session.batch_if(batch)).applied
    assert [row[0] for row in await session.rows(KEYS, "ann")] == [b"k"]
    await session.batch([Statement(PUT, ("bob", key, "run", 1)) for key in (b"a", b"b")])
    assert [row[0] for row in await session.rows(KEYS, "bob")] == [b"a", b"b"]


async def test_a_write_that_a_node_s_clock_would_order_is_refused(session: CassandraSession) -> None:
    text = "INSERT INTO sieve_mark (user, key, run) VALUES (?, ?, ?)"
    with pytest.raises(ValueError, match="needs a condition or a timestamp"):
        await session.write(text, "ann", b"k", "run")
    with pytest.raises(ValueError, match="needs a condition or a timestamp"):
        await session.batch([Statement(text, ("ann", b"k", "run"))])


async def test_a_wrong_statement_is_a_bug_and_may_be_corrected(session: CassandraSession) -> None:
    for _ in range(2):
        with pytest.raises(CassErrorServerSyntaxError):
            await session.rows("SELEC")
    with pytest.raises(CassErrorServerInvalidQuery):
        await session.rows("SELECT * FROM unknown")
    assert await session.rows(KEYS, "ann") == []


async def test_many_that_need_a_statement_at_once_prepare_it_once(session: CassandraSession) -> None:
    text = f"{KEYS} LIMIT 17"
    await asyncio.gather(*(session.rows(text, "ann") for _ in range(20)))
    cancelled = asyncio.ensure_future(session.rows(f"{KEYS} LIMIT 18", "ann"))
    waiting = [asyncio.ensure_future(session.rows(f"{KEYS} LIMIT 18", "ann")) for _ in range(3)]
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await asyncio.gather(*waiting) == [[]] * 3


async def test_only_so_many_requests_are_sent_at_once_and_only_so_many_wait(
    cassandra_settings: CassandraSettings,
) -> None:
    class Counting(NotingSession):
        at_once = most = 0

        async def send(self, request: object) -> object:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            try:
                return await super().send(request)  # type: ignore[arg-type]
            finally:
                self.at_once -= 1

    session = await Counting.open(replace(cassandra_settings, max_requests=3, max_waiting=5))
    try:
        done = await asyncio.gather(*(session.rows(KEYS, "ann") for _ in range(20)), return_exceptions=True)
        assert [isinstance(one, TemporaryFailure) for one in done] == [False] * 8 + [True] * 12
        assert session.most == 3
        assert await session.rows(KEYS, "ann") == []
    finally:
        await session.close()


async def test_a_write_without_an_answer_has_an_unknown_outcome(
    cassandra_settings: CassandraSettings, session: CassandraSession
) -> None:
    async with Relay(cassandra_settings.hosts[0]) as relay:
        through = replace(cassandra_settings, hosts=(Host("127.0.0.1", relay.port),), request_seconds=1.0)
        cut_off = await NotingSession.open(through)
        try:
            assert await cut_off.rows(KEYS, "ann") == []
            relay.pause()
            with pytest.raises(OutcomeUnknown):
                await cut_off.write_if(ADD, "ann", b"k", "run")
        finally:
            relay.resume()
            await cut_off.close()


async def test_a_node_starts_while_the_cluster_is_away_and_connects_later(
    cassandra_settings: CassandraSettings, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    settings = replace(
        cassandra_settings, hosts=(Host("127.0.0.1", port),), connect_delay_seconds=0.05, connect_attempts=2
    )
    session = NotingSession(settings)
    session.connect_later()
    with pytest.raises(TemporaryFailure, match="not connected"):
        await session.rows(KEYS, "ann")

    async def has_complained() -> bool:
        return any(record.levelno == logging.ERROR for record in caplog.records)

    await eventually(has_complained)
    async with Relay(cassandra_settings.hosts[0], port):

        async def is_connected() -> bool:
            return session.is_connected

        await eventually(is_connected)
        assert await session.rows(KEYS, "ann") == []
        await session.close()


async def test_a_session_that_was_cut_off_finds_its_way_back(
    cassandra_settings: CassandraSettings, eventually: Eventually
) -> None:
    async with Relay(cassandra_settings.hosts[0]) as relay:
        session = await NotingSession.open(replace(cassandra_settings, hosts=(Host("127.0.0.1", relay.port),)))
        try:
            assert await session.rows(KEYS, "ann") == []
            await relay.cut()
            with pytest.raises(TemporaryFailure):
                await session.rows(KEYS, "ann")
            await relay.listen()

            async def answers() -> bool:
                try:
                    return await session.rows(KEYS, "ann") == []
                except TemporaryFailure:
                    return False

            await eventually(answers)
        finally:
            await session.close()


async def test_a_cluster_is_asked_over_tls_if_its_certificate_is_trusted(cassandra_settings: CassandraSettings) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = load_tls(CassandraTls(keystore=str(TLS_FILES / "rsa.p12"), keystore_password="changeit"))
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(own.chain + own.key)
        file.flush()
        server.load_cert_chain(file.name)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as trusted:
        trusted.write(own.chain)
        trusted.flush()
        async with Relay(cassandra_settings.hosts[0], tls=server) as relay:
            there = replace(cassandra_settings, hosts=(Host("127.0.0.1", relay.port),), create_keyspace=False)
            session = await NotingSession.open(replace(there, tls=CassandraTls(truststore=trusted.name)))
            assert await session.rows(KEYS, "ann") == []
            await session.close()
            stranger = CassandraTls(truststore=str(TLS_FILES / "trust.pem"))
            with pytest.raises(TemporaryFailure):
                await CassandraSession.open(replace(there, tls=stranger, connect_seconds=1.0))
