"""The contracts of mailboxes with what a network and other nodes do to the store at the same time: writes that are not sent, not
answered or late, projection after every few publishes, trimming at once, and no state kept from one call to the next."""

import pytest

from compostela.adapters.cassandra.mailbox_projector import ProjectionSettings
from tests.contracts import mailbox_distance
from tests.contracts.mailbox_changes import MailboxChangesContract
from tests.contracts.mailbox_distance import MailboxDistanceContract
from tests.contracts.mailbox_messages import MailboxMessagesContract
from tests.contracts.mailboxes import MailboxesContract
from tests.distributed.cassandra_mailboxes import (
    Mode,
    bodies,
    faulty,
    held_mailboxes,
    held_writer,
    mailboxes,
    mailboxes_elsewhere,
    stored_octets,
)

__all__ = ["bodies", "faulty", "held_mailboxes", "held_writer", "mailboxes", "mailboxes_elsewhere", "stored_octets"]

SMALL_STEPS = ProjectionSettings(every=2, tell_after_seconds=0.0, trim_every=1)
FAULT_RATE = 0.15

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class InSmallSteps:
    @pytest.fixture
    def mode(self) -> Mode:
        return Mode(SMALL_STEPS)


class WithFaults:
    """Always cold too."""

    @pytest.fixture
    def mode(self) -> Mode:
        return Mode(SMALL_STEPS, keeps_states=False, fault_rate=FAULT_RATE)


class TestMailboxesInSmallSteps(InSmallSteps, MailboxesContract):
    pass


class TestMessagesInSmallSteps(InSmallSteps, MailboxMessagesContract):
    pass


class TestChangesInSmallSteps(InSmallSteps, MailboxChangesContract):
    pass


class TestDistanceInSmallSteps(InSmallSteps, MailboxDistanceContract):
    @pytest.fixture(autouse=True)
    def large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The number of messages is tested with the usual steps."""
        monkeypatch.setattr(mailbox_distance, "LARGE", 2500)


class TestDistanceWithFaults(WithFaults, MailboxDistanceContract):
    # these bring faults of their own, on the session of the fixture `faulty`
    test_an_append_with_an_unknown_outcome_is_repeated_under_its_effect = None
    test_a_lost_answer_leaves_a_consistent_store = None
    test_a_lost_answer_leaves_a_consistent_tree = None

    @pytest.fixture(autouse=True)
    def large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mailbox_distance, "LARGE", 2500)


class TestMailboxesWithFaults(WithFaults, MailboxesContract):
    pass


class TestMessagesWithFaults(WithFaults, MailboxMessagesContract):
    pass


class TestChangesWithFaults(WithFaults, MailboxChangesContract):
    pass
