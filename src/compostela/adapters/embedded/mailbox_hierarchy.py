"""Mailboxes as names in a user's tree: see `compostela.core.mailbox.ports.hierarchy` for what it promises."""

import logging
from collections.abc import Sequence

import apsw

from compostela.adapters.embedded import mailbox_removal as removal
from compostela.adapters.embedded.mailbox_parts import MailboxPart
from compostela.adapters.embedded.mailbox_rows import MAILBOX, mailboxes_of
from compostela.adapters.embedded.mailbox_tree import advance_tree, log_tree, read_tree
from compostela.adapters.embedded.signals import mailbox_topic
from compostela.adapters.embedded.writer import Transaction
from compostela.base.errors import AlreadyExists, NotFound, TemporaryFailure
from compostela.core.mailbox.log import PAGE_ENTRIES, TreeChange, TreePage
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.ports.hierarchy import NotEmpty
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.username import Username

_log = logging.getLogger(__name__)

LATEST_UID_VALIDITY = 0xFF00_0000
"""Taken from the clock at most: a wrong clock leaves 16 million further values of 32 bits (RFC 9051 §2.3.1.1)."""
_NEXT_UID_VALIDITY = """INSERT INTO setting VALUES ('uid-validity', ?1)
    ON CONFLICT (name) DO UPDATE SET value = CASE WHEN CAST(value AS INTEGER) >= 0xFFFFFFFF THEN ?1
    ELSE max(CAST(value AS INTEGER) + 1, ?1) END RETURNING value"""
_CREATE = "INSERT INTO mailbox (user, namespace, name, uid_validity) VALUES (?, ?, ?, ?) RETURNING id"
_BY_PATH = f"SELECT {MAILBOX} FROM mailbox WHERE user = ? AND namespace = ? AND name = ?"
_ANY = "SELECT 1 FROM placement WHERE mailbox = ? LIMIT 1"
_BY_ID = f"SELECT {MAILBOX} FROM mailbox WHERE id = ?"


class EmbeddedHierarchy(MailboxPart):
    """See `MailboxPart`."""

    async def create(self, path: MailboxPath) -> Mailbox:
        now = int(self._clock.now())
        earliest = min(max(now, 1), LATEST_UID_VALIDITY)

        def job(tx: Transaction) -> Mailbox:
            # later mailboxes have higher ones, as RFC 3501 §2.3.1.1 asks of a name that is used again
            validity = int(tx.execute(_NEXT_UID_VALIDITY, (earliest,)).fetchone()[0])
            place = (path.user.value, path.namespace, path.name, validity)
            try:
                row = tx.execute(_CREATE, place).fetchone()
            except apsw.ConstraintError as error:
                raise AlreadyExists(f"the mailbox {path.name} exists") from error
            log_tree(tx, advance_tree(tx, path.user), 0, TreeChange.CREATED, row[0], path, now)
            return self._names.mailbox_of((row[0], *place))

        return await self._writer.run(self._trees.changing(job))

    async def find(self, path: MailboxPath) -> Mailbox | None:
        # not by the path itself: its hash and its comparison are functions in Python
        return self._trees.get((path.user.value, path.namespace, path.name), lambda: self._found(path))

    def _found(self, path: MailboxPath) -> Mailbox | None:
        row = self._reader.execute(_BY_PATH, (path.user.value, path.namespace, path.name)).fetchone()
        return None if row is None else self._names.mailbox_of(row)

    async def of_user(self, user: Username) -> list[Mailbox]:
        key = ("mailboxes", user.value)
        return self._trees.get(key, lambda: mailboxes_of(self._reader.execute, self._names, user)).copy()

    async def rename(self, renames: Sequence[tuple[MailboxId, MailboxPath]]) -> None:
        now = int(self._clock.now())

        def job(tx: Transaction) -> None:
            rows = [(self._names.row(mailbox), path) for mailbox, path in renames]
            before: list[MailboxPath] = []
            # by way of temporary names, so that a chain of renames does not collide with itself
            for row_id, _ in rows:
                found = tx.execute(_BY_ID, (row_id,)).fetchone()
                if found is None:
                    raise NotFound("the mailbox is gone")
                before.append(self._names.mailbox_of(found).path)
                tx.execute("UPDATE mailbox SET name = '%' || id WHERE id = ?", (row_id,))
            for row_id, path in rows:
                try:
                    tx.execute(
                        "UPDATE mailbox SET user = ?, namespace = ?, name = ? WHERE id = ?",
                        (path.user.value, path.namespace, path.name, row_id),
                    )
                except apsw.ConstraintError as error:
                    raise AlreadyExists(f"the mailbox {path.name} exists") from error
            self._log_renames(tx, rows, before, now)

        await self._writer.run(self._trees.changing(job))

    @staticmethod
    def _log_renames(
        tx: Transaction, rows: Sequence[tuple[int, MailboxPath]], before: Sequence[MailboxPath], now: int
    ) -> None:
        """A mailbox that goes to another user is deleted in the one tree and created in the other."""
        modseqs = {user: advance_tree(tx, user) for user in {path.user for path in (*before, *(p for _, p in rows))}}
        for number, ((row_id, path), old) in enumerate(zip(rows, before, strict=True)):
            if path.user == old.user:
                log_tree(tx, modseqs[path.user], number, TreeChange.RENAMED, row_id, path, now, old)
                continue
            log_tree(tx, modseqs[old.user], number, TreeChange.DELETED, row_id, old, now)
            log_tree(tx, modseqs[path.user], number, TreeChange.CREATED, row_id, path, now)

    async def delete(self, mailbox: MailboxId, *, only_empty: bool = False) -> None:
        row_id, now = self._names.row(mailbox), int(self._clock.now())

        def job(tx: Transaction) -> bool:
            found = tx.execute(_BY_ID, (row_id,)).fetchone()
            if found is None:
                raise NotFound("the mailbox is gone")
            if only_empty and tx.execute(_ANY, (row_id,)).fetchone() is not None:
                raise NotEmpty("the mailbox holds messages")
            path = self._names.mailbox_of(found).path
            is_done = removal.delete(tx, row_id, now)
            log_tree(tx, advance_tree(tx, path.user), 0, TreeChange.DELETED, row_id, path, now)
            self._memory.changing(tx, row_id)
            tx.after_commit.append(lambda: self._signals.publish(mailbox_topic(mailbox)))
            return is_done

        if not await self._writer.run(self._trees.changing(job), frees_space=True, is_long=True):
            try:
                await removal.purge_deleted(self._writer)
            except TemporaryFailure as failure:
                # the mailbox is gone; the next start or collection goes on
                _log.error("the messages of a deleted mailbox could not all be removed", extra={"error": str(failure)})

    async def tree(self, user: Username, since: ModSeq, limit: int = PAGE_ENTRIES) -> TreePage:
        with self._reader.snapshot() as execute:
            return read_tree(execute, self._names, user, since, limit)
