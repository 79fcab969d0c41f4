"""The tables in Cassandra and their forward migrations, which run while nodes work.

Table `schema_version` has one row. `version` is the number of migrations that were carried out, `holder` the node that carries out the
next ones, for as long as the row's TTL lasts. The first node that finds migrations to be done takes the holder's place by a conditional
write; the others wait until the version is theirs. Each statement may be carried out again (`IF NOT EXISTS`), so a node that dies in the
middle is replaced by the next. A schema that is newer than this code is refused: older code would break what newer code promised.

Every migration must leave the tables usable by the nodes of the version before, which are still at work during an upgrade.
"""

import asyncio
import logging
import uuid
from collections.abc import Sequence

from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.tables.accounts import ACCOUNT_TABLES
from compostela.adapters.cassandra.tables.blobs import BLOB_TABLES
from compostela.adapters.cassandra.tables.filtering import FILTERING_TABLES
from compostela.adapters.cassandra.tables.listeners import LISTENER_TABLES
from compostela.adapters.cassandra.tables.mailboxes import MAILBOX_TABLES
from compostela.adapters.cassandra.tables.outbound import OUTBOUND_TABLES
from compostela.adapters.cassandra.tables.queue import QUEUE_MINUTE_OPTIONS, QUEUE_TABLES
from compostela.adapters.cassandra.tables.repositories import REPOSITORY_TABLES
from compostela.adapters.cassandra.tables.runs import RUN_TABLES
from compostela.adapters.cassandra.tables.tasks import TASK_TABLES
from compostela.adapters.cassandra.tables.tokens import TOKEN_TABLES
from compostela.adapters.cassandra.tables.traces import TRACE_BUCKET_TABLES, TRACE_TABLES
from compostela.base.errors import CompostelaError
from compostela.base.ids import new_id

_log = logging.getLogger(__name__)

LEASE_SECONDS = 120
"""How long a node that died keeps others from migrating. Longer than one statement may take."""
POLL_SECONDS = 0.2

MIGRATIONS: tuple[Sequence[str], ...] = (
    # the first tables
    (
        *ACCOUNT_TABLES,
        *FILTERING_TABLES,
        *TASK_TABLES,
        *RUN_TABLES,
        *REPOSITORY_TABLES,
        *MAILBOX_TABLES,
        *QUEUE_TABLES,
        *LISTENER_TABLES,
    ),
    # words of ham and spam
    TOKEN_TABLES,
    # blobs by id
    BLOB_TABLES,
    # TLS policies of other domains, and TLS reports
    OUTBOUND_TABLES,
    # what happened to mails
    TRACE_TABLES,
    # the same in buckets, whose octets are bounded
    TRACE_BUCKET_TABLES,
    # minutes that were forgotten leave Cassandra soon
    QUEUE_MINUTE_OPTIONS,
)

# Two nodes that create a table at once at two coordinators would give it two ids, and what was written under one would be lost
_CREATE = "CREATE TABLE IF NOT EXISTS schema_version (name text PRIMARY KEY, version int, holder text) WITH ID = {id}"
_NAMESPACE = uuid.UUID("5b1f1d8e-6d0b-4a86-9f0b-2a8d0c0e7c55")
_READ = "SELECT version FROM schema_version WHERE name = 'tables'"
_BEGIN = "INSERT INTO schema_version (name, version) VALUES ('tables', 0) IF NOT EXISTS"
_ADVANCE = "UPDATE schema_version SET version = ? WHERE name = 'tables' IF version = ?"
_TAKE = "UPDATE schema_version USING TTL ? SET holder = ? WHERE name = 'lease' IF holder = null"
_KEEP = "UPDATE schema_version USING TTL ? SET holder = ? WHERE name = 'lease' IF holder = ?"
_RELEASE = "UPDATE schema_version SET holder = null WHERE name = 'lease' IF holder = ?"


class NewerSchema(CompostelaError):
    """The tables were made by a newer version of the server."""


class LostLease(CompostelaError):
    """A migration took longer than the lease, and another node goes on with it."""


async def bring_up_to_date(session: CassandraSession, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Carries out the migrations that are due, or waits until another node has. Raises `NewerSchema` and `TemporaryFailure`."""
    await session.change_schema(_CREATE.format(id=uuid.uuid5(_NAMESPACE, session.settings.keyspace)))
    holder = new_id()
    while (version := await _version(session)) < len(migrations):
        taken = await session.write_if(_TAKE, LEASE_SECONDS, holder)
        if not taken.applied:
            await asyncio.sleep(POLL_SECONDS)
            continue
        try:
            await _migrate(session, migrations, holder)
        except LostLease:
            _log.warning("the schema's lease went to another node; waiting for it")
        finally:
            await session.write_if(_RELEASE, holder)
    if version > len(migrations):
        raise NewerSchema(
            f"the keyspace {session.settings.keyspace} has schema version {version}, this server knows {len(migrations)}:"
            " run a newer server"
        )


async def _version(session: CassandraSession) -> int:
    row = await session.first(_READ)
    if row is None:
        await session.write_if(_BEGIN)
        row = await session.first(_READ)
    assert row is not None
    return int(row[0])


async def _migrate(session: CassandraSession, migrations: Sequence[Sequence[str]], holder: str) -> None:
    # another node may have gone on since this one looked
    for version in range(await _version(session), len(migrations)):
        _log.info("migrating the schema: keyspace=%s version=%d", session.settings.keyspace, version + 1)
        for statement in migrations[version]:
            if not (await session.write_if(_KEEP, LEASE_SECONDS, holder, holder)).applied:
                raise LostLease("the lease of the schema is another node's")
            await session.change_schema(statement)
        await session.write_if(_ADVANCE, version + 1, version)
