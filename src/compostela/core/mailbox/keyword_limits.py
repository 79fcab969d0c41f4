"""How long keywords are, and how many a message and a mailbox may have (RFC 5530: LIMIT names such limits).

What a mailbox has counts from their first use on: keywords of messages that are gone are kept. Checks read before the write, so
sessions that write at the same moment may each add their own beyond a limit, and none does so afterwards. What is above a limit
already (the setting was lowered) stays, and may be used.
"""

from dataclasses import dataclass

from compostela.base.errors import CompostelaError
from compostela.core.mailbox.ports import MessageStore
from compostela.model.flags import FlagsMode
from compostela.model.numbers import MailboxId
from compostela.model.uid_set import UidSet

MAX_KEYWORD_BYTES = 255
"""Length of a keyword (RFC 8621 §4.1.1)."""
DEFAULT_PER_MESSAGE = 100
DEFAULT_PER_MAILBOX = 1000


class KeywordLimitReached(CompostelaError):
    """The text may be shown to the client."""


@dataclass(frozen=True, slots=True)
class KeywordLimits:
    """The greatest numbers that are allowed. The checks raise `KeywordLimitReached`, `NotFound`, `TemporaryFailure`."""

    per_message: int = DEFAULT_PER_MESSAGE
    per_mailbox: int = DEFAULT_PER_MAILBOX

    def check_append(self, given: frozenset[str], known: frozenset[str]) -> None:
        """Before a message with these keywords is appended. `known` are the keywords of the mailbox."""
        _check_lengths(given)
        self._check_message(given)
        self._check_mailbox(known, given)

    async def check_store(
        self,
        store: MessageStore,
        mailbox: MailboxId,
        uids: UidSet,
        mode: FlagsMode,
        given: frozenset[str],
        known: frozenset[str],
    ) -> None:
        """Before these keywords are given to messages. `known` are the keywords of the mailbox."""
        if not given or mode is FlagsMode.REMOVE:
            return
        self.check_append(given, known)
        if mode is FlagsMode.ADD and len(known | given) > self.per_message:
            async for rows in store.flags(mailbox, uids):
                for row in rows:
                    if not given <= row.flags.keywords:
                        self._check_message(row.flags.keywords | given)

    async def check_copy(self, store: MessageStore, source: MailboxId, uids: UidSet, target: MailboxId) -> None:
        """Before messages are copied or moved."""
        in_source = (await store.head(source)).keywords
        if not in_source:
            return
        known = (await store.head(target)).keywords
        if len(known | in_source) <= self.per_mailbox:
            return
        given: set[str] = set()
        async for rows in store.flags(source, uids):
            given.update(*(row.flags.keywords for row in rows))
        self._check_mailbox(known, frozenset(given))

    def _check_message(self, keywords: frozenset[str]) -> None:
        if len(keywords) > self.per_message:
            raise KeywordLimitReached(f"A message has at most {self.per_message} keywords.")

    def _check_mailbox(self, known: frozenset[str], given: frozenset[str]) -> None:
        if len(known | given) > max(self.per_mailbox, len(known)):
            raise KeywordLimitReached(f"A mailbox has at most {self.per_mailbox} keywords.")


def _check_lengths(given: frozenset[str]) -> None:
    if any(len(keyword) > MAX_KEYWORD_BYTES for keyword in given):
        raise KeywordLimitReached(f"A keyword has at most {MAX_KEYWORD_BYTES} octets.")
