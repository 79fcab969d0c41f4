"""The tables of the embedded store and their forward migrations.

`PRAGMA user_version` holds the number of the last migration that ran. Migrations only go forward, all that are due in one
transaction, so a database has its old version or the new one whatever interrupts them. A database that is newer than this code is
refused, because older code would break what newer code promised.
"""

import logging
import time
from collections.abc import Callable

import apsw

from compostela.adapters.embedded.outbound_tables import OUTBOUND_TABLES, TRACE_SIZE_TABLES, TRACE_TABLES
from compostela.adapters.embedded.sieve_tables import SIEVE_LIST_TABLES, SIEVE_TABLES, VACATION_TABLES
from compostela.base.errors import CompostelaError
from compostela.base.ids import new_id

_log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0
"""How often a migration that takes long says how far it is."""
_PROGRESS_INSTRUCTIONS = 100_000
_WAIT_MILLISECONDS = 3_600_000
"""How long a second process waits for the one that migrates."""
_FOLDER_ID_LENGTH = 8
FOLDER_ID = "SELECT value FROM setting WHERE name = 'store-id'"
_SETTING = "INSERT OR IGNORE INTO setting VALUES (?, ?)"

BLOB_TABLES = (
    # the bytes of a body: in `data` (packed as `coding` says), or in the file that `file` names
    """CREATE TABLE blob (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        digest BLOB NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        coding INTEGER NOT NULL,
        file TEXT,
        data BLOB
    )""",
    "CREATE INDEX blob_file ON blob (file) WHERE file IS NOT NULL",
)

EFFECT_TABLES = (
    "CREATE TABLE effect (entry TEXT NOT NULL, key TEXT NOT NULL, result BLOB NOT NULL, PRIMARY KEY (entry, key)) WITHOUT ROWID",
)

MAILBOX_TABLES = (
    """CREATE TABLE mailbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        uid_validity INTEGER NOT NULL,
        uid_next INTEGER NOT NULL DEFAULT 1,
        highest_modseq INTEGER NOT NULL DEFAULT 1,
        messages INTEGER NOT NULL DEFAULT 0,
        unseen INTEGER NOT NULL DEFAULT 0,
        deleted INTEGER NOT NULL DEFAULT 0,
        size_bytes INTEGER NOT NULL DEFAULT 0,
        deleted_bytes INTEGER NOT NULL DEFAULT 0,
        first_recent_uid INTEGER NOT NULL DEFAULT 1,
        expunge_floor INTEGER NOT NULL DEFAULT 0,
        UNIQUE (user, namespace, name)
    )""",
    # mailboxes that are gone, whose messages are still to be removed
    "CREATE TABLE deleted_mailbox (id INTEGER PRIMARY KEY)",
    # a message as it was appended: shared by its copies
    """CREATE TABLE message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        body INTEGER NOT NULL,
        coding INTEGER NOT NULL,
        structure BLOB NOT NULL,
        header BLOB NOT NULL
    )""",
    "CREATE INDEX message_body ON message (body)",
    # a message's place in a mailbox
    """CREATE TABLE placement (
        mailbox INTEGER NOT NULL,
        uid INTEGER NOT NULL,
        modseq INTEGER NOT NULL,
        flags INTEGER NOT NULL,
        keywords TEXT NOT NULL,
        size INTEGER NOT NULL,
        internal_date INTEGER NOT NULL,
        save_date INTEGER NOT NULL,
        message INTEGER NOT NULL,
        PRIMARY KEY (mailbox, uid)
    ) WITHOUT ROWID""",
    "CREATE INDEX placement_modseq ON placement (mailbox, modseq)",
    "CREATE INDEX placement_unseen ON placement (mailbox, uid) WHERE flags & 1 = 0",
    "CREATE INDEX placement_deleted ON placement (mailbox, uid) WHERE flags & 8 <> 0",
    "CREATE INDEX placement_message ON placement (message)",
    "CREATE TABLE expunged (mailbox INTEGER NOT NULL, modseq INTEGER NOT NULL, uid INTEGER NOT NULL, PRIMARY KEY (mailbox, modseq, uid)) WITHOUT ROWID",
    "CREATE TABLE keyword (mailbox INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (mailbox, name)) WITHOUT ROWID",
    "CREATE TABLE subscription (user TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (user, name)) WITHOUT ROWID",
)

