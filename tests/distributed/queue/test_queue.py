"""Queues on Cassandra and RabbitMQ keep to the contracts."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.s3.settings import BlobSettings
from tests.contracts.mail_queue import MailQueueContract
from tests.contracts.queue_deaths import SECONDS, Consumer, QueueDeathsContract, StartConsumer
from tests.contracts.queue_in_use import QueueInUseContract
from tests.contracts.queue_rule import QueueRuleContract
from tests.contracts.queue_sharing import QueueSharingContract
from tests.distributed.cassandra_faults import FaultySession

ROOT = Path(__file__).parents[3]


class TestClusterQueue(MailQueueContract):
    pass


class TestClusterQueueSharing(QueueSharingContract):
    pass


class TestClusterQueueRule(QueueRuleContract):
    pass


class TestClusterQueueInUse(QueueInUseContract):
    count = 200


class ConsumerProcess:
    """See `consumer_process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def got(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), SECONDS)).decode().strip()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert await asyncio.wait_for(self.process.wait(), SECONDS) == 0


class TestClusterQueueDeaths(QueueDeathsContract):
    @pytest.fixture
    async def consumer(
        self, session: FaultySession, broker_uri: str, blob_settings: BlobSettings, tmp_path: Path
    ) -> AsyncIterator[StartConsumer]:
        started: list[ConsumerProcess] = []

        async def start() -> Consumer:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.distributed.queue.consumer_process"),
                *(session.settings.keyspace, broker_uri, blob_settings.bucket, str(tmp_path / "process")),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            consumer = ConsumerProcess(process)
            started.append(consumer)
            assert await consumer.got() == "ready"
            return consumer

        yield start
        for consumer in started:
            if consumer.process.returncode is None:
                await consumer.kill()
