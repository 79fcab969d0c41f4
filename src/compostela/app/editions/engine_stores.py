"""All ports of the distributed edition on its engines."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from compostela.adapters.cassandra.dead_letters import CassandraDeadLetters
from compostela.adapters.cassandra.dlp_rules import CassandraDlpRules
from compostela.adapters.cassandra.domains import CassandraDomains
from compostela.adapters.cassandra.drop_lists import CassandraDropLists
from compostela.adapters.cassandra.effects import Entries
from compostela.adapters.cassandra.greylist import CassandraGreylist
from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.queue_rows import QUEUED
from compostela.adapters.cassandra.queues import ClusterQueues
from compostela.adapters.cassandra.repositories import STORED, CassandraRepositories
from compostela.adapters.cassandra.rewriting import CassandraRewriting
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.sieve_lists import CassandraSieveLists
from compostela.adapters.cassandra.sieve_marks import CassandraSieveMarks
from compostela.adapters.cassandra.sieve_scripts import CassandraGlobalScripts, CassandraSieveScripts
from compostela.adapters.cassandra.tasks import CassandraTasks
from compostela.adapters.cassandra.unqueued_runs import RUN, CassandraRuns
from compostela.adapters.cassandra.usage import HeadsUsage
from compostela.adapters.cassandra.users import CassandraDelegations, CassandraUsers
from compostela.adapters.cassandra.vacations import CassandraVacations
from compostela.adapters.rabbitmq.broker import RabbitBroker
from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.s3.bodies import S3Blobs
from compostela.app.editions.engine_checks import engine_checks
from compostela.app.editions.redis_limits import limits_of
from compostela.app.editions.stand_ins import NoGroups, NotBuilt
from compostela.app.engines import EngineSettings
from compostela.app.stores import Stores
from compostela.base.clock import SystemClock

COLLECTION_TIMES = "17 3 1 * *"


def stores_of(session: CassandraSession, arriving: Path, engines: EngineSettings, closed: Callable[[], None]) -> Stores:
    """The ports on a session that is open and closes with them; `closed` is called after it. Needs a running loop."""
    clock = SystemClock()
    blobs = S3Blobs(engines.blobs, arriving, clock)
    broker = RabbitBroker(engines.rabbit, clock, engines.queues.prefetch)
    entries, runs, lookups = Entries(), CassandraRuns(session), Lookups()
    queues = ClusterQueues(session, broker, blobs, clock, engines.queues, entries.is_over)
    redis = RedisEngine(engines.redis)
    limits, delegations = limits_of(redis, clock), CassandraDelegations(session)
    mailboxes = CassandraMailboxes(session, blobs, clock, is_over=entries.is_over)
    repositories = CassandraRepositories(session, blobs, entries.is_over, clock)
    entries.register(QUEUED, queues.rows.is_over)
    entries.register(RUN, runs.is_over)
    entries.register(STORED, repositories.is_over)
    not_built: Any = NotBuilt  # Any: takes the place of several ports
    groups: Any = NoGroups("run listener groups")

    async def close() -> None:
        closing: list[Callable[[], Awaitable[None]]] = [
            queues.close, broker.close, runs.close, mailboxes.close, redis.close, session.close,
        ]  # fmt: skip
        for one in closing:
            await one()
        closed()

    broker.start()
    queues.start()
    return Stores(
        mailboxes=mailboxes,
        queues=queues,
        repositories=repositories,
        users=CassandraUsers(session, lookups, delegations),
        delegations=delegations,
        domains=CassandraDomains(session, lookups),
        rewriting=CassandraRewriting(session, lookups),
        greylist=CassandraGreylist(session, clock),
        vacations=CassandraVacations(session),
        drop_lists=CassandraDropLists(session, lookups),
        dlp_rules=CassandraDlpRules(session),
        sieve_scripts=CassandraSieveScripts(session),
        sieve_marks=CassandraSieveMarks(session),
        global_scripts=CassandraGlobalScripts(session),
        sieve_lists=CassandraSieveLists(session),
        blobs=blobs,
        blobs_by_id=not_built("keep blobs by id"),
        blob_garbage=not_built("collect blobs"),
        runs=runs,
        tasks=CassandraTasks(session),
        failed_logins=limits.failed_logins,
        bans=limits.bans,
        recent_logins=limits.recent_logins,
        rate_limits=limits.rate_limits,
        cursors=groups,
        event_source=not_built("read logs for listeners"),
        dead_letters=CassandraDeadLetters(session),
        usage=HeadsUsage(mailboxes),
        collection_times=COLLECTION_TIMES,
        checks=engine_checks(session, broker, blobs, redis),
        closing=close,
    )
