"""Listener groups and their cursors: see `compostela.core.events.ports.CursorStore` for what it promises.

While there is a group, triggers note each log that changes in `listener_pending`, a row for each group, in the transaction of the
change. Without groups there is no trigger. A mailbox that is made has a cursor from the beginning; one without a cursor was
there before the group, which gets a snapshot.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from compostela.adapters.embedded.listener_rows import TREE_PREFIX, LogKey, log_id, log_key
from compostela.adapters.embedded.mailbox_rows import Names
from compostela.adapters.embedded.ownership import Ownership
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.events.model import LOG_END, Group, LogId, Pending
from compostela.model.numbers import ModSeq

SEED_STEP = 5000
"""Logs that one transaction makes pending for a new group, or forgets of an old one."""
SAVE_STEP = 200
"""Cursors that one transaction saves."""


def _note(table: str, log: str, values: str = "", trees: bool = False) -> str:
    """A statement of a trigger. Not `OR IGNORE`: the conflict clause of the statement that fires the trigger would win. `log`
    is an expression without affinity, such as `+NEW.id`: with one, no index is used."""
    return f"""INSERT INTO {table} SELECT g.id, {log}{values} FROM listener_group g
        WHERE {"g.follows_trees AND " if trees else ""}NOT EXISTS
        (SELECT 1 FROM {table} o WHERE o.listener = g.id AND o.log = {log});"""


_NEW_TREE = f"'{TREE_PREFIX}' || NEW.user"
_TRIGGERS = {
    "listener_mailbox_made": f"AFTER INSERT ON mailbox BEGIN {_note('listener_cursor', '+NEW.id', ', 0')} END",
    "listener_mailbox_changed": f"""AFTER UPDATE OF highest_modseq ON mailbox BEGIN
        {_note("listener_pending", "+NEW.id")} END""",
    "listener_mailbox_deleted": f"AFTER DELETE ON mailbox BEGIN {_note('listener_pending', '+OLD.id')} END",
    "listener_tree_made": f"""AFTER INSERT ON tree BEGIN {_note("listener_cursor", _NEW_TREE, ", 0", trees=True)}
        {_note("listener_pending", _NEW_TREE, trees=True)} END""",
    "listener_tree_changed": f"""AFTER UPDATE OF highest_modseq ON tree BEGIN
        {_note("listener_pending", _NEW_TREE, trees=True)} END""",
}
_GROUPS = "SELECT name, needs_content, follows_trees FROM listener_group WHERE NOT is_removed ORDER BY name"
_FIND = "SELECT id, needs_content, follows_trees, seeded_until FROM listener_group WHERE name = ? AND NOT is_removed"
_MAKE = "INSERT INTO listener_group (name, needs_content, follows_trees, seeded_until) VALUES (?, ?, ?, 0) RETURNING id"
_SEED_TREES = f"INSERT OR IGNORE INTO listener_pending SELECT ?, '{TREE_PREFIX}' || user FROM tree"
_SEED_END = "SELECT max(id) FROM (SELECT id FROM mailbox WHERE id > ? ORDER BY id LIMIT ?)"
_SEED = "INSERT OR IGNORE INTO listener_pending SELECT ?, id FROM mailbox WHERE id > ? AND id <= ?"
_REMOVE = (
    "UPDATE listener_group SET is_removed = 1, owner = NULL, name = name || '#' || id WHERE name = ? AND NOT is_removed"
)
_FORGET = "DELETE FROM {table} WHERE listener = ?1 AND log IN (SELECT log FROM {table} WHERE listener = ?1 LIMIT ?2)"
_OWNER = "SELECT owner FROM listener_group WHERE name = ? AND NOT is_removed"
_OWNERS = "SELECT name, owner FROM listener_group WHERE NOT is_removed ORDER BY name"
_TAKE = "UPDATE listener_group SET owner = ? WHERE name = ? AND NOT is_removed AND owner IS ?"
_RELEASE = "UPDATE listener_group SET owner = NULL WHERE name = ? AND owner = ?"
_PENDING = f"""SELECT p.log, c.modseq, coalesce(m.highest_modseq, t.highest_modseq) FROM listener_group g
    JOIN listener_pending p ON p.listener = g.id
    LEFT JOIN listener_cursor c ON c.listener = p.listener AND c.log = p.log
    LEFT JOIN mailbox m ON m.id = p.log
    LEFT JOIN tree t ON t.user = substr(p.log, {len(TREE_PREFIX) + 1}) AND typeof(p.log) = 'text'
    WHERE g.name = ? AND NOT g.is_removed AND p.log > ? ORDER BY p.log LIMIT ?"""
_OWNED = "SELECT id FROM listener_group WHERE name = ? AND owner = ? AND NOT is_removed"
_SAVE = """INSERT INTO listener_cursor VALUES (?, ?, ?)
    ON CONFLICT (listener, log) DO UPDATE SET modseq = max(modseq, excluded.modseq)"""
_MAILBOX_HEAD = "SELECT highest_modseq FROM mailbox WHERE id = ?"
_TREE_HEAD = "SELECT highest_modseq FROM tree WHERE user = ?"
_PASS = "DELETE FROM listener_pending WHERE listener = ? AND log = ?"
_FORGET_LOG = "DELETE FROM listener_cursor WHERE listener = ? AND log = ?"


class EmbeddedCursors:
    """Reads on the loop's connection, writes through the writer."""

    def __init__(self, writer: Writer, reader: Reader, names: Names, ownership: Ownership) -> None:
        self._writer = writer
        self._reader = reader
        self._names = names
        self._ownership = ownership

    async def register(self, group: Group) -> None:
        found = self._reader.execute(_FIND, (group.name,)).fetchone()
        if found is None or found[1:3] != (group.needs_content, group.follows_trees):
            await self._writer.run(partial(_register, group=group), is_long=True)
        while await self._writer.run(partial(_seed, group=group.name), is_long=True):
            pass

    async def groups(self) -> list[Group]:
        rows = self._reader.execute(_GROUPS).fetchall()
        return [Group(name, bool(content), bool(trees)) for name, content, trees in rows]

    async def remove(self, group: str) -> None:
        await self._writer.execute(_REMOVE, (group,), frees_space=True)
        await forget_removed_groups(self._writer)

    async def acquire(self, group: str) -> bool:
        row = self._reader.execute(_OWNER, (group,)).fetchone()
        if row is None:
            return False
        if row[0] == self._ownership.owner:
            return True
        if row[0] is not None and not self._ownership.is_dead(row[0]):
            return False
        taken = await self._writer.execute(_TAKE, (self._ownership.owner, group, row[0]), frees_space=True)
        return taken == 1

    async def release(self, group: str) -> None:
        await self._writer.execute(_RELEASE, (group, self._ownership.owner), frees_space=True)

    async def unattended(self) -> list[str]:
        rows = self._reader.execute(_OWNERS).fetchall()
        return [name for name, owner in rows if owner is None or self._ownership.is_dead(owner)]

    async def pending(self, group: str, after: LogId | None = None, limit: int = 100) -> list[Pending]:
        beginning = 0 if after is None else log_key(self._names, after)
        return [
            Pending(
                log_id(self._names, key),
                None if since is None else ModSeq(since),
                LOG_END if head is None else ModSeq(head),
            )
            for key, since, head in self._reader.execute(_PENDING, (group, beginning, limit)).fetchall()
        ]

    async def save(self, group: str, cursors: Mapping[LogId, ModSeq]) -> bool:
        rows = [(log_key(self._names, log), modseq) for log, modseq in cursors.items()]
        for start in range(0, len(rows), SAVE_STEP):
            step = partial(self._save, group=group, rows=rows[start : start + SAVE_STEP])
            # what the groups have passed makes room
            if not await self._writer.run(step, frees_space=True):
                return False
        return True

    def _save(self, tx: Transaction, group: str, rows: Sequence[tuple[LogKey, ModSeq]]) -> bool:
        found = tx.execute(_OWNED, (group, self._ownership.owner)).fetchone()
        if found is None:
            return False
        listener = found[0]
        for key, modseq in rows:
            if modseq >= LOG_END:
                tx.execute(_FORGET_LOG, (listener, key))
                tx.execute(_PASS, (listener, key))
                continue
            tx.execute(_SAVE, (listener, key, modseq))
            if isinstance(key, str):
                head = tx.execute(_TREE_HEAD, (key.removeprefix(TREE_PREFIX),)).fetchone()
            else:
                head = tx.execute(_MAILBOX_HEAD, (key,)).fetchone()
            # a mailbox that is gone stays pending until its deletion is told
            if head is not None and modseq >= head[0]:
                tx.execute(_PASS, (listener, key))
        return True


