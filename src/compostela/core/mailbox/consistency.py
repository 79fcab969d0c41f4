"""Tasks that compare what is kept twice about mailboxes, messages and mappings: names and arguments.

All but `COMPARE_LOGS` are James's and mend what they find; that one mends if it is asked to.

An edition that keeps nothing twice has none of them: embedded, one transaction writes everything. Distributed, `Stores.repairs` has the
runners.
"""

from dataclasses import dataclass
from enum import StrEnum

SOLVE_MAILBOXES = "solve-mailbox-inconsistencies"
RECOMPUTE_COUNTERS = "recompute-mailbox-counters"
SOLVE_FLAGS = "solve-mailbox-flag-inconsistencies"
SOLVE_MESSAGES = "solve-message-inconsistencies"
SOLVE_MAPPINGS = "cassandra-mappings-solve-inconsistencies"
COMPARE_LOGS = "compare-mailbox-logs"

MESSAGES_PER_SECOND = 100
MAX_LISTED = 100
"""Entries of one list of a report; more are only counted."""


@dataclass(frozen=True, slots=True)
class SolveMailboxes:
    """Names without a mailbox, mailboxes without a name."""

    max_iterations: int = 1
    """Runs at most; the next one sees whether the one before left something."""
    auto_merge: bool = False
    """Accepted and told: mailboxes have ids that are never the same, so there is nothing to merge."""


@dataclass(frozen=True, slots=True)
class RecomputeCounters:
    """Numbers of messages, of unseen and deleted ones, and sizes."""

    trust_message_projection: bool = False
    """Accepted and told: counters are always counted from the messages themselves."""


class CountedFlag(StrEnum):
    DELETED = "DELETED"
    RECENT = "RECENT"


@dataclass(frozen=True, slots=True)
class SolveFlags:
    """The numbers of messages with a flag."""

    flag: CountedFlag


@dataclass(frozen=True, slots=True)
class SolveMessages:
    """Places of messages in mailboxes."""

    messages_per_second: int = MESSAGES_PER_SECOND


@dataclass(frozen=True, slots=True)
class SolveMappings:
    """Mappings, and the sources of each target."""


class CompareMode(StrEnum):
    REPORT = "report"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class CompareLogs:
    """The logs of mailboxes, with their pages."""

    mode: CompareMode = CompareMode.REPORT
    """With `REPAIR` pages are written anew where the log tells that they are wrong."""
