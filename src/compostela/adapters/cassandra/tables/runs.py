"""Runs over unqueued mails, and dead letters. Record 0011 lists their queries."""

RUN_TABLES = (
    "CREATE TABLE IF NOT EXISTS unqueued_run (mark blob PRIMARY KEY, entry text, owner text) WITH gc_grace_seconds = 86400",
    """CREATE TABLE IF NOT EXISTS dead_letter (
        listener text,
        bucket tinyint,
        log text,
        id text,
        letter blob,
        PRIMARY KEY ((listener, bucket), log, id)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    # the log of a letter
    "CREATE TABLE IF NOT EXISTS dead_letter_log (listener text, id text, log text, PRIMARY KEY ((listener, id)))",
)
