"""Greylisting, drop lists, DLP rules, Sieve and vacations. Record 0011 lists their queries."""

FILTERING_TABLES = (
    "CREATE TABLE IF NOT EXISTS greylist (key blob PRIMARY KEY, seen blob) WITH gc_grace_seconds = 86400",
    # `revision` is that of the user's scripts. The active script is there twice, since each delivery reads it
    """CREATE TABLE IF NOT EXISTS sieve_script (
        user text,
        name text,
        revision bigint static,
        quota bigint static,
        active text static,
        active_text blob static,
        active_tree blob static,
        size int,
        content blob,
        tree blob,
        PRIMARY KEY (user, name)
    )""",
    # `cleared` counts the changes of whole ranges
    """CREATE TABLE IF NOT EXISTS sieve_mark (
        user text,
        key blob,
        cleared bigint static,
        run text,
        until double,
        PRIMARY KEY (user, key)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    # the settings of a user, and the senders that were answered
    """CREATE TABLE IF NOT EXISTS vacation (
        user text,
        sender text,
        revision bigint static,
        is_enabled boolean static,
        from_at double static,
        to_at double static,
        subject text static,
        text_body text static,
        html_body text static,
        entry text,
        until double,
        PRIMARY KEY (user, sender)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    # kind 0: a domain, 1: an address. `cleared` as in sieve_mark
    """CREATE TABLE IF NOT EXISTS drop_list (
        scope text,
        owner text,
        kind tinyint,
        name text,
        cleared bigint static,
        PRIMARY KEY ((scope, owner), kind, name)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
    "CREATE TABLE IF NOT EXISTS dlp_rules (domain text PRIMARY KEY, rules blob, revision bigint)",
    # the external lists of an owner, and where the members of each are now
    """CREATE TABLE IF NOT EXISTS sieve_list (
        owner text,
        name text,
        revision bigint static,
        version text,
        PRIMARY KEY (owner, name)
    )""",
    # written once, before the list's row leads to them
    """CREATE TABLE IF NOT EXISTS sieve_list_member (
        version text,
        member text,
        PRIMARY KEY (version, member)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
)