def _register(tx: Transaction, group: Group) -> None:
    for name, body in _TRIGGERS.items():
        tx.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {body}")
    found = tx.execute(_FIND, (group.name,)).fetchone()
    if found is None:
        listener, had_trees = (
            tx.execute(_MAKE, (group.name, group.needs_content, group.follows_trees)).fetchone()[0],
            False,
        )
    else:
        listener, had_trees = found[0], bool(found[2])
        tx.execute(
            "UPDATE listener_group SET needs_content = ?, follows_trees = ? WHERE id = ?",
            (group.needs_content, group.follows_trees, listener),
        )
    if group.follows_trees and not had_trees:
        tx.execute(_SEED_TREES, (listener,))


def _seed(tx: Transaction, group: str) -> bool:
    """Make the next mailboxes pending for a new group. Return False after the last."""
    found = tx.execute(_FIND, (group,)).fetchone()
    if found is None or found[3] is None:
        return False
    end = tx.execute(_SEED_END, (found[3], SEED_STEP)).fetchone()[0]
    if end is not None:
        tx.execute(_SEED, (found[0], found[3], end))
    tx.execute("UPDATE listener_group SET seeded_until = ? WHERE id = ?", (end, found[0]))
    return end is not None


async def forget_removed_groups(writer: Writer) -> None:
    """Remove what is kept of groups that were removed, and the triggers after the last group."""
    while await writer.run(_forget_some, frees_space=True, is_long=True):
        pass


def _forget_some(tx: Transaction) -> bool:
    """One step; False when there was nothing to do."""
    row = tx.execute("SELECT id FROM listener_group WHERE is_removed LIMIT 1").fetchone()
    if row is None:
        return False
    for table in ("listener_cursor", "listener_pending"):
        tx.execute(_FORGET.format(table=table), (row[0], SEED_STEP))
        if tx.connection.changes() == SEED_STEP:
            return True
    tx.execute("DELETE FROM listener_group WHERE id = ?", row)
    if tx.execute("SELECT 1 FROM listener_group LIMIT 1").fetchone() is None:
        for name in _TRIGGERS:
            tx.execute(f"DROP TRIGGER IF EXISTS {name}")
    return True
