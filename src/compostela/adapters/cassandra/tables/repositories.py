"""Mail repositories. Record 0011 lists their queries."""

REPOSITORY_TABLES = (
    # one partition, 'all': a row for each repository that was ever used
    "CREATE TABLE IF NOT EXISTS repository (part text, url text, PRIMARY KEY (part, url))",
    # the truth of a key: which storing is there. The rows are effects that have happened, which expire
    """CREATE TABLE IF NOT EXISTS repository_mail (
        url text,
        key text,
        effect blob,
        entry text static,
        facts blob static,
        mail blob static,
        PRIMARY KEY ((url, key), effect)
    )""",
    # storings by their day, in their order; one that is not the truth of its key is ignored and removed
    """CREATE TABLE IF NOT EXISTS repository_line (
        url text,
        day int,
        entry text,
        key text,
        PRIMARY KEY ((url, day), entry)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    # the days that have storings
    "CREATE TABLE IF NOT EXISTS repository_day (url text, day int, PRIMARY KEY (url, day))",
)
