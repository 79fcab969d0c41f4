"""Fixtures over the engines that `dev/engines` started. Without COMPOSTELA_TEST_ENGINES=1 nothing here is collected.

Each worker of pytest has a keyspace of its own, whose tables are made once and made again only when their statements change. After a test
the tables that were written are emptied.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

ENABLED = bool(os.environ.get("COMPOSTELA_TEST_ENGINES"))
if not ENABLED:
    collect_ignore_glob = ["*"]
else:
    from compostela.adapters.cassandra.schema import MIGRATIONS, bring_up_to_date
    from compostela.adapters.cassandra.session import CassandraSession
    from compostela.adapters.cassandra.settings import CassandraSettings, Host
    from tests.contracts.distance import Eventually, Faulty, eventually_within
    from tests.distributed.cassandra_faults import FaultySession, NotingSession

OFFSET = int(os.environ.get("ENGINES_PORT_OFFSET") or 0)
CASSANDRA_PORT = 19042 + OFFSET
STALE_SECONDS = 0.3
"""How old remembered look-ups may be in tests."""
EVENTUALLY_SECONDS = 20.0
_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_CHECKOUT = hashlib.sha256(str(Path(__file__).parent).encode()).hexdigest()[:6]


def pytest_report_header() -> list[str]:
    return (
        []
        if ENABLED
        else ["tests/distributed needs engines and COMPOSTELA_TEST_ENGINES=1: run `make test-distributed`"]
    )


def pytest_configure(config: pytest.Config) -> None:
    # acsylla leaves the two pairs of sockets that wake its event loop to the garbage collector, asyncio those of a TLS
    # handshake that a client breaks off; both show in a later test, or when pytest ends
    if ENABLED:
        config.addinivalue_line("filterwarnings", "ignore:unclosed <socket.socket:ResourceWarning")


@pytest.fixture(scope="session")
def cassandra_settings(worker_id: str) -> "Iterator[CassandraSettings]":
    """A keyspace of this worker with all tables, empty."""
    with (Path(tempfile.gettempdir()) / f"compostela-test-keyspace-{_CHECKOUT}-{worker_id}").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.fail("another run of this checkout uses the tables: its tests and these would see each other's rows")
        settings = CassandraSettings(
            hosts=(Host("127.0.0.1", CASSANDRA_PORT),),
            keyspace=f"test_{_CHECKOUT}_{worker_id}",
            create_keyspace=True,
            request_seconds=60.0,
        )
        asyncio.run(_make_tables(settings))
        yield settings


async def _make_tables(settings: "CassandraSettings") -> None:
    statements = hashlib.sha256(repr(MIGRATIONS).encode()).hexdigest()
    session = await CassandraSession.open(settings)
    try:
        await session.change_schema("CREATE TABLE IF NOT EXISTS made_of (name text PRIMARY KEY, statements text)")
        row = await session.first("SELECT statements FROM made_of WHERE name = 'all'")
        if row is None or row[0] != statements:
            await session.change_schema(f"DROP KEYSPACE {settings.keyspace}")
    finally:
        await session.close()
    session = await CassandraSession.open(settings, bring_up_to_date)
    try:
        await session.change_schema("CREATE TABLE IF NOT EXISTS made_of (name text PRIMARY KEY, statements text)")
        await session.write("INSERT INTO made_of (name, statements) VALUES ('all', ?) USING TIMESTAMP 1", statements)
        # an earlier run may have been killed
        NotingSession.written.update(_TABLE.findall(" ".join(text for area in MIGRATIONS for text in area)))
        await empty_tables(session)
    finally:
        await session.close()


async def empty_tables(session: "CassandraSession") -> None:
    """Those that sessions of this worker have written."""
    await asyncio.gather(*(session.change_schema(f"TRUNCATE {table}") for table in NotingSession.written))
    NotingSession.written.clear()


@pytest.fixture
async def session(cassandra_settings: "CassandraSettings") -> AsyncIterator["FaultySession"]:
    """A session as one node has it. Afterwards all tables are empty again."""
    session = await FaultySession.open(cassandra_settings)
    yield session
    await empty_tables(session)
    await session.close()


@pytest.fixture
async def session_elsewhere(session: "FaultySession") -> AsyncIterator["CassandraSession"]:
    """The session of another node."""
    elsewhere = await NotingSession.open(session.settings)
    yield elsewhere
    await elsewhere.close()


@pytest.fixture
def faulty(session: "FaultySession") -> "Faulty":
    return session.faults


@pytest.fixture
def eventually() -> "Eventually":
    return eventually_within(EVENTUALLY_SECONDS)
