"""What mail that leaves needs: TLS policies of other domains, and how TLS went."""

OUTBOUND_TABLES = (
    "CREATE TABLE IF NOT EXISTS sts_policy (domain text PRIMARY KEY, id text, policy text, fetched_at double, until double)",
    # days since 1970; a row for each time that a node adds some
    """CREATE TABLE IF NOT EXISTS tls_result (day int, domain text, part text, counts blob, PRIMARY KEY (day, domain, part))""",
)
