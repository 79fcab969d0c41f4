"""The tables of mailboxes: see docs/decisions/0012-mailboxes-on-cassandra.md for their queries."""

_LEVELED = "compaction = {'class': 'LeveledCompactionStrategy'}"

MAILBOX_TABLES = (
    # kind 0: rows of the log by ModSeq, newest first, and the sentinel; kind 1: effects
    f"""CREATE TABLE IF NOT EXISTS mailbox_log (mailbox text, kind tinyint, k blob, revision bigint static, head blob static,
        entry blob, image blob, PRIMARY KEY (mailbox, kind, k))
        WITH CLUSTERING ORDER BY (kind ASC, k DESC) AND {_LEVELED}""",
    f"""CREATE TABLE IF NOT EXISTS mailbox_page (mailbox text, bucket int, page int, version bigint, uids blob, flags blob,
        facts blob, PRIMARY KEY ((mailbox, bucket), page)) WITH {_LEVELED}""",
    f"""CREATE TABLE IF NOT EXISTS mailbox_kept_log (mailbox text, bucket bigint, modseq bigint, entry blob, image blob,
        at bigint, PRIMARY KEY ((mailbox, bucket), modseq)) WITH {_LEVELED}""",
    # uid 0: an intent, written before the publish that places the message; `suspect`: since when it has no place
    """CREATE TABLE IF NOT EXISTS message (message blob, mailbox text, uid bigint, content blob static, body blob static,
        suspect bigint static, PRIMARY KEY (message, mailbox, uid))""",
    # kind 0: mailboxes by namespace and name; 1: subscriptions; 2: the log; 3: mailboxes that are being removed
    f"""CREATE TABLE IF NOT EXISTS mailbox_tree (user text, kind tinyint, k text, revision bigint static, head blob static,
        value blob, PRIMARY KEY (user, kind, k)) WITH {_LEVELED}""",
)
