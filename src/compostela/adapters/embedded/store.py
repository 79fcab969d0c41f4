"""The embedded store as a whole: opens a data folder and gives the ports."""

import asyncio
import contextlib
from pathlib import Path

import apsw

from compostela.adapters.embedded.accounts import (
    EmbeddedDelegations,
    EmbeddedDomains,
    EmbeddedRewriting,
    EmbeddedUsers,
)
from compostela.adapters.embedded.blob_references import EmbeddedBlobsById
from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.checkpoints import Checkpointer
from compostela.adapters.embedded.collection import BlobCollector
from compostela.adapters.embedded.database import DATABASE_NAME, connect, translated
from compostela.adapters.embedded.dead_letters import EmbeddedDeadLetters
from compostela.adapters.embedded.disk import DEFAULT_RESERVE_BYTES, DiskSpace, reserve_of
from compostela.adapters.embedded.dlp_rules import EmbeddedDlpRules
from compostela.adapters.embedded.drop_lists import EmbeddedDropLists
from compostela.adapters.embedded.effects import EndedEntries
from compostela.adapters.embedded.file_bodies import make_folder
from compostela.adapters.embedded.folder_id import (
    BLOBS_FOLDER,
    WrongFolder,
    lost_database,
    lost_database_text,
    tie_parts,
    trace_of_use,
)
from compostela.adapters.embedded.garbage import GarbageCollector
from compostela.adapters.embedded.greylist import EmbeddedGreylist
from compostela.adapters.embedded.listener_cursors import EmbeddedCursors
from compostela.adapters.embedded.listener_source import EmbeddedEventSource
from compostela.adapters.embedded.lookups import Lookups
from compostela.adapters.embedded.mailbox_rows import Names
from compostela.adapters.embedded.mailbox_usage import EmbeddedUsage
from compostela.adapters.embedded.mailbox_versions import MailboxVersions
from compostela.adapters.embedded.mailboxes import EmbeddedMailboxes
from compostela.adapters.embedded.ownership import Ownership, check_unused
from compostela.adapters.embedded.private import make_private_file
from compostela.adapters.embedded.queue import try_entry
from compostela.adapters.embedded.queues import EmbeddedQueues
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.repositories import EmbeddedRepositories
from compostela.adapters.embedded.schema import FOLDER_ID, check_version, folder_id_of, is_new, migrate
from compostela.adapters.embedded.shared_marks import LOOKUPS, QUEUES, MarkFile
from compostela.adapters.embedded.sieve_lists import EmbeddedSieveLists
from compostela.adapters.embedded.sieve_scripts import EmbeddedGlobalScripts, EmbeddedSieveMarks, EmbeddedSieveScripts
from compostela.adapters.embedded.signals import Signals
from compostela.adapters.embedded.sts_policies import EmbeddedStsPolicies
from compostela.adapters.embedded.tasks import EmbeddedTasks
from compostela.adapters.embedded.tls_results import EmbeddedTlsResults
from compostela.adapters.embedded.token_corpora import EmbeddedTokenCorpora
from compostela.adapters.embedded.traces import EmbeddedTraces
from compostela.adapters.embedded.unqueued_runs import EmbeddedRuns
from compostela.adapters.embedded.vacations import EmbeddedVacations
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock, SystemClock
from compostela.base.errors import StorageFull
from compostela.base.ids import new_id
from compostela.core.outbound.stores import OutboundStores

RESERVE_SECONDS = 1.0
"""How often it is looked whether the reserve file is whole."""
_HAS_FILES = "SELECT 1 FROM blob WHERE file IS NOT NULL LIMIT 1"


