"""All ports of the distributed edition on its engines."""

from collections.abc import Callable
from pathlib import Path

from compostela.adapters.cassandra.blob_references import BlobReferences
from compostela.adapters.cassandra.blobs_by_id import CassandraBlobsById
from compostela.adapters.cassandra.consistency_tasks import repairs
from compostela.adapters.cassandra.dead_letters import CassandraDeadLetters
from compostela.adapters.cassandra.dlp_rules import CassandraDlpRules
from compostela.adapters.cassandra.domains import CassandraDomains
from compostela.adapters.cassandra.drop_lists import CassandraDropLists
from compostela.adapters.cassandra.greylist import CassandraGreylist
from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.outbound import outbound_stores
from compostela.adapters.cassandra.queue_tasks import RepublishTask
from compostela.adapters.cassandra.rewriting import CassandraRewriting
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.sieve_lists import CassandraSieveLists
from compostela.adapters.cassandra.sieve_marks import CassandraSieveMarks
from compostela.adapters.cassandra.sieve_scripts import CassandraGlobalScripts, CassandraSieveScripts
from compostela.adapters.cassandra.tasks import CassandraTasks
from compostela.adapters.cassandra.usage import HeadsUsage
from compostela.adapters.cassandra.users import CassandraDelegations, CassandraUsers
from compostela.adapters.cassandra.vacations import CassandraVacations
from compostela.adapters.rabbitmq.broker import RabbitBroker
from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.s3.bodies import S3Blobs
from compostela.adapters.s3.garbage import S3Garbage
from compostela.app.editions.engine_checks import engine_checks
from compostela.app.editions.engine_mail import mail_stores_of
from compostela.app.editions.redis_limits import limits_of
from compostela.app.engines import EngineSettings
from compostela.app.stores import Stores
from compostela.base.clock import SystemClock
from compostela.core.blob.in_turn import CollectionsInTurn
from compostela.core.recovery.ports import Recovery

COLLECTION_TIMES = "17 3 * * *"
"""Once a day: a collection reads all rows that may refer to objects."""


def stores_of(
    session: CassandraSession, arriving: Path, engines: EngineSettings, held_seconds: float, closed: Callable[[], None]
) -> Stores:
    """The ports on an open session, which closes with them; then `closed` is called. `held_seconds`: how long expunged messages
    are kept for slow listener groups. Needs a running loop."""
    clock = SystemClock()
    blobs = S3Blobs(engines.blobs, arriving, clock)
    broker = RabbitBroker(engines.rabbit, clock, engines.queues.prefetch)
    redis, lookups = RedisEngine(engines.redis), Lookups()
    limits, delegations = limits_of(redis, clock), CassandraDelegations(session)
    mail = mail_stores_of(session, broker, blobs, clock, engines, held_seconds)
    queues, mailboxes, runs, hints, peers = mail.queues, mail.mailboxes, mail.runs, mail.hints, mail.peers
    by_id = CassandraBlobsById(session, blobs, clock)

    async def close() -> None:
        first = (queues.close, broker.close, runs.close, mailboxes.close)
        for one in (*first, peers.close, hints.close, redis.close, session.close):
            await one()
        closed()

    for part in (broker, queues, peers):
        part.start()
    hints.start(mailboxes.hinted, mailboxes.look_again)
    return Stores(
        mailboxes=mailboxes,
        queues=queues,
        repositories=mail.repositories,
        users=CassandraUsers(session, lookups, delegations),
        delegations=delegations,
        domains=CassandraDomains(session, lookups),
        rewriting=CassandraRewriting(session, lookups),
        greylist=CassandraGreylist(session, clock),
        token_corpora=mail.token_corpora,
        vacations=CassandraVacations(session),
        drop_lists=CassandraDropLists(session, lookups),
        dlp_rules=CassandraDlpRules(session),
        sieve_scripts=CassandraSieveScripts(session),
        sieve_marks=CassandraSieveMarks(session),
        global_scripts=CassandraGlobalScripts(session),
        sieve_lists=CassandraSieveLists(session),
        outbound=outbound_stores(session),
        blobs=blobs,
        blobs_by_id=by_id,
        blob_garbage=CollectionsInTurn(
            [mailboxes.garbage, S3Garbage(blobs, [BlobReferences(session).all, by_id.referred, mail.copies.referred])]
        ),
        runs=runs,
        tasks=CassandraTasks(session),
        failed_logins=limits.failed_logins,
        bans=limits.bans,
        recent_logins=limits.recent_logins,
        ended_sessions=limits.ended_sessions,
        known_tokens=limits.known_tokens,
        rate_limits=limits.rate_limits,
        cursors=mail.cursors,
        event_source=mailboxes.source,
        dead_letters=CassandraDeadLetters(session),
        usage=HeadsUsage(mailboxes),
        peers=peers,
        collection_times=COLLECTION_TIMES,
        repairs=[*repairs(mailboxes.consistency, CassandraRewriting(session, lookups)), RepublishTask(queues)],
        recovery=Recovery(mail.copies, mailboxes.has_content),
        is_cluster=True,
        checks=engine_checks(session, broker, blobs, redis),
        closing=close,
    )
