"""Listener groups and what is held for them. Record 0012 lists their queries."""

_LEVELED = "compaction = {'class': 'LeveledCompactionStrategy'}"
# a deletion that a replica missed brings back a note at most, which readers pass over: so tombstones may go early
_SHORT_GRACE = "gc_grace_seconds = 86400"

LISTENER_TABLES = (
    # `owner` expires: which node runs the group
    """CREATE TABLE IF NOT EXISTS listener_group (part text, name text, value blob, owner text, PRIMARY KEY (part, name))
        WITH gc_grace_seconds = 86400""",
    # that a log has news for a group; the timestamp is the ModSeq of the news
    f"""CREATE TABLE IF NOT EXISTS listener_news (listener text, bucket tinyint, log text,
        PRIMARY KEY ((listener, bucket), log)) WITH {_LEVELED} AND {_SHORT_GRACE}""",
    # how far a group has read a log
    f"""CREATE TABLE IF NOT EXISTS listener_cursor (listener text, bucket tinyint, log text, modseq bigint,
        PRIMARY KEY ((listener, bucket), log)) WITH {_LEVELED}""",
    # deleted mailboxes that groups have not passed
    f"CREATE TABLE IF NOT EXISTS held_mailbox (mailbox text PRIMARY KEY, value blob) WITH {_LEVELED}",
)
