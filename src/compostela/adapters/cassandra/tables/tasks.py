"""Tasks. Record 0011 lists their queries."""

TASK_TABLES = (
    # one partition, 'open': all tasks that have not ended, at most a thousand and a few
    """CREATE TABLE IF NOT EXISTS task (
        part text,
        id uuid,
        version bigint static,
        last_number bigint static,
        record blob,
        PRIMARY KEY (part, id)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    # those that have ended never change
    "CREATE TABLE IF NOT EXISTS task_ended (id uuid PRIMARY KEY, record blob)",
    # the same by the day of their submission, the newest first
    """CREATE TABLE IF NOT EXISTS task_of_day (
        day int,
        number bigint,
        record blob,
        PRIMARY KEY (day, number)
    ) WITH CLUSTERING ORDER BY (number DESC) AND compaction = {'class': 'LeveledCompactionStrategy'}""",
    # the days that have tasks, in one partition, 'all': one row a day
    """CREATE TABLE IF NOT EXISTS task_day (
        part text,
        day int,
        PRIMARY KEY (part, day)
    ) WITH CLUSTERING ORDER BY (day DESC)""",
)
