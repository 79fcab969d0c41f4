"""What of the adapter of Cassandra needs no engine. Its stores are tested in `tests.distributed`."""
