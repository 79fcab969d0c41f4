"""Mail queues. Record 0013 lists their queries."""

QUEUE_TABLES = (
    # the state of an entry. `revision` is -1 for a while after an entry that an effect made has ended; `work` names its consumer
    """CREATE TABLE IF NOT EXISTS queue_entry (entry text PRIMARY KEY, revision bigint, facts blob, mail blob, work blob)
        WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    # the entries that were enqueued in a minute
    """CREATE TABLE IF NOT EXISTS queue_line (queue text, minute bigint, bucket tinyint, entry text,
        PRIMARY KEY ((queue, minute, bucket), entry))""",
    # those whose time comes in a minute
    """CREATE TABLE IF NOT EXISTS queue_due (queue text, minute bigint, due double, entry text, revision bigint,
        PRIMARY KEY ((queue, minute), due, entry, revision))""",
    # which minutes have lines or due entries: names of minutes, see `queue_minutes`
    """CREATE TABLE IF NOT EXISTS queue_minute (queue text, kind text, minute bigint, PRIMARY KEY ((queue, kind), minute))
        WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    # entries put minus entries ended, by node
    "CREATE TABLE IF NOT EXISTS queue_count (queue text, node text, balance bigint, PRIMARY KEY (queue, node))",
    # the nodes that are alive
    "CREATE TABLE IF NOT EXISTS queue_node (node text PRIMARY KEY, beat bigint)",
    # which node sweeps a queue
    "CREATE TABLE IF NOT EXISTS queue_lease (queue text PRIMARY KEY, node text)",
)

QUEUE_MINUTE_OPTIONS = (
    # the scheduler reads past the tombstones of all minutes each second. A name that comes back is forgotten once more
    "ALTER TABLE queue_minute WITH gc_grace_seconds = 3600",
)