MAIL_TABLES = (
    """CREATE TABLE queue_entry (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        entry TEXT NOT NULL,
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        priority INTEGER NOT NULL,
        enqueued_at REAL NOT NULL,
        due_at REAL NOT NULL,
        sender TEXT,
        recipients TEXT NOT NULL,
        size INTEGER NOT NULL,
        mail BLOB NOT NULL,
        coding INTEGER NOT NULL,
        header BLOB NOT NULL,
        body INTEGER NOT NULL
    )""",
    "CREATE INDEX queue_entry_body ON queue_entry (body)",
    "CREATE INDEX queue_entry_owner ON queue_entry (owner)",
    "CREATE INDEX queue_entry_queue ON queue_entry (queue, id)",
    "CREATE TABLE queue (name TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE repository (id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL UNIQUE, path TEXT NOT NULL, size INTEGER NOT NULL DEFAULT 0)",
    """CREATE TABLE repository_mail (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        repository INTEGER NOT NULL,
        key TEXT NOT NULL,
        last_updated_at REAL NOT NULL,
        sender TEXT,
        recipients TEXT NOT NULL,
        remote_host TEXT NOT NULL,
        remote_address TEXT NOT NULL,
        mail BLOB NOT NULL,
        coding INTEGER NOT NULL,
        header BLOB NOT NULL,
        body INTEGER NOT NULL,
        UNIQUE (repository, key)
    )""",
    "CREATE INDEX repository_mail_body ON repository_mail (body)",
)

ACCOUNT_TABLES = (
    "CREATE TABLE user (name TEXT PRIMARY KEY, domain TEXT NOT NULL, password TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX user_domain ON user (domain, name)",
    "CREATE TABLE domain (name TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TABLE mapping (
        local_part TEXT NOT NULL,
        domain TEXT NOT NULL,
        type TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (domain, local_part, type, text)
    ) WITHOUT ROWID""",
    "CREATE INDEX mapping_target ON mapping (type, text)",
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)

LOGIN_TABLES = (
    "ALTER TABLE user ADD COLUMN scram TEXT",
    "CREATE TABLE delegation (base TEXT NOT NULL, delegate TEXT NOT NULL, PRIMARY KEY (base, delegate)) WITHOUT ROWID",
    "CREATE INDEX delegation_delegate ON delegation (delegate)",
)

FILTER_TABLES = (
    "CREATE TABLE greylist (key BLOB PRIMARY KEY, since REAL NOT NULL, until REAL NOT NULL, has_passed INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX greylist_until ON greylist (until)",
)

LOG_TABLES = (
    # every change of a message with its state before; a row goes when the log is trimmed
    """CREATE TABLE mailbox_log (
        mailbox INTEGER NOT NULL,
        modseq INTEGER NOT NULL,
        uid INTEGER NOT NULL,
        change INTEGER NOT NULL,
        flags INTEGER NOT NULL,
        keywords TEXT NOT NULL,
        flags_before INTEGER,
        keywords_before TEXT,
        size INTEGER NOT NULL,
        internal_date INTEGER NOT NULL,
        save_date INTEGER NOT NULL,
        message INTEGER NOT NULL,
        changed_at INTEGER NOT NULL,
        PRIMARY KEY (mailbox, modseq, uid)
    ) WITHOUT ROWID""",
    "CREATE TABLE tree (user TEXT PRIMARY KEY, highest_modseq INTEGER NOT NULL, log_floor INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    """CREATE TABLE tree_log (
        user TEXT NOT NULL,
        modseq INTEGER NOT NULL,
        number INTEGER NOT NULL,
        change INTEGER NOT NULL,
        mailbox INTEGER,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        namespace_before TEXT,
        name_before TEXT,
        changed_at INTEGER NOT NULL,
        PRIMARY KEY (user, modseq, number)
    ) WITHOUT ROWID""",
    "ALTER TABLE mailbox RENAME COLUMN expunge_floor TO log_floor",
    "ALTER TABLE mailbox ADD COLUMN recent INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE mailbox ADD COLUMN keywords TEXT NOT NULL DEFAULT ''",
    # what happened before is in no log: its floor is here
    """UPDATE mailbox SET log_floor = highest_modseq,
        recent = (SELECT count(*) FROM placement WHERE placement.mailbox = mailbox.id AND uid >= first_recent_uid),
        keywords = coalesce((SELECT group_concat(keyword.name, ' ') FROM keyword WHERE keyword.mailbox = mailbox.id), '')""",
    "DROP TABLE expunged",
    "DROP TABLE keyword",
    "DROP INDEX placement_modseq",
)

LISTENER_TABLES = (
    # `seeded_until`: the last mailbox that was made pending for a new group, NULL when all are
    """CREATE TABLE listener_group (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        needs_content INTEGER NOT NULL,
        follows_trees INTEGER NOT NULL,
        seeded_until INTEGER,
        is_removed INTEGER NOT NULL DEFAULT 0,
        owner TEXT
    )""",
    # `log` is a mailbox's row id, or 't:' and the user of a tree
    "CREATE TABLE listener_cursor (listener INTEGER NOT NULL, log NOT NULL, modseq INTEGER NOT NULL, PRIMARY KEY (listener, log)) WITHOUT ROWID",
    "CREATE TABLE listener_pending (listener INTEGER NOT NULL, log NOT NULL, PRIMARY KEY (listener, log)) WITHOUT ROWID",
    # deleted mailboxes and expunged messages that a group has not passed
    """CREATE TABLE held_mailbox (
        id INTEGER PRIMARY KEY,
        user TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        uid_validity INTEGER NOT NULL,
        uid_next INTEGER NOT NULL,
        highest_modseq INTEGER NOT NULL,
        messages INTEGER NOT NULL,
        unseen INTEGER NOT NULL,
        deleted INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        deleted_bytes INTEGER NOT NULL,
        first_recent_uid INTEGER NOT NULL,
        recent INTEGER NOT NULL,
        keywords TEXT NOT NULL,
        log_floor INTEGER NOT NULL,
        deleted_at INTEGER NOT NULL
    )""",
    """CREATE TABLE held_message (
        mailbox INTEGER NOT NULL,
        modseq INTEGER NOT NULL,
        message INTEGER NOT NULL,
        expunged_at INTEGER NOT NULL,
        PRIMARY KEY (mailbox, modseq, message)
    ) WITHOUT ROWID""",
    "CREATE INDEX held_message_message ON held_message (message)",
    """CREATE TABLE dead_letter (
        id TEXT PRIMARY KEY,
        listener TEXT NOT NULL,
        log NOT NULL,
        mailbox TEXT,
        since INTEGER,
        until INTEGER NOT NULL,
        error TEXT NOT NULL,
        failed_at REAL NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX dead_letter_listener ON dead_letter (listener, log)",
    "CREATE TABLE mailbox_usage (mailbox INTEGER PRIMARY KEY, user TEXT NOT NULL, messages INTEGER NOT NULL, size_bytes INTEGER NOT NULL, modseq INTEGER NOT NULL)",
    "CREATE INDEX mailbox_usage_user ON mailbox_usage (user)",
)

