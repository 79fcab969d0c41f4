"""What an edition provides: the ports of its stores, opened. The server around them is the same for every edition."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from compostela.adapters.in_process.peers import NoPeers
from compostela.base.errors import CompostelaError
from compostela.core.authentication.failure_ports import Bans, FailedLogins, RecentLogins
from compostela.core.authentication.known_tokens import KnownTokens
from compostela.core.authentication.ports import DelegationStore
from compostela.core.bayes.ports import TokenCorpora
from compostela.core.blob.ports import BlobGarbage, BlobsById, BlobStore
from compostela.core.connections.ports import Peers
from compostela.core.dlp.ports import DlpRuleStore
from compostela.core.domains.ports import DomainStore
from compostela.core.drop_lists.ports import DropListStore
from compostela.core.events.ports import CursorStore, DeadLetters, EventSource
from compostela.core.events.usage import UsageStore
from compostela.core.filtering.ports import GreylistStore
from compostela.core.health.checks import HealthCheck
from compostela.core.mail.ports import UnqueuedRuns
from compostela.core.mailbox.ports import MailboxStore
from compostela.core.outbound.stores import OutboundStores
from compostela.core.queue.ports import MailQueues
from compostela.core.rate_limits.ports import RateLimits
from compostela.core.recovery.ports import Recovery
from compostela.core.repository.ports import MailRepositoryStore
from compostela.core.rewriting.ports import RewritingStore
from compostela.core.sieve.ports import GlobalScripts, SieveLists, SieveMarks, SieveScripts
from compostela.core.tasks.ports import TaskStore
from compostela.core.tasks.runner import TaskRunner
from compostela.core.users.ports import UserStore
from compostela.core.vacation.ports import VacationStore


class StoresUnavailable(CompostelaError):
    """The stores cannot be opened; the text is one sentence for the operator."""


class StoresNotOpen(CompostelaError):
    """A store is used while the configuration is only checked."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The ports of one edition, with its health checks and the way to close it."""

    mailboxes: MailboxStore
    queues: MailQueues
    repositories: MailRepositoryStore
    users: UserStore
    delegations: DelegationStore
    domains: DomainStore
    rewriting: RewritingStore
    greylist: GreylistStore
    token_corpora: TokenCorpora
    vacations: VacationStore
    drop_lists: DropListStore
    dlp_rules: DlpRuleStore
    sieve_scripts: SieveScripts
    sieve_marks: SieveMarks
    global_scripts: GlobalScripts
    sieve_lists: SieveLists
    outbound: OutboundStores
    blobs: BlobStore
    blobs_by_id: BlobsById
    blob_garbage: BlobGarbage
    runs: UnqueuedRuns
    tasks: TaskStore
    failed_logins: FailedLogins
    bans: Bans
    recent_logins: RecentLogins
    ended_sessions: RecentLogins
    """See `EndedSessions`."""
    known_tokens: KnownTokens
    rate_limits: RateLimits
    cursors: CursorStore
    event_source: EventSource
    dead_letters: DeadLetters
    usage: UsageStore
    collection_times: str
    """When blobs are collected without an operator's line for it: cron's five fields."""
    peers: Peers = field(default_factory=NoPeers)
    repairs: Sequence[TaskRunner[Any]] = ()
    """Tasks that compare what the edition keeps twice, and mend it: see `compostela.core.mailbox.consistency`."""
    recovery: Recovery | None = None
    """Copies of messages apart from the database, if the edition may write them."""
    is_cluster: bool = False
    """Whether other nodes may work on the stores over a network: they may be away at the start and come back by themselves, and
    mails that this process puts into a queue may be taken by another."""
    checks: Sequence[HealthCheck] = ()
    """Of the edition itself: whether its engines work and have room."""
    upkeep: Callable[[], Coroutine[Any, Any, None]] | None = None
    """What one process of a server does for the stores, until it is cancelled."""
    closing: Callable[[], Awaitable[None]] | None = None
    """Finishes what was begun and closes every port."""

    def health_checks(self) -> list[HealthCheck]:
        return list(self.checks)

    async def close(self) -> None:
        """Called once, after everything that uses the ports has stopped."""
        if self.closing is not None:
            await self.closing()


def unopened_stores() -> Stores:
    """Stores for a check of the configuration: everything can be made of them, nothing can be read or written. A queue may
    be asked for by its name."""
    port: Any = _NotOpen  # Any: takes the place of every port
    return Stores(
        mailboxes=port("mailboxes"),
        queues=port("queues", queue=lambda name: port(f"queue {name!r}")),
        repositories=port("repositories"),
        users=port("users"),
        delegations=port("delegations"),
        domains=port("domains"),
        rewriting=port("rewriting"),
        greylist=port("greylist"),
        token_corpora=port("token corpora"),
        vacations=port("vacations"),
        drop_lists=port("drop lists"),
        dlp_rules=port("DLP rules"),
        sieve_scripts=port("sieve_scripts"),
        sieve_marks=port("sieve_marks"),
        global_scripts=port("global_scripts"),
        sieve_lists=port("sieve_lists"),
        outbound=OutboundStores(port("MTA-STS policies"), port("TLS results"), port("traces")),
        blobs=port("blobs"),
        blobs_by_id=port("blobs by id"),
        blob_garbage=port("blob garbage"),
        runs=port("runs"),
        tasks=port("tasks"),
        failed_logins=port("failed logins"),
        bans=port("bans"),
        recent_logins=port("recent logins"),
        ended_sessions=port("ended sessions"),
        known_tokens=port("known tokens"),
        rate_limits=port("rate limits"),
        cursors=port("cursors"),
        event_source=port("event source"),
        dead_letters=port("dead letters"),
        usage=port("usage"),
        collection_times="0 0 1 1 *",
    )


class _NotOpen:
    """Raises `StoresNotOpen` at any use but that of `handles`, which give further ports."""

    def __init__(self, name: str, **handles: Callable[[str], object]) -> None:
        self._name = name
        vars(self).update(handles)

    def __getattr__(self, name: str) -> NoReturn:
        raise StoresNotOpen(f"{name!r} of the store ({self._name}) is used before the server starts: use it in 'start'")
