"""The schema is made once, by whichever node comes first, and never by an older server."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from compostela.adapters.cassandra import schema
from compostela.adapters.cassandra.schema import NewerSchema, bring_up_to_date
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.settings import CassandraSettings
from compostela.base.errors import TemporaryFailure

FIRST = ("CREATE TABLE IF NOT EXISTS one (name text PRIMARY KEY)",)
SECOND = ("CREATE TABLE IF NOT EXISTS two (name text PRIMARY KEY)", "ALTER TABLE one ADD IF NOT EXISTS value int")
TABLES = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"


class Watched(CassandraSession):
    """Notes the changes of the schema that it makes."""

    changes: list[str]

    async def change_schema(self, text: str) -> None:
        self.changes.append(text)
        await super().change_schema(text)


@pytest.fixture
async def sessions(cassandra_settings: CassandraSettings) -> AsyncIterator[list[Watched]]:
    """Those of three nodes, on a keyspace without tables."""
    settings = CassandraSettings(
        hosts=cassandra_settings.hosts,
        keyspace=f"{cassandra_settings.keyspace}_schema",
        create_keyspace=True,
        request_seconds=60.0,
    )
    opened = [await Watched.open(settings) for _ in range(3)]
    for session in opened:
        session.changes = []
    yield opened
    await opened[0].change_schema(f"DROP KEYSPACE {settings.keyspace}")
    for session in opened:
        await session.close()


async def tables(session: CassandraSession) -> set[str]:
    return {row[0] for row in await session.rows(TABLES, session.settings.keyspace)}


async def test_of_nodes_that_start_at_once_one_makes_the_tables(sessions: list[Watched]) -> None:
    await asyncio.gather(*(bring_up_to_date(session, (FIRST,)) for session in sessions))
    assert await tables(sessions[0]) == {"schema_version", "one"}
    assert sum(session.changes.count(FIRST[0]) for session in sessions) == 1
    await asyncio.gather(*(bring_up_to_date(session, (FIRST, SECOND)) for session in sessions))
    assert await tables(sessions[0]) == {"schema_version", "one", "two"}
    assert [sum(session.changes.count(text) for session in sessions) for text in (*FIRST, *SECOND)] == [1, 1, 1]
    assert await sessions[0].first("SELECT value FROM one WHERE name = 'x'") is None


async def test_an_older_server_refuses_newer_tables(sessions: list[Watched]) -> None:
    await bring_up_to_date(sessions[0], (FIRST, SECOND))
    with pytest.raises(NewerSchema, match="schema version 2, this server knows 1"):
        await bring_up_to_date(sessions[1], (FIRST,))


async def test_a_node_takes_the_place_of_one_that_died_in_a_migration(
    sessions: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LEASE_SECONDS", 1)
    await bring_up_to_date(sessions[0], ())
    taken = await sessions[0].write_if(schema._TAKE, schema.LEASE_SECONDS, "a dead node")
    assert taken.applied
    await bring_up_to_date(sessions[1], (FIRST,))
    assert "one" in await tables(sessions[1])


async def test_a_node_that_lost_its_lease_leaves_the_rest_to_the_other(
    sessions: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, other = sessions[:2]
    reached, go_on = asyncio.Event(), asyncio.Event()
    change_schema = slow.change_schema

    async def slowly(text: str) -> None:
        await change_schema(text)
        if text == FIRST[0]:
            reached.set()
            await go_on.wait()

    monkeypatch.setattr(slow, "change_schema", slowly)
    monkeypatch.setattr(schema, "LEASE_SECONDS", 1)
    begun = asyncio.create_task(bring_up_to_date(slow, (FIRST + SECOND,)))
    await reached.wait()
    await bring_up_to_date(other, (FIRST + SECOND,))
    go_on.set()
    await begun
    assert [slow.changes.count(text) for text in SECOND] == [0, 0]
    assert await tables(other) == {"schema_version", "one", "two"}


async def test_a_session_whose_tables_cannot_be_made_is_not_connected(cassandra_settings: CassandraSettings) -> None:
    async def refuse(session: CassandraSession) -> None:
        raise TemporaryFailure("no")

    session = CassandraSession(cassandra_settings, refuse)
    with pytest.raises(TemporaryFailure):
        await session.connect()
    assert not session.is_connected
