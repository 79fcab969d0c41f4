"""Entries of queues that live in Cassandra, whether or not a queue shows them."""

import re

from compostela.adapters.cassandra.queue_rows import header_of
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.settings import CassandraSettings, Host
from compostela.base.errors import TemporaryFailure
from tests.chaos.engines import CQL, KEYSPACE
from tests.chaos.ledger import Ledger, Presence

_ENTRIES = "SELECT entry, revision, mail FROM queue_entry"
_MARK = re.compile(rb"^X-Mark: (\S+)\r?$", re.MULTILINE)


async def waiting_mails(ledger: Ledger) -> list[str]:
    """Entries of mails that were acknowledged. A row of a mail that was not may be left of an enqueue that a kill cut off."""
    accepted = {one.mark for one in ledger.messages.values() if one.presence is not Presence.POSSIBLE}
    settings = CassandraSettings(hosts=(Host("127.0.0.1", CQL),), keyspace=KEYSPACE)
    try:
        session = await CassandraSession.open(settings)
        try:
            alive = [row async for page in session.pages(_ENTRIES) for row in page if (row[1] or 0) > 0 and row[2]]
        finally:
            await session.close()
    except TemporaryFailure as error:
        return [f"Cassandra cannot be asked for entries: {error}"]
    found = [(row[0], _MARK.search(header_of(row[2]))) for row in alive]
    return [f"entry {entry} with {mark[1].decode()}" for entry, mark in found if mark and mark[1].decode() in accepted]