TASK_TABLES = (
    """CREATE TABLE task (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        arguments TEXT NOT NULL,
        priority INTEGER NOT NULL,
        status TEXT NOT NULL,
        submitted_at REAL NOT NULL,
        submitted_from TEXT NOT NULL,
        started_at REAL,
        executed_on TEXT,
        ended_at REAL,
        cancelled_from TEXT,
        progress TEXT,
        information TEXT NOT NULL,
        information_at REAL NOT NULL,
        failure TEXT,
        lease TEXT,
        owner TEXT,
        lease_until REAL,
        crashes INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX task_open ON task (priority DESC, number) WHERE ended_at IS NULL",
    "CREATE INDEX task_lease ON task (lease) WHERE lease IS NOT NULL",
    "CREATE INDEX task_ended ON task (ended_at) WHERE ended_at IS NOT NULL",
)

QUEUE_TABLES = (
    # unowned rows, those of one owner in a queue, and among them those that are ready
    "DROP INDEX queue_entry_owner",
    "CREATE INDEX queue_entry_owner ON queue_entry (owner, queue, due_at)",
    "CREATE INDEX queue_entry_entry ON queue_entry (entry)",
    # entries whose process died while it had them in work; few, so they cost the others nothing
    "CREATE TABLE queue_death (id INTEGER PRIMARY KEY, deaths INTEGER NOT NULL, deaths_alone INTEGER NOT NULL)",
    """CREATE TABLE unqueued_run (
        entry TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        is_running INTEGER NOT NULL,
        began_at REAL NOT NULL
    ) WITHOUT ROWID""",
    "INSERT INTO unqueued_run SELECT DISTINCT entry, '', 0, 0 FROM effect WHERE entry > 'run-' AND entry < 'run.'",
)

POLICY_TABLES = (
    """CREATE TABLE drop_list (
        scope TEXT NOT NULL, owner TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        PRIMARY KEY (scope, owner, kind, name)
    ) WITHOUT ROWID, STRICT""",
    "CREATE TABLE dlp_rules (domain TEXT NOT NULL PRIMARY KEY, rules BLOB NOT NULL) WITHOUT ROWID, STRICT",
)

BLOB_REFERENCE_TABLES = (
    # what refers to a blob by its id
    """CREATE TABLE blob_reference (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        digest BLOB NOT NULL,
        saved_at REAL NOT NULL,
        PRIMARY KEY (kind, key, digest)
    ) WITHOUT ROWID""",
    "CREATE INDEX blob_reference_digest ON blob_reference (digest)",
    # blobs that a collection found without reference, and when
    "CREATE TABLE blob_suspect (blob INTEGER PRIMARY KEY, since REAL NOT NULL)",
)

TOKEN_CORPUS_TABLES = (
    # messages of either kind, and how many different tokens
    "CREATE TABLE token_corpus (name TEXT PRIMARY KEY, ham INTEGER NOT NULL, spam INTEGER NOT NULL, tokens INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE corpus_token (corpus TEXT, token BLOB, ham INTEGER NOT NULL, spam INTEGER NOT NULL, PRIMARY KEY (corpus, token)) WITHOUT ROWID",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (*BLOB_TABLES, *EFFECT_TABLES, *MAILBOX_TABLES, *MAIL_TABLES, *ACCOUNT_TABLES),
    LOGIN_TABLES,
    FILTER_TABLES,
    LOG_TABLES,
    LISTENER_TABLES,
    TASK_TABLES,
    QUEUE_TABLES,
    VACATION_TABLES,
    SIEVE_TABLES,
    POLICY_TABLES,
    BLOB_REFERENCE_TABLES,
    SIEVE_LIST_TABLES,
    TOKEN_CORPUS_TABLES,
    OUTBOUND_TABLES,
    TRACE_TABLES,
    TRACE_SIZE_TABLES,
    # entries are counted when somebody asks
    ("ALTER TABLE queue DROP COLUMN size",),
    # no table changes: processes of the release before set no marks of mailboxes, so they may not run beside this one
    (),
)
"""Migration n (from 1) brings a database of version n-1 to version n. Never change one that was released: add another."""


class NewerSchema(CompostelaError):
    """The data folder was written by a newer release."""


def migrate(connection: apsw.Connection, check_unused: Callable[[], None]) -> None:
    """Brings the database to this code's version. Several processes may call it at once: one migrates, the others wait.

    `check_unused` raises if an older process holds the folder. It is called only if tables with data change: before the
    first statement and before the commit, for a process that came in between. Raises `NewerSchema`."""
    if _version(connection) == len(MIGRATIONS):
        return
    connection.set_busy_timeout(_WAIT_MILLISECONDS)
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise NewerSchema(_too_new(version))
        if version == 0:
            _run(connection, 0, began=lambda _: None)
            connection.execute(_SETTING, ("created-at", str(time.time())))
        elif version < len(MIGRATIONS):
            check_unused()
            _run_with_progress(connection, version)
            check_unused()
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        # a full disk may have ended the transaction already
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check_version(connection: apsw.Connection) -> None:
    """Raises `NewerSchema` if a newer release has migrated the database meanwhile. A migration that is under way is waited for.

    Called by a process that has its lock in the folder: a migration whose last look for locks came before is over when this
    returns, and a later one finds the lock."""
    connection.set_busy_timeout(_WAIT_MILLISECONDS)
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
    finally:
        connection.execute("ROLLBACK")
    if version > len(MIGRATIONS):
        raise NewerSchema(_too_new(version))


def _too_new(version: int) -> str:
    return (
        f"the data folder has schema version {version}, this release knows {len(MIGRATIONS)}: "
        "start the release that wrote it, or restore a backup made before the upgrade"
    )


def _run(connection: apsw.Connection, version: int, began: Callable[[int], None]) -> None:
    steps = (statement for migration in MIGRATIONS[version:] for statement in migration)
    for step, statement in enumerate(steps, start=1):
        began(step)
        connection.execute(statement)


def _run_with_progress(connection: apsw.Connection, version: int) -> None:
    """Tells the operator the start, every `PROGRESS_SECONDS` the step, and the end."""
    steps = sum(map(len, MIGRATIONS[version:]))
    began_at = told_at = time.monotonic()
    current = 1

    def began(step: int) -> None:
        nonlocal current
        current = step

    def tell() -> bool:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at >= PROGRESS_SECONDS:
            told_at = now
            _log.info("data folder migration goes on: step %d of %d, %.0f s", current, steps, now - began_at)
        return False

    _log.info("data folder migration begins: schema version %d to %d, %d steps", version, len(MIGRATIONS), steps)
    connection.set_progress_handler(tell, _PROGRESS_INSTRUCTIONS)
    try:
        _run(connection, version, began)
    finally:
        connection.set_progress_handler(None)
    _log.info("data folder migration is done: %d steps, %.1f s", steps, time.monotonic() - began_at)


def folder_id_of(connection: apsw.Connection) -> str:
    """The id of the data folder, made if there is none yet."""
    connection.execute(_SETTING, ("store-id", new_id()[-_FOLDER_ID_LENGTH:]))
    return str(connection.execute(FOLDER_ID).get)


def is_new(connection: apsw.Connection) -> bool:
    """Whether no table was made yet."""
    return _version(connection) == 0


def _version(connection: apsw.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").get)
