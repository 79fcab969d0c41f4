"""The words of known ham and spam. Record 0011 lists their queries."""

TOKEN_TABLES = (
    # a corpus is spread over shards by its tokens. A row is a token, or the mark of a part of an effect that has happened, which expires;
    # shard -1 has the row of the messages. `size` is the number of tokens
    """CREATE TABLE IF NOT EXISTS corpus_token (
        corpus text,
        shard tinyint,
        key blob,
        revision bigint static,
        size int static,
        ham int,
        spam int,
        PRIMARY KEY ((corpus, shard), key)
    ) WITH compaction = {'class': 'LeveledCompactionStrategy'}""",
)
