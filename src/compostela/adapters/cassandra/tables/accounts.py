"""Users, domains, the rewrite table and delegations. Record 0011 lists their queries."""

ACCOUNT_TABLES = (
    # credentials and the list of names at once: the names of a domain are in 64 partitions, each in order
    """CREATE TABLE IF NOT EXISTS user (
        domain text,
        bucket smallint,
        name text,
        password text,
        scram text,
        PRIMARY KEY ((domain, bucket), name)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    "CREATE TABLE IF NOT EXISTS secret (name text PRIMARY KEY, value blob)",
    "CREATE TABLE IF NOT EXISTS domain (name text PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS mapping (
        domain text,
        local_part text,
        type text,
        target text,
        PRIMARY KEY ((domain, local_part), type, target)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    # which sources have a target
    """CREATE TABLE IF NOT EXISTS mapping_source (
        type text,
        target text,
        domain text,
        local_part text,
        PRIMARY KEY ((type, target), domain, local_part)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    "CREATE TABLE IF NOT EXISTS delegation (base text, delegate text, PRIMARY KEY (base, delegate))",
    # for which users one may act
    "CREATE TABLE IF NOT EXISTS delegate_of (delegate text, base text, PRIMARY KEY (delegate, base))",
)
