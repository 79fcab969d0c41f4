"""The mailbox service: makes sessions, and holds what they share."""

import asyncio
from collections.abc import Sequence

from cachetools import LRUCache

from compostela.base.clock import Clock
from compostela.core.mailbox.actor import SYSTEM, Actor
from compostela.core.mailbox.keyword_limits import KeywordLimits
from compostela.core.mailbox.listings import MailboxListings
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.ports import MailboxStore
from compostela.core.mailbox.pre_deletion import PreDeletionHook
from compostela.core.mailbox.quota import NoQuota, QuotaRule
from compostela.core.mailbox.rights import OwnerRights, RightsRule
from compostela.core.mailbox.search import SEARCHES_AT_ONCE
from compostela.core.mailbox.session import MailboxSession
from compostela.core.mailbox.structures import StructureNotes
from compostela.model.username import Username

REMEMBERED_INBOXES = 10_000


class MailboxService:
    """What protocols, delivery and administration get their sessions from."""

    def __init__(
        self,
        store: MailboxStore,
        clock: Clock,
        *,
        rights: RightsRule | None = None,
        quota: QuotaRule | None = None,
        pre_deletion: Sequence[PreDeletionHook] = (),
    ) -> None:
        self.store = store
        self.clock = clock
        self.rights = rights or OwnerRights()
        self.quota = quota or NoQuota()
        self.pre_deletion = tuple(pre_deletion)
        self.listings = MailboxListings(store)
        self.structures = StructureNotes()
        self.search_slots = asyncio.Semaphore(SEARCHES_AT_ONCE)
        """Taken by each search that holds bodies."""
        self.inboxes: LRUCache[Username, Mailbox] = LRUCache(REMEMBERED_INBOXES)
        """INBOXes of users. An entry may be stale: `NotFound` tells, and the caller forgets it."""
        self.system = self.session(SYSTEM)

    def session(self, actor: Actor, keyword_limits: KeywordLimits | None = None) -> MailboxSession:
        """Return a session of the actor. It holds nothing open."""
        return MailboxSession(self, actor, keyword_limits)
