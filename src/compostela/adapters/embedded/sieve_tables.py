"""Tables for vacations and Sieve scripts."""

VACATION_TABLES = (
    """CREATE TABLE vacation (
        user TEXT PRIMARY KEY,
        is_enabled INTEGER NOT NULL,
        from_at REAL,
        to_at REAL,
        subject TEXT,
        text_body TEXT,
        html_body TEXT
    ) WITHOUT ROWID""",
    # senders who were answered, by which queue entry's run
    """CREATE TABLE vacation_answer (
        user TEXT NOT NULL,
        sender TEXT NOT NULL,
        entry TEXT NOT NULL,
        until REAL NOT NULL,
        PRIMARY KEY (user, sender)
    ) WITHOUT ROWID""",
    "CREATE INDEX vacation_answer_until ON vacation_answer (user, until)",
)

SIEVE_TABLES = (
    """CREATE TABLE sieve_script (
        user TEXT NOT NULL,
        name TEXT NOT NULL,
        text BLOB NOT NULL,
        tree BLOB NOT NULL,
        is_active INTEGER NOT NULL,
        PRIMARY KEY (user, name)
    )""",
    "CREATE UNIQUE INDEX sieve_script_active ON sieve_script (user) WHERE is_active",
    "CREATE TABLE sieve_quota (user TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE sieve_mark (user TEXT NOT NULL, key BLOB NOT NULL, by TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (user, key)) WITHOUT ROWID",
    "CREATE INDEX sieve_mark_until ON sieve_mark (until)",
)

SIEVE_LIST_TABLES = (
    # a row with an empty member for each list, and one for each member
    "CREATE TABLE sieve_list (user TEXT NOT NULL, name TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (user, name, member)) WITHOUT ROWID",
)