class EmbeddedStore:
    """All ports of the embedded edition on one data folder. Several processes may open the same folder."""

    def __init__(self, folder: Path, clock: Clock, reserve_bytes: int) -> None:
        path = folder / DATABASE_NAME
        self.folder = folder
        self._ownership = Ownership(folder / "owners")
        try:
            _check_version(path)
        except BaseException:
            self._ownership.close()
            raise
        self._reserve = reserve_of(path)
        self._reserve.restore()
        self._checkpointer = Checkpointer(path, self._reserve)
        self._writer = Writer(path, self._reserve, self._checkpointer.log_grew)
        self._reader = Reader(path)
        names = Names(self._reader.execute(FOLDER_ID).fetchone()[0])
        self._signals = Signals(self._ownership, self._reader, MailboxVersions(self._reader.execute, names))
        disk = DiskSpace(folder, reserve_bytes, self._reader.reusable_bytes)
        self.blobs = EmbeddedBlobs(folder / BLOBS_FOLDER, self._reader, disk)
        self.blobs_by_id = EmbeddedBlobsById(self._writer, self._reader, self.blobs, clock)
        ended = EndedEntries()
        self._marks = MarkFile(path.with_suffix(".changes"))
        # a process that died between its commit and its second mark left one that is too old
        self._marks.change_all()
        self._signals.after_end(self._marks.change_all)
        self.mailboxes = EmbeddedMailboxes(
            self._writer, self._reader, self.blobs, self._signals, names, clock, ended, self._marks
        )
        self.queues = EmbeddedQueues(
            self._writer,
            self._reader,
            self.blobs,
            self._ownership,
            self._signals,
            self._marks.mark(QUEUES),
            clock,
            ended,
        )
        self.repositories = EmbeddedRepositories(self._writer, self._reader, self.blobs)
        self.runs = EmbeddedRuns(self._writer, self._ownership, clock)
        self._lookups = Lookups(self._marks.mark(LOOKUPS))
        self.cursors = EmbeddedCursors(self._writer, self._reader, names, self._ownership)
        self.event_source = EmbeddedEventSource(self._reader, self.blobs, names)
        self.dead_letters = EmbeddedDeadLetters(self._writer, self._reader, names)
        self.usage = EmbeddedUsage(self._writer, self._reader, names)
        self.users = EmbeddedUsers(self._writer, self._reader, self._lookups)
        self.delegations = EmbeddedDelegations(self._writer, self._reader, self._lookups)
        self.domains = EmbeddedDomains(self._writer, self._reader, self._lookups)
        self.rewriting = EmbeddedRewriting(self._writer, self._reader, self._lookups)
        self.vacations = EmbeddedVacations(self._writer, self._reader, self._lookups)
        self.drop_lists = EmbeddedDropLists(self._writer, self._reader)
        self.dlp_rules = EmbeddedDlpRules(self._writer, self._reader)
        self.greylist = EmbeddedGreylist(self._writer, self._reader)
        self.token_corpora = EmbeddedTokenCorpora(self._writer, self._reader)
        self.sieve_scripts = EmbeddedSieveScripts(self._writer, self._reader, self._lookups)
        self.global_scripts = EmbeddedGlobalScripts(self._writer, self._reader)
        self.sieve_lists = EmbeddedSieveLists(self._writer, self._reader)
        self.sieve_marks = EmbeddedSieveMarks(self._writer, self._reader)
        self.outbound = OutboundStores(
            EmbeddedStsPolicies(self._writer, self._reader),
            EmbeddedTlsResults(self._writer, self._reader),
            EmbeddedTraces(self._writer, self._reader),
        )
        self.tasks = EmbeddedTasks(self._writer, self._reader, self._ownership, self._signals)
        self.blob_garbage = BlobCollector(self._writer, self._reader, self.blobs)
        self.garbage = GarbageCollector(self._writer, self._reader, self.blob_garbage, disk)
        self._upkeep: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls, folder: Path, clock: Clock | None = None, *, reserve_bytes: int = DEFAULT_RESERVE_BYTES
    ) -> "EmbeddedStore":
        """Makes or opens the folder and brings its schema up to date. Raises `OSError` when the folder cannot be
        written, `NewerSchema` when a newer release wrote it, `FolderInUse` when it must be migrated and an older process
        runs on it, `WrongFolder` when a part of it is lost or another's,
        `StorageFull` when it is new and there is no room for it."""
        make_folder(folder)
        _prepare(folder)
        store = cls(folder, clock or SystemClock(), reserve_bytes)
        store._signals.start()
        await store.queues.start()
        store._upkeep = [asyncio.create_task(store._keep_reserve())]
        return store

    async def collect_garbage(self) -> int:
        """Tidies everything and collects bodies, besides what happens every hour; returns how many bodies it removed: those
        without reference that an earlier collection found."""
        await self.garbage.tidy()
        return await self.garbage.collect_bodies(unreferenced_seconds=0.0)

    async def check_writing(self) -> None:
        """What an accepted mail writes: a queue entry, taken back at once, a durable commit, and a file for a large body. Raises
        `StorageFull` or `TemporaryFailure`, as a mail would."""
        self.blobs.spill().discard()

        def job(tx: Transaction) -> None:
            try_entry(tx)
            tx.execute("INSERT OR REPLACE INTO setting VALUES ('written', ?)", (new_id(),))

        await self._writer.run(job)

    async def _keep_reserve(self) -> None:
        while True:
            await asyncio.sleep(RESERVE_SECONDS)
            self._reserve.restore()

    async def close(self) -> None:
        """Finishes what was begun and leaves the log empty."""
        for task in self._upkeep:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.queues.close()
        await self._writer.close()
        self._signals.close()
        self._marks.close()
        self._reader.close()
        # the last connection empties the log, which a reading one cannot
        self._checkpointer.close()
        self._ownership.close()


def _prepare(folder: Path) -> None:
    """Brings the schema up to date and ties the parts together. Opening needs a few blocks, of the reserve if there are no
    others."""
    if (problem := lost_database(folder)) is not None:
        raise WrongFolder(problem)
    try:
        _migrate(folder)
    except apsw.Error as error:
        if not (isinstance(translated(error), StorageFull) and reserve_of(folder / DATABASE_NAME).release()):
            raise translated(error) from error
        try:
            _migrate(folder)
        except apsw.Error as again:
            raise translated(again) from again


def _check_version(path: Path) -> None:
    connection = connect(path)
    try:
        check_version(connection)
    except apsw.Error as error:
        raise translated(error) from error
    finally:
        connection.close()


def _migrate(folder: Path) -> None:
    # looked for before the database is: another process may be making both
    trace = trace_of_use(folder)
    make_private_file(folder / DATABASE_NAME)
    connection = connect(folder / DATABASE_NAME)
    try:
        if trace is not None and is_new(connection):
            raise WrongFolder(lost_database_text(folder, trace))
        migrate(connection, lambda: check_unused(folder / "owners"))
        folder_id = folder_id_of(connection)
        has_files = bool(connection.execute(_HAS_FILES).fetchall())
    finally:
        connection.close()
    make_folder(folder / BLOBS_FOLDER)
    tie_parts(folder, folder_id, has_files=has_files)
