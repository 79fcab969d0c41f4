"""Tables for mail that leaves, and for what happened to mails."""

OUTBOUND_TABLES = (
    # MTA-STS policies of other domains
    """CREATE TABLE sts_policy (
        domain TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL, text TEXT NOT NULL, fetched_at REAL NOT NULL, until REAL NOT NULL
    ) WITHOUT ROWID, STRICT""",
    # how TLS sessions went, by day (since 1970) and domain of the recipients
    """CREATE TABLE tls_result (
        day INTEGER NOT NULL, domain TEXT NOT NULL, result BLOB NOT NULL, sessions INTEGER NOT NULL,
        PRIMARY KEY (day, domain, result)
    ) WITHOUT ROWID, STRICT""",
)

TRACE_TABLES = (
    # a row for each mail and write; `mail` is the name under which it was accepted
    "CREATE TABLE trace (id INTEGER PRIMARY KEY, trace TEXT NOT NULL, mail TEXT NOT NULL, until REAL NOT NULL, events BLOB NOT NULL) STRICT",
    "CREATE INDEX trace_trace ON trace (trace)",
    "CREATE INDEX trace_mail ON trace (mail)",
)

TRACE_SIZE_TABLES = (
    # each row with the octets that it takes, and with those of all rows before it, removed ones included
    "ALTER TABLE trace RENAME TO trace_without_size",
    """CREATE TABLE trace (
        id INTEGER PRIMARY KEY, octets INTEGER NOT NULL, octets_before INTEGER NOT NULL, trace TEXT NOT NULL, mail TEXT NOT NULL,
        until REAL NOT NULL, events BLOB NOT NULL
    ) STRICT""",
    """INSERT INTO trace SELECT id, octets, sum(octets) OVER (ORDER BY id) - octets, trace, mail, until, events FROM
        (SELECT *, 100 + 2 * (length(trace) + length(mail)) + length(events) AS octets FROM trace_without_size)""",
    "DROP TABLE trace_without_size",
    "CREATE INDEX trace_trace ON trace (trace)",
    "CREATE INDEX trace_mail ON trace (mail)",
)
