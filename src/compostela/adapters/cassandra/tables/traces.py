"""Events of mails."""

TRACE_TABLES = (
    "CREATE TABLE IF NOT EXISTS mail_trace (id text, part text, events blob, PRIMARY KEY (id, part))",
    # under which trace a mail was accepted
    "CREATE TABLE IF NOT EXISTS mail_trace_name (mail text PRIMARY KEY, id text)",
)
