"""The embedded store: one SQLite database with one writer a process, and files for large bodies."""
