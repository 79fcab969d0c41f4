"""The stores through which mail goes: each asks the others whether the entry of an effect has ended."""

from typing import NamedTuple

from compostela.adapters.cassandra.effects import Entries
from compostela.adapters.cassandra.listener_cursors import CassandraCursors
from compostela.adapters.cassandra.listener_groups import ListenerGroups
from compostela.adapters.cassandra.mailbox_contents import SmallBodies
from compostela.adapters.cassandra.mailbox_projector import ProjectionSettings
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.message_copies import MessageCopies
from compostela.adapters.cassandra.message_garbage import GarbageSettings
from compostela.adapters.cassandra.queue_rows import QUEUED
from compostela.adapters.cassandra.queues import ClusterQueues
from compostela.adapters.cassandra.repositories import STORED, CassandraRepositories
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.token_corpora import CassandraTokenCorpora
from compostela.adapters.cassandra.unqueued_runs import RUN, CassandraRuns
from compostela.adapters.rabbitmq.broker import RabbitBroker
from compostela.adapters.rabbitmq.hints import RabbitHints
from compostela.adapters.rabbitmq.peers import RabbitPeers
from compostela.adapters.s3.bodies import S3Blobs
from compostela.adapters.s3.recovery_copies import S3RecoveryCopies
from compostela.adapters.s3.settings import BlobSettings
from compostela.app.engines import EngineSettings
from compostela.base.clock import Clock


class MailStores(NamedTuple):
    queues: ClusterQueues
    mailboxes: CassandraMailboxes
    cursors: CassandraCursors
    repositories: CassandraRepositories
    runs: CassandraRuns
    token_corpora: CassandraTokenCorpora
    copies: S3RecoveryCopies
    hints: RabbitHints
    peers: RabbitPeers


def mail_stores_of(
    session: CassandraSession,
    broker: RabbitBroker,
    blobs: S3Blobs,
    clock: Clock,
    engines: EngineSettings,
    held_seconds: float,
) -> MailStores:
    entries, hints, copies = Entries(), RabbitHints(engines.rabbit, clock), S3RecoveryCopies(blobs)
    mailboxes = CassandraMailboxes(
        session,
        blobs,
        clock,
        is_over=entries.is_over,
        announce=hints.tell,
        hints_come=hints.come,
        groups=ListenerGroups(session),
        projection=ProjectionSettings(kept_seconds=engines.cassandra.kept_changes_seconds),
        garbage=GarbageSettings(held_seconds=held_seconds),
        small_bodies=_small_bodies(engines.blobs),
        copies=MessageCopies(copies, engines.cassandra.recovery_mode),
    )
    assert mailboxes.cursors is not None
    mail = MailStores(
        ClusterQueues(session, broker, blobs, clock, engines.queues, entries.is_over),
        mailboxes,
        mailboxes.cursors,
        CassandraRepositories(session, blobs, entries.is_over, clock),
        CassandraRuns(session),
        CassandraTokenCorpora(session, entries.is_over),
        copies,
        hints,
        RabbitPeers(engines.rabbit, clock, hints.node, hints.others),
    )
    entries.register(QUEUED, mail.queues.rows.is_over)
    entries.register(STORED, mail.repositories.is_over)
    entries.register(RUN, mail.runs.is_over)
    return mail


def _small_bodies(blobs: BlobSettings) -> SmallBodies:
    return SmallBodies(blobs.cache_threshold, blobs.cache_seconds) if blobs.is_caching else SmallBodies()
