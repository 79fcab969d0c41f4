"""The mailbox store on Cassandra keeps to the contracts of mailboxes."""

import pytest

from tests.contracts.mailbox_changes import MailboxChangesContract
from tests.contracts.mailbox_distance import MailboxDistanceContract
from tests.contracts.mailbox_interruptions import MailboxInterruptionsContract
from tests.contracts.mailbox_messages import MailboxMessagesContract
from tests.contracts.mailboxes import MailboxesContract
from tests.distributed.cassandra_mailboxes import (
    bodies,
    faulty,
    held_mailboxes,
    held_writer,
    mailboxes,
    mailboxes_elsewhere,
    mode,
    stored_octets,
)

__all__ = [
    "bodies",
    "faulty",
    "held_mailboxes",
    "held_writer",
    "mailboxes",
    "mailboxes_elsewhere",
    "mode",
    "stored_octets",
]

# some tests write 40,000 messages one by one
pytestmark = pytest.mark.timeout(900)


class TestCassandraMailboxes(MailboxesContract):
    pass


class TestCassandraMessages(MailboxMessagesContract):
    pass


class TestCassandraChanges(MailboxChangesContract):
    pass


class TestCassandraMailboxDistance(MailboxDistanceContract):
    pass


@pytest.mark.slow
class TestCassandraMailboxInterruptions(MailboxInterruptionsContract):
    pass
