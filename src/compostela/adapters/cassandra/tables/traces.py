"""Events of mails."""

TRACE_TABLES = (
    "CREATE TABLE IF NOT EXISTS mail_trace (id text, part text, events blob, PRIMARY KEY (id, part))",
    # under which trace a mail was accepted
    "CREATE TABLE IF NOT EXISTS mail_trace_name (mail text PRIMARY KEY, id text)",
)

TRACE_BUCKET_TABLES = (
    # the two tables above have no order by age, so that their octets cannot be bounded: rows are written here instead, and those end by
    # their TTL. A bucket is what one process wrote, up to some size
    "CREATE TABLE IF NOT EXISTS trace_bucket_event (bucket text, id text, part text, events blob, PRIMARY KEY (bucket, id, part))",
    "CREATE TABLE IF NOT EXISTS trace_bucket_mail (bucket text, mail text, id text, PRIMARY KEY (bucket, mail))",
    # all buckets, in one partition
    "CREATE TABLE IF NOT EXISTS trace_bucket (name text, bucket text, octets bigint, changed_at double, is_closed boolean,"
    " PRIMARY KEY (name, bucket))",
)
