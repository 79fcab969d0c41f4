"""Which parts refer to blobs by id. Record 0011 lists their queries."""

BLOB_TABLES = (
    # the truth of a reference
    """CREATE TABLE IF NOT EXISTS blob_reference (
        kind text,
        bucket tinyint,
        key text,
        blob text,
        saved_at double,
        PRIMARY KEY ((kind, bucket), key, blob)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    # objects that lost a reference, and in which generation: readers may still have them
    "CREATE TABLE IF NOT EXISTS blob_released (object text PRIMARY KEY, generation bigint)",
)
