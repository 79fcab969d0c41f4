"""Short-lived counters that the worker processes of one machine share, in a SQLite file without fsync."""
