"""Queues on Cassandra and RabbitMQ keep to the contracts."""

from tests.contracts.mail_queue import MailQueueContract
from tests.contracts.queue_in_use import QueueInUseContract
from tests.contracts.queue_sharing import QueueSharingContract


class TestClusterQueue(MailQueueContract):
    pass


class TestClusterQueueSharing(QueueSharingContract):
    pass


class TestClusterQueueInUse(QueueInUseContract):
    count = 200
