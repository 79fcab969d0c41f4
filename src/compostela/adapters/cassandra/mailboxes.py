"""The mailbox store of the distributed edition: its three ports on Cassandra, as a log that is the truth and pages made from it."""

from collections.abc import Callable

from compostela.adapters.cassandra.effects import IsOver
from compostela.adapters.cassandra.held_mailboxes import HeldMailboxTable
from compostela.adapters.cassandra.listener_cursors import SETTLE_SECONDS, CassandraCursors
from compostela.adapters.cassandra.listener_groups import ListenerGroups
from compostela.adapters.cassandra.listener_news import ListenerNews
from compostela.adapters.cassandra.listener_source import CassandraEventSource
from compostela.adapters.cassandra.mailbox_consistency import MailboxConsistency
from compostela.adapters.cassandra.mailbox_contents import MessageTable, SmallBodies
from compostela.adapters.cassandra.mailbox_hierarchy import CassandraHierarchy, CassandraSubscriptions
from compostela.adapters.cassandra.mailbox_log import MailboxLogTable
from compostela.adapters.cassandra.mailbox_messages import CassandraMessages
from compostela.adapters.cassandra.mailbox_pages import KeptLogTable, MailboxPageTable
from compostela.adapters.cassandra.mailbox_projector import HeldFrom, ProjectionSettings, Projector
from compostela.adapters.cassandra.mailbox_publisher import Publishers
from compostela.adapters.cassandra.mailbox_removal import Holding, MailboxRemoval
from compostela.adapters.cassandra.mailbox_states import MailboxTables, OpenLog, OpenLogs
from compostela.adapters.cassandra.mailbox_tree import MailboxTreeTable
from compostela.adapters.cassandra.mailbox_watchers import LOOK_SECONDS, Watchers
from compostela.adapters.cassandra.message_copies import MessageCopies
from compostela.adapters.cassandra.message_garbage import GarbageSettings, MessageGarbage
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.clock import Clock
from compostela.core.blob.bodies import BodyStore
from compostela.core.mailbox.log_and_pages.state import MailboxState
from compostela.model.numbers import MailboxId, ModSeq

Announce = Callable[[MailboxId, ModSeq | None], None]


class CassandraMailboxes(CassandraHierarchy, CassandraMessages, CassandraSubscriptions):
    """See `compostela.core.mailbox.ports.MailboxStore`.

    `announce` is called on the loop after each publish, with the highest ModSeq, and with None when a mailbox is deleted; other nodes
    pass it on to `hinted`. `is_over` is asked about the entries of effects. With `groups` listener groups are told of changes:
    `cursors` and
    `source` are their ports. `held_from` tells how far they have read, `look_seconds` how often heads of watched mailboxes are
    read, and `hints_come` whether other nodes' hints make that needless. With `keeps_states=False` every call begins cold, as on a
    node that has just started."""

    def __init__(
        self,
        session: CassandraSession,
        bodies: BodyStore,
        clock: Clock,
        projection: ProjectionSettings | None = None,
        *,
        is_over: IsOver,
        announce: Announce | None = None,
        held_from: HeldFrom | None = None,
        look_seconds: float = LOOK_SECONDS,
        hints_come: Callable[[], bool] = lambda: False,
        keeps_states: bool = True,
        groups: ListenerGroups | None = None,
        settle_seconds: float = SETTLE_SECONDS,
        garbage: GarbageSettings | None = None,
        small_bodies: SmallBodies | None = None,
        copies: MessageCopies | None = None,
    ) -> None:
        settings = projection or ProjectionSettings()
        news = None if groups is None else ListenerNews(session, groups)
        tree = MailboxTreeTable(session, news)
        messages = MessageTable(session, bodies, small_bodies)
        tables = MailboxTables(MailboxLogTable(session), MailboxPageTable(session), KeptLogTable(session), messages)
        logs = OpenLogs(tables, keeps=keeps_states)
        watchers = Watchers(tables.log, look_seconds, hints_come)
        projector = Projector(tables, settings, clock, held_from)

        def tell(mailbox: str, modseq: int | None) -> None:
            watchers.tell(mailbox, modseq)
            if announce is not None:
                announce(MailboxId(mailbox), None if modseq is None else ModSeq(modseq))

        def published(log: OpenLog, state: MailboxState) -> None:
            tell(log.mailbox, state.head.modseq)
            projector.consider(publishers, log, state)

        publishers = Publishers(tables, logs, settings.trim_every, published, news)
        held = HeldMailboxTable(session)
        holding = None if news is None else Holding(news, held, projector, clock)
        removal = MailboxRemoval(tables, tree, logs, publishers, lambda mailbox: tell(mailbox, None), holding)
        self.cursors = None if news is None else CassandraCursors(news, tables.log, tree, settle_seconds)
        self.source = CassandraEventSource(self, tables, tree, held, removal)
        CassandraHierarchy.__init__(self, tables.log, tree, publishers, removal, clock, news)
        CassandraMessages.__init__(self, tables, logs, publishers, projector, watchers, is_over, clock, copies)
        CassandraSubscriptions.__init__(self, tree)
        self.consistency = MailboxConsistency(tables, tree, publishers, removal, self, clock)
        self.garbage = MessageGarbage(
            tables, self, removal, self.source, news, clock, garbage or GarbageSettings(), self._copies
        )

    def hinted(self, mailbox: MailboxId, modseq: ModSeq | None) -> None:
        """Another node has published up to this ModSeq, or deleted the mailbox."""
        self._watchers.tell(mailbox, modseq)

    async def look_again(self) -> None:
        """Read the heads of all watched mailboxes, for example after hints were lost. Raises `TemporaryFailure`."""
        await self._watchers.look()

    async def close(self) -> None:
        """Ends what was begun. A projection or a removal that is cut off is begun again by any node."""
        await self._watchers.close()
        if self.cursors is not None:
            await self.cursors.close()
        await self._projector.close()
        await self._removal.close()
        await self._publishers.close()
        await self._copies.close()
