"""A process of its own that consumes a queue: `python -m … KEYSPACE URI BUCKET FOLDER`. It says of each mail that it has in work name,
attempts and deaths alone, and keeps it in work until it is killed, or until its standard input ends: then it stops in order."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.settings import CassandraSettings, Host
from compostela.core.queue.ports import QueueItem
from compostela.processing.workers import QueueWorkers
from compostela.testing.clock import FakeClock
from tests.distributed.conftest import CASSANDRA_PORT
from tests.distributed.queue.kit import SETTINGS, QueueNode
from tests.distributed.s3.seaweed import blob_settings_of

WORKERS = 3
DEAD_AFTER_SECONDS = 5.0
"""Tests wait for it when they have killed this process."""


async def main(keyspace: str, uri: str, bucket: str, folder: Path) -> None:
    hosts = (Host("127.0.0.1", CASSANDRA_PORT),)
    session = await CassandraSession.open(CassandraSettings(hosts=hosts, keyspace=keyspace))
    settings = replace(SETTINGS, dead_after_seconds=DEAD_AFTER_SECONDS)
    node = await QueueNode.start(session, uri, blob_settings_of(bucket), folder, FakeClock(), settings)

    async def process(item: QueueItem) -> None:
        sys.stdout.write(f"{item.mail.name} {item.attempts} {item.deaths_alone}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    workers = QueueWorkers("spool", WORKERS, node.queues.queue("spool"), process, drain_seconds=0.01)
    workers.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await workers.stop()
    await node.stop()
    await session.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])))
